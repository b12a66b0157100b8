import { present } from "../base/assert.ts";
import { parseRecord } from "../codec/block-record.ts";
import { parseCarStub } from "../codec/car.ts";
import { parsePayload } from "../codec/payload.ts";
import { RANGE_RECORDS_MAX, type RangeItem } from "../codec/peer-message.ts";

/** How long a peer may take to answer with a range before the next one is asked. */
const ANSWER_MAX_MS = 2000;
/** Pause after a useless answer, so that peers that know no more are not asked in a circle. */
const RETRY_MS = 200;
/** Bytes of records and cars in one answer; the first record is always sent. */
export const RANGE_BYTES_MAX = 4 * 1024 * 1024;

/** Catching up by finalized blocks: one question at a time, to one peer after the other. */
export type CatchUp = {
  asked: { readonly peer: number; readonly from: number; readonly untilMs: number } | undefined;
  /** The peer of the last useful answer, or one behind a useless one. */
  next: number;
  quietUntilMs: number;
};

export const createCatchUp = (): CatchUp => ({ asked: undefined, next: 0, quietUntilMs: 0 });

/** The question that is due, if any, for what comes after `height`: `peers` are those that may have it. */
export function ask(
  state: CatchUp,
  { nowMs, height, peers }: { nowMs: number; height: number; peers: readonly number[] },
): { peer: number; from: number } | undefined {
  if (peers.length === 0) {
    state.asked = undefined;
    return undefined;
  }
  if (state.asked !== undefined && nowMs >= state.asked.untilMs) uselessAnswer(state, nowMs);
  if (state.asked !== undefined || nowMs < state.quietUntilMs) return undefined;
  const sorted = peers.toSorted((a, b) => a - b);
  const peer = sorted.find((id) => id >= state.next) ?? present(sorted[0], "a peer may have it");
  state.asked = { peer, from: height + 1, untilMs: nowMs + ANSWER_MAX_MS };
  return { peer, from: height + 1 };
}

/** Whether this is the answer that was waited for. */
export const isAwaited = (state: CatchUp, { peer, from }: { peer: number; from: number }): boolean =>
  state.asked !== undefined && state.asked.peer === peer && state.asked.from === from;

export function usefulAnswer(state: CatchUp): void {
  if (state.asked !== undefined) state.next = state.asked.peer;
  state.asked = undefined;
}

/** Nothing, something wrong, or no answer at all: the next peer is asked after a pause. */
export function uselessAnswer(state: CatchUp, nowMs: number): void {
  if (state.asked !== undefined) state.next = state.asked.peer + 1;
  state.asked = undefined;
  state.quietUntilMs = nowMs + RETRY_MS;
}

/** When to look again without an input. */
export function wakeAtMs(state: CatchUp, nowMs: number): number {
  if (state.asked !== undefined) return state.asked.untilMs;
  return state.quietUntilMs > nowMs ? state.quietUntilMs : Number.POSITIVE_INFINITY;
}

/** The log as it was persisted. */
type Log = {
  readonly readBlock: (height: number) => Uint8Array | undefined;
  readonly readCar: (digest: string) => Uint8Array | undefined;
};

/**
 * Records from a height on for a peer that asks, with the cars that they order as far as they fit: what does not is asked
 * for by itself. Bounded in number and bytes; at least one record if there is one.
 */
export function rangeFrom(log: Log, from: number): readonly RangeItem[] {
  const items: RangeItem[] = [];
  let bytes = 0;
  for (let height = from; items.length < RANGE_RECORDS_MAX; height++) {
    const record = log.readBlock(height);
    if (record === undefined || (items.length > 0 && bytes + record.length > RANGE_BYTES_MAX)) break;
    bytes += record.length;
    const cars: Uint8Array[] = [];
    for (const car of carsOf(log, record)) {
      if (bytes + car.length > RANGE_BYTES_MAX) break;
      bytes += car.length;
      cars.push(car);
    }
    items.push({ record, cars });
  }
  return items;
}

/** The cars that a record orders, lane by lane from the tip downwards: each names the one below it. */
function* carsOf(log: Log, bytes: Uint8Array): Generator<Uint8Array> {
  const record = parseRecord(bytes);
  const payload = record.ok ? parsePayload(record.value.block.payload) : record;
  if (!payload.ok) return;
  for (const tip of payload.value.tips) {
    let digest = tip.digest;
    for (let left = tip.cars; left > 0; left--) {
      const car = log.readCar(digest);
      const stub = car === undefined ? undefined : parseCarStub(car);
      if (car === undefined || !stub?.ok) break;
      yield car;
      digest = stub.value.previous;
    }
  }
}
