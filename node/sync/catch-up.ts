import { present } from "../base/assert.ts";
import { RANGE_RECORDS_MAX } from "../codec/peer-message.ts";

/** How long a peer may take to answer with a range before the next one is asked. */
const ANSWER_MAX_MS = 2000;
/** Pause after a useless answer, so that peers that know no more are not asked in a circle. */
const RETRY_MS = 200;
/** Bytes of records in one answer; the first record is always sent. */
export const RANGE_BYTES_MAX = 1024 * 1024;

/** Catching up by finalized blocks: one question at a time, to one connected peer after the other. */
export type CatchUp = {
  readonly connected: Set<number>;
  asked: { readonly peer: number; readonly from: number; readonly untilMs: number } | undefined;
  /** The peer of the last useful answer, or one behind a useless one. */
  next: number;
  quietUntilMs: number;
};

export const createCatchUp = (): CatchUp => ({ connected: new Set(), asked: undefined, next: 0, quietUntilMs: 0 });

/** The question that is due, if any: this node knows of finality above its own height. */
export function ask(
  state: CatchUp,
  { nowMs, height, certifiedHeight }: { nowMs: number; height: number; certifiedHeight: number },
): { peer: number; from: number } | undefined {
  if (certifiedHeight <= height) {
    state.asked = undefined;
    return undefined;
  }
  if (state.asked !== undefined && nowMs >= state.asked.untilMs) uselessAnswer(state, nowMs);
  if (state.asked !== undefined || nowMs < state.quietUntilMs || state.connected.size === 0) return undefined;
  const peers = [...state.connected].toSorted((a, b) => a - b);
  const peer = peers.find((id) => id >= state.next) ?? present(peers[0], "a peer is connected");
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

/** Records from a height on for a peer that asks: bounded in number and bytes, at least one if there is one. */
export function rangeFrom(readBlock: (height: number) => Uint8Array | undefined, from: number): readonly Uint8Array[] {
  const records: Uint8Array[] = [];
  let bytes = 0;
  for (let height = from; records.length < RANGE_RECORDS_MAX; height++) {
    const record = readBlock(height);
    if (record === undefined || (records.length > 0 && bytes + record.length > RANGE_BYTES_MAX)) break;
    records.push(record);
    bytes += record.length;
  }
  return records;
}
