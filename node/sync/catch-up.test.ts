import { describe, expect, it } from "vitest";
import { RANGE_RECORDS_MAX } from "../codec/peer-message.ts";
import {
  ask,
  createCatchUp,
  isAwaited,
  RANGE_BYTES_MAX,
  rangeFrom,
  usefulAnswer,
  uselessAnswer,
  wakeAtMs,
} from "./catch-up.ts";

const behind = { height: 4, certifiedHeight: 9 };

describe("catching up", () => {
  it("asks nobody while nothing is missing", () => {
    const state = createCatchUp();
    state.connected.add(1);
    expect(ask(state, { nowMs: 0, height: 9, certifiedHeight: 9 })).toBeUndefined();
    expect(wakeAtMs(state, 0)).toBe(Number.POSITIVE_INFINITY);
  });

  it("asks one peer at a time, for what comes after its own height", () => {
    const state = createCatchUp();
    for (const peer of [3, 1]) state.connected.add(peer);
    expect(ask(state, { nowMs: 0, ...behind })).toEqual({ peer: 1, from: 5 });
    expect(ask(state, { nowMs: 10, ...behind })).toBeUndefined();
    expect(isAwaited(state, { peer: 1, from: 5 })).toBe(true);
    expect(isAwaited(state, { peer: 3, from: 5 })).toBe(false);
    usefulAnswer(state);
    expect(ask(state, { nowMs: 20, height: 7, certifiedHeight: 9 })).toEqual({ peer: 1, from: 8 });
  });

  it("goes on to the next peer after a useless answer and after none", () => {
    const state = createCatchUp();
    for (const peer of [1, 2]) state.connected.add(peer);
    ask(state, { nowMs: 0, ...behind });
    uselessAnswer(state, 5);
    expect(ask(state, { nowMs: 6, ...behind })).toBeUndefined();
    const quietUntil = wakeAtMs(state, 6);
    expect(ask(state, { nowMs: quietUntil, ...behind })).toEqual({ peer: 2, from: 5 });
    const patience = wakeAtMs(state, quietUntil);
    expect(ask(state, { nowMs: patience, ...behind })).toBeUndefined();
    expect(ask(state, { nowMs: wakeAtMs(state, patience), ...behind })).toEqual({ peer: 1, from: 5 });
  });

  it("answers within its bounds, but always with one record", () => {
    const store = (size: number) => (height: number) => (height <= 1000 ? new Uint8Array(size) : undefined);
    expect(rangeFrom(store(10), 1)).toHaveLength(RANGE_RECORDS_MAX);
    expect(rangeFrom(store(10), 998)).toHaveLength(3);
    expect(rangeFrom(store(RANGE_BYTES_MAX / 4), 1)).toHaveLength(4);
    expect(rangeFrom(store(RANGE_BYTES_MAX + 1), 1)).toHaveLength(1);
    expect(rangeFrom(store(10), 1001)).toHaveLength(0);
  });
});
