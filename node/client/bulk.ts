import { assert } from "../base/assert.ts";
import { BATCH_RECORDS_MAX } from "../codec/batch.ts";
import type { Transfer } from "../codec/transfer.ts";
import type { SendResult } from "./send-result.ts";
import type { SendOptions } from "./sender.ts";

/** How far a long load has got; records, not batches. */
export type Progress = {
  readonly sent: number;
  readonly applied: number;
  /** Refused one by one, with a code. */
  readonly failed: number;
  /** In batches that were refused as a whole. */
  readonly refused: number;
  readonly unknown: number;
  readonly elapsedMs: number;
};

export type BulkOptions = SendOptions & {
  /** Records in a batch; 1 000 without. */
  readonly batch?: number;
  /** Batches under way at a time; 8 without. The source is not read further while so many wait. */
  readonly inFlight?: number;
  /** After each batch. */
  readonly onProgress?: (progress: Progress) => void;
  /** Every batch with its transfers and what became of them: what did not go through is for the caller to keep. */
  readonly onBatch?: (transfers: readonly Transfer[], result: SendResult) => void;
};

type Source = Iterable<Transfer> | AsyncIterable<Transfer>;

/**
 * Sends a source of any length in batches, several at a time, so that their order is not kept, and reads no further than
 * it can send. An aborted signal ends it after the batches under way; the result counts what was sent.
 */
export async function sendAll(
  source: Source,
  send: (transfers: readonly Transfer[], options: SendOptions) => Promise<SendResult>,
  { batch = 1_000, inFlight = 8, onProgress, onBatch, ...how }: BulkOptions,
): Promise<Progress> {
  assert(batch >= 1 && batch <= BATCH_RECORDS_MAX, "a batch holds a bounded number of records");
  assert(inFlight >= 1, "one batch may be under way");
  const started = performance.now();
  const counts = { sent: 0, applied: 0, failed: 0, refused: 0, unknown: 0 };
  const progress = (): Progress => ({ ...counts, elapsedMs: performance.now() - started });
  const running = new Set<Promise<void>>();
  /** What a callback of the caller threw: it ends the load. */
  let thrown: { readonly cause: unknown } | undefined;
  const one = async (transfers: readonly Transfer[]): Promise<void> => {
    const result = await send(transfers, how);
    if (result.type === "committed") {
      counts.applied += transfers.length - result.failures.length;
      counts.failed += result.failures.length;
    } else counts[result.type] += transfers.length;
    onBatch?.(transfers, result);
    onProgress?.(progress());
  };
  const start = async (transfers: readonly Transfer[]): Promise<void> => {
    counts.sent += transfers.length;
    const sending = one(transfers)
      .catch((cause: unknown) => {
        thrown ??= { cause };
      })
      .finally(() => running.delete(sending));
    running.add(sending);
    if (running.size >= inFlight) await Promise.race(running);
    if (thrown !== undefined) throw thrown.cause;
  };
  let waiting: Transfer[] = [];
  try {
    for await (const transfer of source) {
      if (how.signal?.aborted) break;
      waiting.push(transfer);
      if (waiting.length < batch) continue;
      await start(waiting);
      waiting = [];
    }
    if (waiting.length > 0 && !how.signal?.aborted) await start(waiting);
  } finally {
    // Also when the source fails: nothing goes on behind the caller's back.
    await Promise.all(running);
  }
  if (thrown !== undefined) throw thrown.cause;
  return progress();
}
