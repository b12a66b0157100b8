import { present } from "../base/assert.ts";
import type { KeyPair } from "../codec/signature.ts";
import { TRANSFER_BYTES } from "../codec/transfer.ts";
import type { Client, SignedTransfers } from "./client.ts";
import {
  accountBase,
  encodePayments,
  ownerKey,
  type Payment,
  type Plan,
  plannedPayments,
  signerOf,
} from "./load-plan.ts";

/** A planned batch that is signed and has only to leave. */
export type ReadyBatch = {
  readonly number: number;
  readonly firstId: bigint;
  /** Worked out anew at each call: thousands of batches may be ready. */
  payments(): readonly Payment[];
  readonly signed: SignedTransfers;
  readonly signedAtMs: number;
};

/** Batches signed ahead, in the order of the plan, so that what a batch costs its client does not delay it. */
export type ReadyBatches = {
  /** The next batch; one that nothing was signed ahead for is signed now. */
  take(): ReadyBatch;
  /** Signs one more ahead; false when enough are ready. */
  fill(): boolean;
};

/** Ids carry the time of their signing, so older ones are thrown away: after a pause, for instance. */
const READY_MAX_MS = 30_000;
export const READY_BYTES_MAX = 16 * 1024 * 1024;

export function readyBatches({
  client,
  seed,
  plan,
  batchesMax,
  bytesMax = READY_BYTES_MAX,
}: {
  client: Client;
  seed: Uint8Array;
  plan: Plan;
  /** At least one is kept ready, whatever the limits. */
  batchesMax: number;
  bytesMax?: number;
}): ReadyBatches {
  const base = accountBase(seed);
  const keys = new Map<number, KeyPair>();
  const queue: ReadyBatch[] = [];
  const most = Math.max(1, Math.min(batchesMax, Math.floor(bytesMax / (plan.batch * TRANSFER_BYTES))));
  let next = 0;
  const signNext = (): ReadyBatch => {
    const number = next;
    next += 1;
    const owner = signerOf(number, plan);
    const keyPair = keys.get(owner) ?? ownerKey(seed, owner);
    keys.set(owner, keyPair);
    const firstId = client.newIds(plan.batch);
    const signed = client.signTransfers(encodePayments(plannedPayments(plan, number), { firstId, base }), keyPair);
    return { number, firstId, payments: () => plannedPayments(plan, number), signed, signedAtMs: Date.now() };
  };
  return {
    take: () => {
      const oldest = Date.now() - READY_MAX_MS;
      while (queue.length > 0 && present(queue[0], "the queue has a head").signedAtMs < oldest) queue.shift();
      return queue.shift() ?? signNext();
    },
    fill: () => {
      if (queue.length >= most) return false;
      queue.push(signNext());
      return true;
    },
  };
}
