import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import type { Hex } from "../base/bytes.ts";
import { type BatchProof, checkBatchProof, followEpochs, type Trust } from "../chain/proof.ts";
import { proofFrom } from "../chain/proof-file.ts";
import { batchId } from "../codec/batch.ts";
import type { ApiReader } from "./api-reader.ts";
import type { Pool } from "./pool.ts";
import { type FirstAnswer, finalAnswer } from "./quorum.ts";
import { OF_ITS_PLACE, refusalOf, resultOf, type SendResult } from "./send-result.ts";

/** Proofs of one network, checked with nothing but a validator set. */
export type Prover = {
  /** What a batch became, as the proof of any node shows it; whose word it was and what it said does not matter. */
  confirm(first: FirstAnswer, how: ConfirmOptions): Promise<SendResult>;
};

type ConfirmOptions = {
  readonly pool: Pool;
  readonly requestTimeoutMs: number;
  readonly confirmTimeoutMs: number;
  readonly signal: AbortSignal;
};

const RETRY_MS = 50;
/** As long one node is waited for alone: a block and its successors at the slowest pace of a network that is well. */
const OTHERS_AFTER_MS = 3_000;

/** Resolves when this rejects; else never. */
const failed = (promise: Promise<unknown>): Promise<void> =>
  new Promise((resolve) => {
    promise.catch(() => resolve());
  });

/**
 * `known`: whom the caller trusts. A proof that leads on to a later epoch's validators moves the trust there: nodes can show
 * the way from the last few hours' epochs only.
 */
export function createProver(reader: ApiReader, known: Trust): Prover {
  let trust = known;
  /** The proof that a node shows now; undefined: none yet. Rejects for one that proves nothing, and where the node refuses. */
  const proofOf = async (
    target: number,
    { id, height }: { readonly id: Hex; readonly height: number },
    signal: AbortSignal,
  ): Promise<BatchProof | undefined> => {
    const path = `/v1/proofs/batches/${id}?height=${height}&epoch=${trust.epoch}`;
    const found = await reader.get(path, z.unknown(), { target, signal });
    if (found === undefined) return undefined;
    const proof = proofFrom(found);
    if (!proof.ok) throw new Error(`no proof: ${proof.detail ?? proof.reason}`);
    if (proof.value.kind !== "batch" || proof.value.batch !== id) throw new Error("a proof of something else");
    return proof.value;
  };
  const check = (proof: BatchProof): number => {
    const checked = checkBatchProof(proof, trust);
    if (!checked.ok) throw new Error(`a proof that proves nothing: ${checked.detail ?? checked.reason}`);
    const reached = followEpochs(proof.epochs, trust);
    const newest = proof.epochs.at(-1);
    if (reached.ok && newest !== undefined)
      trust = { chainId: trust.chainId, epoch: reached.value.epoch, members: newest.members };
    return checked.value.height;
  };
  /** One node's answer, proved; undefined: it refuses the batch, of which there is nothing to prove. */
  const proved = async (answered: FirstAnswer, signal: AbortSignal): Promise<SendResult | undefined> => {
    const { answer, batch, target } = answered;
    if (answer.type === "refused") return undefined;
    const id = batchId(batch);
    for (;;) {
      signal.throwIfAborted();
      const proof = await proofOf(target, { id, height: answer.height }, signal);
      if (proof !== undefined) {
        const answer = { type: "committed", height: check(proof), outcome: proof.outcome } as const;
        const refusal = refusalOf(answer);
        if (refusal !== undefined && OF_ITS_PLACE.includes(refusal))
          throw new Error(`block ${answer.height} refuses it (${refusal}), and another one may have executed it`);
        return resultOf(answer, target);
      }
      await delay(RETRY_MS, undefined, { signal });
    }
  };
  return {
    confirm: async (first, { pool, requestTimeoutMs, confirmTimeoutMs, signal: ended }) => {
      const late = AbortSignal.timeout(confirmTimeoutMs);
      const done = new AbortController();
      const signal = AbortSignal.any([ended, late, done.signal]);
      const problems: string[] = [];
      const ask = async (target: number): Promise<SendResult> => {
        const { batch } = first;
        const answer =
          target === first.target ? first.answer : await finalAnswer(target, batch, { pool, requestTimeoutMs, signal });
        if (answer === undefined) throw new Error("no answer");
        const result = await proved({ batch, answer, target }, signal);
        if (result === undefined) throw new Error(`it refuses: ${refusalOf(answer)}`);
        return result;
      };
      const noted = (target: number): Promise<SendResult> =>
        ask(target).catch((cause: unknown) => {
          problems.push(`node ${target}: ${cause instanceof Error ? cause.message : String(cause)}`);
          throw cause;
        });
      const asked = noted(first.target);
      // One node is enough, as long as it does show a proof.
      const others = Array.from({ length: pool.size }, (_, target) => target)
        .filter((target) => target !== first.target)
        .map(async (target) => {
          await Promise.race([failed(asked), delay(OTHERS_AFTER_MS, undefined, { signal }).catch(() => undefined)]);
          return noted(target);
        });
      try {
        // The first proof that holds is the last word: what was executed is never refused but for its place, nor the other way round.
        return await Promise.any([asked, ...others]);
      } catch {
        // Nobody has executed it, says everybody: a refusal is one node's word, as there is nothing to prove.
        const reason = problems.join("; ");
        return first.answer.type === "refused" && !late.aborted && !ended.aborted
          ? resultOf(first.answer, first.target)
          : { type: "unknown", reason: `not proved: ${reason}` };
      } finally {
        done.abort();
      }
    },
  };
}
