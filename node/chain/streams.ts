import type { Hex } from "../base/bytes.ts";
import { toHex } from "../base/bytes.ts";
import type { Batch } from "../codec/batch.ts";
import { type Timers, timers } from "../ledger/timers.ts";
import type { BatchOutcome } from "./types.ts";

/** Sequence numbers this far below the highest seen are still told apart. */
export const SEQUENCE_WINDOW = 4_096n;
/** Streams of one key that may have unexpired batches at a time. */
export const LIVE_STREAMS_MAX = 64;

/** What each client's stream has used up: every (key, stream, sequence) is taken once. */
export type Streams = {
  readonly streams: Map<string, Stream>;
  readonly livePerKey: Map<Hex, number>;
  readonly timers: Timers<string>;
  /** Streams that changed since `takeChangedStreams`. */
  changed: Set<string>;
  /** Told of a stream just before it changes: a snapshot under way saves it as it was. */
  beforeChange: ((name: string) => void) | undefined;
};

export type Stream = {
  readonly key: Hex;
  readonly stream: bigint;
  highest: bigint;
  /** By sequence; entries that fell out of the window may linger and mean nothing. */
  readonly taken: Map<bigint, TakenSequence>;
  lastExpiryMs: number;
};

export type TakenSequence = {
  readonly batch: Hex;
  readonly height: number;
  readonly expiryMs: number;
  /** Hash of batch id and outcome, as in the results root. */
  readonly leaf: Uint8Array;
  /** Kept for repeats until the batch expires. */
  outcome: BatchOutcome | undefined;
};

export type Standing =
  | { readonly type: "new" }
  | { readonly type: "repeat"; readonly height: number; readonly outcome: BatchOutcome }
  | {
      readonly type: "refused";
      readonly reason: "sequence_too_old" | "sequence_taken" | "too_many_streams" | "expired";
    };

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export const createStreams = (): Streams => ({
  streams: new Map(),
  livePerKey: new Map(),
  timers: timers(compareText),
  changed: new Set(),
  beforeChange: undefined,
});

export const streamKey = (key: Hex, stream: bigint): string => `${key}/${stream.toString(16).padStart(16, "0")}`;

/** Whether a batch's (key, stream, sequence) is free, repeats what was executed, or is refused. */
export function standingOf(streams: Streams, batch: Batch): Standing {
  const key = toHex(batch.publicKey);
  const stream = streams.streams.get(streamKey(key, batch.stream));
  if (stream === undefined) {
    const live = streams.livePerKey.get(key) ?? 0;
    return live >= LIVE_STREAMS_MAX ? { type: "refused", reason: "too_many_streams" } : { type: "new" };
  }
  if (batch.sequence + SEQUENCE_WINDOW <= stream.highest) return { type: "refused", reason: "sequence_too_old" };
  const taken = stream.taken.get(batch.sequence);
  if (taken === undefined) return { type: "new" };
  if (taken.batch !== batch.id) return { type: "refused", reason: "sequence_taken" };
  if (taken.outcome === undefined) return { type: "refused", reason: "expired" };
  return { type: "repeat", height: taken.height, outcome: taken.outcome };
}

/** Takes the sequence of a batch that is `new`. */
export function take(streams: Streams, batch: Batch, result: Omit<TakenSequence, "batch" | "expiryMs">): void {
  const key = toHex(batch.publicKey);
  const name = streamKey(key, batch.stream);
  streams.beforeChange?.(name);
  let stream = streams.streams.get(name);
  if (stream === undefined) {
    stream = { key, stream: batch.stream, highest: batch.sequence, taken: new Map(), lastExpiryMs: batch.expiryMs };
    streams.streams.set(name, stream);
    streams.livePerKey.set(key, (streams.livePerKey.get(key) ?? 0) + 1);
    streams.timers.set(BigInt(batch.expiryMs), name);
  }
  if (batch.sequence > stream.highest) stream.highest = batch.sequence;
  stream.lastExpiryMs = Math.max(stream.lastExpiryMs, batch.expiryMs);
  stream.taken.set(batch.sequence, { ...result, batch: batch.id, expiryMs: batch.expiryMs });
  if (stream.taken.size >= 2 * Number(SEQUENCE_WINDOW)) forgetBelowWindow(stream);
  streams.changed.add(name);
}

/** Drops streams whose every batch has expired, and results that no repeat can ask for. Called as each block begins. */
export function expireStreams(streams: Streams, nowMs: bigint): void {
  for (let due = streams.timers.due(nowMs - 1n); due !== undefined; due = streams.timers.due(nowMs - 1n)) {
    const stream = streams.streams.get(due.key);
    if (stream === undefined) continue;
    streams.beforeChange?.(due.key);
    if (BigInt(stream.lastExpiryMs) < nowMs) {
      streams.streams.delete(due.key);
      streams.changed.add(due.key);
      const live = (streams.livePerKey.get(stream.key) ?? 1) - 1;
      if (live === 0) streams.livePerKey.delete(stream.key);
      else streams.livePerKey.set(stream.key, live);
      continue;
    }
    forgetBelowWindow(stream);
    for (const taken of stream.taken.values()) if (BigInt(taken.expiryMs) < nowMs) taken.outcome = undefined;
    streams.timers.set(BigInt(stream.lastExpiryMs), due.key);
  }
}

/** Puts back (a part of) a stream that a snapshot saved; false if it is not a part of the same one as before. */
export function restoreStream(streams: Streams, part: Stream): boolean {
  const name = streamKey(part.key, part.stream);
  const known = streams.streams.get(name);
  if (known !== undefined) {
    for (const [sequence, taken] of part.taken) known.taken.set(sequence, taken);
    return known.highest === part.highest && known.lastExpiryMs === part.lastExpiryMs;
  }
  streams.streams.set(name, part);
  streams.livePerKey.set(part.key, (streams.livePerKey.get(part.key) ?? 0) + 1);
  // Whether an earlier timer was under way makes no difference: it would be set to this time again.
  streams.timers.set(BigInt(part.lastExpiryMs), name);
  streams.changed.add(name);
  return true;
}

export function takeChangedStreams(streams: Streams): Set<string> {
  const { changed } = streams;
  streams.changed = new Set();
  return changed;
}

function forgetBelowWindow(stream: Stream): void {
  for (const sequence of stream.taken.keys())
    if (sequence + SEQUENCE_WINDOW <= stream.highest) stream.taken.delete(sequence);
}
