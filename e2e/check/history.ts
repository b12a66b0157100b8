import { z } from "zod";
import { unreachable } from "../../node/base/assert.ts";
import type { Promises, Transfer } from "./books.ts";

/** The lines that the load generator writes (`node/client/load-history.ts`), read here as a format and not as code. */
const decimal = z.string().regex(/^[0-9]+$/);
const count = z.number().int().nonnegative();
const common = { process: z.string(), op: z.number().int() };
const lineSchema = z.discriminatedUnion("type", [
  z.object({
    ...common,
    type: z.literal("invoke"),
    f: z.enum(["open", "fund", "transfer"]),
    base: decimal,
    count,
    firstId: decimal.optional(),
    payer: decimal.optional(),
    amount: decimal.optional(),
    number: count.optional(),
    accounts: count.optional(),
  }),
  z.object({
    ...common,
    type: z.literal("ok"),
    failures: z.array(z.object({ index: count, code: z.string() })),
  }),
  z.object({ ...common, type: z.literal("fail"), reason: z.string() }),
  z.object({ ...common, type: z.literal("info"), reason: z.string() }),
]);
type Line = z.output<typeof lineSchema>;
type Invoke = Extract<Line, { type: "invoke" }>;

export type History = Promises & {
  /** Batches of the running process that have no answer yet. */
  readonly open: number;
};

/** An old id may be refused although it was applied: that answer is no proof of either. */
const NO_PROOF = "id_expired";

/** What the clients asked and what they were told, transfer by transfer. An unreadable line is an error: it may hold a promise. */
export function parseHistory(text: string): History {
  const invoked = new Map<string, Invoke>();
  const answers = new Map<string, Exclude<Line, Invoke>>();
  let running = "";
  for (const [index, line] of text.split("\n").entries()) {
    if (line === "") continue;
    const parsed = lineSchema.safeParse(parseJson(line, index));
    if (!parsed.success) throw new Error(`line ${index + 1} of the history: ${z.prettifyError(parsed.error)}`);
    const key = `${parsed.data.process}/${parsed.data.op}`;
    running = parsed.data.process;
    if (parsed.data.type === "invoke") invoked.set(key, parsed.data);
    else answers.set(key, parsed.data);
  }
  const acknowledged: Transfer[] = [];
  const refused: Transfer[] = [];
  const unanswered: Transfer[] = [];
  let open = 0;
  for (const [key, invoke] of invoked) {
    const answer = answers.get(key);
    const transfers = transfersOf(invoke);
    if (answer === undefined && invoke.process === running) open += 1;
    if (answer === undefined || answer.type === "info") unanswered.push(...transfers);
    else if (answer.type === "fail") refused.push(...transfers);
    else if (answer.type === "ok") {
      const failed = new Map(answer.failures.map((failure) => [failure.index, failure.code]));
      for (const [index, transfer] of transfers.entries()) {
        const code = failed.get(index);
        if (code === undefined) acknowledged.push(transfer);
        else (code === NO_PROOF ? unanswered : refused).push(transfer);
      }
    } else unreachable(answer);
  }
  return { acknowledged, refused, unanswered, open };
}

function parseJson(line: string, index: number): unknown {
  try {
    return JSON.parse(line);
  } catch {
    // A process that was killed leaves half a line; whoever comes next begins a new one.
    throw new Error(`line ${index + 1} of the history is not JSON: ${line.slice(0, 80)}`);
  }
}

function transfersOf(invoke: Invoke): Transfer[] {
  if (invoke.f === "open") return [];
  const firstId = BigInt(need(invoke, "firstId"));
  const base = BigInt(invoke.base);
  return Array.from({ length: invoke.count }, (_, index) => {
    const id = firstId + BigInt(index);
    if (invoke.f === "fund")
      return {
        id,
        debit: BigInt(need(invoke, "payer")),
        credit: base + BigInt(index),
        amount: BigInt(need(invoke, "amount")),
      };
    // The plan as the generator's documentation states it: in round r = ⌊number/N⌋ account p = number mod N pays account
    // (p + 1 + (r + index) mod (N − 1)) mod N the amount 1 + (r + index) mod 5.
    const number = need(invoke, "number");
    const accounts = need(invoke, "accounts");
    const payer = number % accounts;
    const turn = Math.floor(number / accounts) + index;
    return {
      id,
      debit: base + BigInt(payer),
      credit: base + BigInt((payer + 1 + (turn % (accounts - 1))) % accounts),
      amount: BigInt(1 + (turn % 5)),
    };
  });
}

function need<K extends "firstId" | "payer" | "amount" | "number" | "accounts">(
  invoke: Invoke,
  field: K,
): NonNullable<Invoke[K]> {
  const value = invoke[field];
  if (value === undefined || value === null)
    throw new Error(`operation ${invoke.op} of ${invoke.process} in the history has no ${field}`);
  return value;
}
