import { z } from "zod";
import { unreachable } from "../../node/base/assert.ts";
import type { Promises, Transfer } from "./books.ts";

/** The lines that the load generator writes (`node/client/load-history.ts`), read here as a format and not as code. */
const decimal = z.string().regex(/^[0-9]+$/);
const count = z.number().int().nonnegative();
const process = z.number().int();
const operation = { process, type: z.literal("invoke") };
const reason = z.object({ reason: z.string() });
const lineSchema = z.union([
  z.object({
    ...operation,
    f: z.literal("open"),
    value: z.object({ base: decimal, count, payer: decimal }),
  }),
  z.object({
    ...operation,
    f: z.literal("fund"),
    value: z.object({ firstId: decimal, base: decimal, count, payer: decimal, amount: decimal }),
  }),
  z.object({
    ...operation,
    f: z.literal("transfer"),
    value: z.object({ firstId: decimal, base: decimal, moves: z.array(z.tuple([count, count, count])) }),
  }),
  z.object({
    process,
    type: z.literal("ok"),
    value: z.object({ failures: z.array(z.tuple([count, z.string()])) }),
  }),
  z.object({ process, type: z.literal("fail"), value: reason }),
  z.object({ process, type: z.literal("info"), value: reason }),
]);
type Line = z.output<typeof lineSchema>;
type Invoke = Extract<Line, { type: "invoke" }>;

export type History = Promises & {
  /** Batches of the running process that have no answer yet. */
  readonly open: number;
};

/** An old id may be refused although it was applied: that answer is no proof of either. */
const NO_PROOF = "id_expired";

/** Processes of one run share everything above their last six digits. */
const PROCESSES_PER_RUN = 1_000_000;
const runOf = (process: number): number => Math.floor(process / PROCESSES_PER_RUN);

/** What the clients asked and what they were told, transfer by transfer. An unreadable line is an error: it may hold a promise. */
export function parseHistory(text: string): History {
  const acknowledged: Transfer[] = [];
  const refused: Transfer[] = [];
  const unanswered: Transfer[] = [];
  const open = new Map<number, Invoke>();
  let running = 0;
  for (const [index, line] of text.split("\n").entries()) {
    if (line === "") continue;
    const parsed = lineSchema.safeParse(parseJson(line, index));
    if (!parsed.success) throw new Error(`line ${index + 1} of the history: ${z.prettifyError(parsed.error)}`);
    const { process } = parsed.data;
    running = runOf(process);
    const invoke = open.get(process);
    if (parsed.data.type === "invoke") {
      if (invoke !== undefined) throw new Error(`line ${index + 1} of the history: process ${process} is not done yet`);
      open.set(process, parsed.data);
      continue;
    }
    if (invoke === undefined) throw new Error(`line ${index + 1} of the history: process ${process} has asked nothing`);
    open.delete(process);
    const transfers = transfersOf(invoke);
    const { data: answer } = parsed;
    if (answer.type === "info") unanswered.push(...transfers);
    else if (answer.type === "fail") refused.push(...transfers);
    else if (answer.type === "ok") {
      const failed = new Map(answer.value.failures);
      for (const [at, transfer] of transfers.entries()) {
        const code = failed.get(at);
        if (code === undefined) acknowledged.push(transfer);
        else (code === NO_PROOF ? unanswered : refused).push(transfer);
      }
    } else unreachable(answer);
  }
  for (const invoke of open.values()) unanswered.push(...transfersOf(invoke));
  const waiting = [...open.keys()].filter((process) => runOf(process) === running);
  return { acknowledged, refused, unanswered, open: waiting.length };
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
  const firstId = BigInt(invoke.value.firstId);
  const base = BigInt(invoke.value.base);
  if (invoke.f === "transfer")
    return invoke.value.moves.map(([payer, payee, amount], index) => ({
      id: firstId + BigInt(index),
      debit: base + BigInt(payer),
      credit: base + BigInt(payee),
      amount: BigInt(amount),
    }));
  const debit = BigInt(invoke.value.payer);
  const amount = BigInt(invoke.value.amount);
  return Array.from({ length: invoke.value.count }, (_, index) => {
    const id = firstId + BigInt(index);
    return { id, debit, credit: base + BigInt(index), amount };
  });
}
