import { setTimeout as delay } from "node:timers/promises";
import type { ClientAnswer } from "../ports.ts";
import type { Pool } from "./pool.ts";
import { refusalOf, resultOf, type SendResult } from "./send-result.ts";

/** Weight of each target's validator, by target, and of all validators, targets or not. */
export type Weights = { readonly ofTarget: readonly number[]; readonly total: number };

export type FirstAnswer = {
  readonly batch: Uint8Array;
  readonly answer: ClientAnswer;
  readonly target: number;
};

const RETRY_MS = 50;

/**
 * Asks the other nodes for their result of the same batch, until equal answers have more than a third of the weight: then
 * one that is not faulty has said it (domain.md, "Ledger": `confirm`). Nodes that did not have the batch get it by this.
 */
export async function confirmByQuorum(
  first: FirstAnswer,
  how: {
    readonly pool: Pool;
    readonly weights: Weights;
    readonly requestTimeoutMs: number;
    readonly confirmTimeoutMs: number;
    readonly signal: AbortSignal;
  },
): Promise<SendResult> {
  const { pool, weights } = how;
  const enough = new AbortController();
  const late = AbortSignal.timeout(how.confirmTimeoutMs);
  const signal = AbortSignal.any([how.signal, late, enough.signal]);
  const said = new Map<string, { weight: number; readonly answer: ClientAnswer; readonly target: number }>();
  let agreed: SendResult | undefined;
  const count = (answer: ClientAnswer, target: number): void => {
    const key = keyOf(answer);
    const equal = said.get(key) ?? { weight: 0, answer, target };
    equal.weight += weights.ofTarget[target] ?? 0;
    said.set(key, equal);
    if (3 * equal.weight <= weights.total || agreed !== undefined) return;
    agreed = resultOf(equal.answer, equal.target);
    enough.abort();
  };
  count(first.answer, first.target);
  const others = Array.from({ length: pool.size }, (_, target) => target).filter((target) => target !== first.target);
  await Promise.all(
    others.map(async (target) => {
      const answer = await finalAnswer(target, first.batch, { ...how, signal });
      if (answer !== undefined) count(answer, target);
    }),
  );
  if (agreed !== undefined) return agreed;
  const heard = [...said.values()].map(({ weight, answer }) => `${weight} of ${weights.total} say ${textOf(answer)}`);
  return { type: "unknown", reason: `no answer has more than a third of the weight: ${heard.join(", ")}` };
}

/** This target's last word about the batch; undefined when the signal came first. */
export async function finalAnswer(
  target: number,
  batch: Uint8Array,
  {
    pool,
    requestTimeoutMs,
    signal,
  }: { readonly pool: Pool; readonly requestTimeoutMs: number; readonly signal: AbortSignal },
): Promise<ClientAnswer | undefined> {
  while (!signal.aborted) {
    const attempt = await pool.at(target)?.ask(batch, requestTimeoutMs, signal);
    if (attempt?.type === "answered" && (attempt.answer.type === "committed" || !attempt.answer.retryable)) {
      return attempt.answer;
    }
    await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
  }
  return undefined;
}

/** Equal answers have equal keys. */
const keyOf = (answer: ClientAnswer): string =>
  answer.type === "refused" ? `refused ${answer.reason}` : `${answer.height} ${JSON.stringify(answer.outcome)}`;

const textOf = (answer: ClientAnswer): string =>
  answer.type === "refused" ? answer.reason : (refusalOf(answer) ?? `committed in block ${answer.height}`);
