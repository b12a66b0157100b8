import { setTimeout as delay } from "node:timers/promises";
import { present } from "../base/assert.ts";
import { type Hex, toHex } from "../base/bytes.ts";
import { type BatchType, encodeBatch } from "../codec/batch.ts";
import type { KeyPair } from "../codec/signature.ts";
import { newStream } from "./ids.ts";
import type { Pool } from "./pool.ts";
import type { Prover } from "./prove.ts";
import { confirmByQuorum, type FirstAnswer, type Weights } from "./quorum.ts";
import { refusalOf, resultOf, type SendResult } from "./send-result.ts";
import type { WaitingRoom } from "./waiting-room.ts";

export type SendOptions = {
  readonly keyPair?: KeyPair;
  /** Index of the target to ask first. */
  readonly target?: number;
  readonly signal?: AbortSignal;
  /**
   * Whose word is enough: the node's that answers (the default), equal words of more than a third of the weight, or nobody's:
   * a proof that a later block certifies the results, checked with the validator set that the client was given.
   */
  readonly confirm?: "node" | "quorum" | "proof";
};

export type SenderParts = {
  readonly pool: Pool;
  readonly room: WaitingRoom;
  readonly chainId: Hex;
  readonly keyPair: KeyPair;
  readonly requestTimeoutMs: number;
  readonly confirmTimeoutMs: number;
  /** Asked for by `confirm: "quorum"`; rejects when it cannot be known. */
  readonly weights: (signal: AbortSignal) => Promise<Weights>;
  /** Asked for by `confirm: "proof"`; undefined: no validator set is known. */
  readonly prover: Prover | undefined;
  readonly ended: AbortSignal;
};

/** A batch, and what it takes to sign it anew. */
export type Signed<T extends BatchType = BatchType> = {
  readonly type: T;
  readonly payload: Uint8Array;
  readonly keyPair: KeyPair;
  readonly batch: Uint8Array;
};

export type Sender = {
  /** With the next sequence of the key's stream; without a key, with the client's own. */
  sign<T extends BatchType>(type: T, payload: Uint8Array, keyPair?: KeyPair): Signed<T>;
  send(signed: Signed, how: Omit<SendOptions, "keyPair">): Promise<SendResult>;
};

/** A batch that is not executed by then is signed anew, with the same ids. */
const BATCH_LIFETIME_MS = 120_000;
/** Ids are known for ten minutes; a minute less, for clocks that differ. */
const IDS_LIFETIME_MS = 540_000;
const BACKOFF_MS = { first: 20, most: 1_000 } as const;
/** After these a batch with the same ids and a new sequence gives the final word. */
const SIGN_ANEW: readonly string[] = ["expired", "sequence_too_old", "sequence_taken"];

/** The one way out: sends the same bytes to one node after another until there is an answer. */
export function createSender(parts: SenderParts): Sender {
  const streams = new Map<string, { readonly stream: bigint; next: bigint }>();
  const sign: Sender["sign"] = (type, payload, keyPair = parts.keyPair) => {
    const key = toHex(keyPair.publicKey);
    const used = streams.get(key) ?? { stream: newStream(), next: 0n };
    streams.set(key, used);
    used.next += 1n;
    const place = { stream: used.stream, sequence: used.next, expiryMs: Date.now() + BATCH_LIFETIME_MS };
    const batch = encodeBatch({ type, payload, chainId: parts.chainId, keyPair, ...place });
    // The payload as part of the batch, so that what waits to be sent is kept once.
    return { type, payload: batch.subarray(batch.length - payload.length), keyPair, batch };
  };
  const send: Sender["send"] = async (signed, how) => {
    const { ended, requestTimeoutMs } = parts;
    if (how.confirm === "proof" && parts.prover === undefined)
      throw new Error("confirm: a proof is checked with a validator set, and `trust` names none");
    const signal = how.signal === undefined ? ended : AbortSignal.any([ended, how.signal]);
    const again = (): Uint8Array => sign(signed.type, signed.payload, signed.keyPair).batch;
    const first = await firstAnswer(parts, { batch: signed.batch, again, target: how.target ?? 0, signal });
    if ("type" in first) return first;
    if (how.confirm === undefined || how.confirm === "node") return resultOf(first.answer, first.target);
    try {
      const { pool, confirmTimeoutMs, prover } = parts;
      const timing = { pool, requestTimeoutMs, confirmTimeoutMs, signal };
      if (how.confirm === "quorum")
        return await confirmByQuorum(first, { ...timing, weights: await parts.weights(signal) });
      return await present(prover, "it was asked for above").confirm(first, timing);
    } catch (cause) {
      return { type: "unknown", reason: cause instanceof Error ? cause.message : String(cause) };
    }
  };
  return { sign, send };
}

/** The first last word of any node, or what is known when there comes none. */
async function firstAnswer(
  { pool, room, requestTimeoutMs }: SenderParts,
  how: {
    readonly batch: Uint8Array;
    /** The same records, signed anew. */
    readonly again: () => Uint8Array;
    readonly target: number;
    readonly signal: AbortSignal;
  },
): Promise<FirstAnswer | SendResult> {
  const idsEnd = Date.now() + IDS_LIFETIME_MS;
  const { signal } = how;
  let { batch } = how;
  /** Whether an attempt may still be executed without our knowing. */
  let open = false;
  let reason = "aborted";
  let backoffMs: number = BACKOFF_MS.first;
  const giveUp = (): SendResult => (open ? { type: "unknown", reason } : { type: "refused", reason });
  for (let turn = how.target; !signal.aborted; ) {
    if (Date.now() > idsEnd) return giveUp();
    const next = pool.withRoom(turn);
    if (next === undefined) {
      reason = pool.problems();
      await room.wait(signal);
      continue;
    }
    turn = next.target + 1;
    const attempt = await next.connection.ask(batch, requestTimeoutMs, signal);
    if (attempt.type === "unanswered") {
      open = true;
      reason = attempt.reason;
      continue;
    }
    const { answer } = attempt;
    const refusal = refusalOf(answer);
    if (refusal === undefined) return { batch, answer, target: next.target };
    reason = refusal;
    if (SIGN_ANEW.includes(refusal)) {
      batch = how.again();
    } else if (answer.type === "committed" || !answer.retryable) {
      return open ? giveUp() : { batch, answer, target: next.target };
    }
    await delay(backoffMs, undefined, { signal }).catch(() => undefined);
    backoffMs = Math.min(BACKOFF_MS.most, 2 * backoffMs);
  }
  return giveUp();
}
