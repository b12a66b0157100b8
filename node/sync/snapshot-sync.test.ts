import { describe, expect, it } from "vitest";
import {
  askForPart,
  createSnapshotSync,
  giveUp,
  isAwaitedPart,
  snapshotWakeAtMs,
  takePart,
  wantSnapshot,
} from "./snapshot-sync.ts";

const connected = new Set([2, 5]);
const part = (peer: number, height: number, index: number, last = false) => ({
  ...{ peer, height, part: index, last, bytes: new Uint8Array([index]) },
});

describe("fetching a snapshot", () => {
  it("asks nobody until it is wanted", () => {
    const state = createSnapshotSync();
    expect(askForPart(state, { nowMs: 0, connected })).toBeUndefined();
    expect(snapshotWakeAtMs(state, 0)).toBe(Number.POSITIVE_INFINITY);
    wantSnapshot(state);
    expect(askForPart(state, { nowMs: 0, connected: new Set() })).toBeUndefined();
    expect(askForPart(state, { nowMs: 0, connected })).toEqual({ peer: 2, height: 0, part: 0 });
  });

  it("takes part after part of one height from one peer", () => {
    const state = createSnapshotSync();
    wantSnapshot(state);
    askForPart(state, { nowMs: 0, connected });
    expect(isAwaitedPart(state, part(5, 640, 0))).toBe(false);
    expect(isAwaitedPart(state, part(2, 640, 1))).toBe(false);
    expect(isAwaitedPart(state, part(2, 640, 0))).toBe(true);
    expect(takePart(state, part(2, 640, 0), 1)).toBe(true);
    expect(isAwaitedPart(state, part(2, 640, 1))).toBe(false);
    expect(askForPart(state, { nowMs: 1, connected })).toEqual({ peer: 2, height: 640, part: 1 });
    expect(isAwaitedPart(state, part(2, 672, 1))).toBe(false);
    expect(takePart(state, part(2, 640, 1, true), 2)).toBe(true);
    expect(state).toMatchObject({ wanted: false, download: undefined });
    expect(askForPart(state, { nowMs: 9_999, connected })).toBeUndefined();
  });

  it("begins anew with the next peer where one is silent, gone or useless", () => {
    const state = createSnapshotSync();
    wantSnapshot(state);
    askForPart(state, { nowMs: 0, connected });
    const patience = snapshotWakeAtMs(state, 0);
    expect(askForPart(state, { nowMs: patience, connected })).toBeUndefined();
    const pause = snapshotWakeAtMs(state, patience);
    expect(askForPart(state, { nowMs: pause, connected })).toEqual({ peer: 5, height: 0, part: 0 });
    takePart(state, part(5, 640, 0), pause);
    expect(askForPart(state, { nowMs: pause, connected: new Set([2]) })).toBeUndefined();
    const later = snapshotWakeAtMs(state, pause);
    expect(askForPart(state, { nowMs: later, connected })).toEqual({ peer: 2, height: 0, part: 0 });
    giveUp(state, later);
    expect(askForPart(state, { nowMs: later, connected })).toBeUndefined();
    expect(askForPart(state, { nowMs: snapshotWakeAtMs(state, later), connected })?.peer).toBe(5);
  });
});
