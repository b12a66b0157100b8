import { describe, expect, it } from "vitest";
import { nanos } from "../base/units.ts";
import { sealBlock } from "../codec/block.ts";
import { encodeRecord } from "../codec/block-record.ts";
import { type Car, NO_CAR, sealCar, tipOfCar } from "../codec/car.ts";
import { encodePayload } from "../codec/payload.ts";
import { RANGE_RECORDS_MAX } from "../codec/peer-message.ts";
import { batchOf, signCar } from "../lanes/test-lanes.ts";
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

describe("catching up", () => {
  it("asks nobody while nobody has more", () => {
    const state = createCatchUp();
    expect(ask(state, { nowMs: 0, height: 9, peers: [] })).toBeUndefined();
    expect(wakeAtMs(state, 0)).toBe(Number.POSITIVE_INFINITY);
  });

  it("asks one peer at a time, for what comes after its own height", () => {
    const state = createCatchUp();
    const peers = [3, 1];
    expect(ask(state, { nowMs: 0, height: 4, peers })).toEqual({ peer: 1, from: 5 });
    expect(ask(state, { nowMs: 10, height: 4, peers })).toBeUndefined();
    expect(isAwaited(state, { peer: 1, from: 5 })).toBe(true);
    expect(isAwaited(state, { peer: 3, from: 5 })).toBe(false);
    usefulAnswer(state);
    expect(ask(state, { nowMs: 20, height: 7, peers })).toEqual({ peer: 1, from: 8 });
  });

  it("goes on to the next peer after a useless answer and after none", () => {
    const state = createCatchUp();
    const behind = { height: 4, peers: [1, 2] };
    ask(state, { nowMs: 0, ...behind });
    uselessAnswer(state, 5);
    expect(ask(state, { nowMs: 6, ...behind })).toBeUndefined();
    const quietUntil = wakeAtMs(state, 6);
    expect(ask(state, { nowMs: quietUntil, ...behind })).toEqual({ peer: 2, from: 5 });
    const patience = wakeAtMs(state, quietUntil);
    expect(ask(state, { nowMs: patience, ...behind })).toBeUndefined();
    expect(ask(state, { nowMs: wakeAtMs(state, patience), ...behind })).toEqual({ peer: 1, from: 5 });
  });
});

describe("a range", () => {
  const cars: Car[] = [];
  for (const number of [1, 2, 3]) {
    const place = { validator: 2, incarnation: 5n, number, previous: cars.at(-1)?.digest ?? NO_CAR };
    cars.push(sealCar(place, [batchOf(number, 8000).batch], (digest) => signCar(2, digest)));
  }
  const record = (payload: Uint8Array = new Uint8Array(0)): Uint8Array => {
    const hash = "ab".repeat(32);
    const place = { epoch: 1, view: 1, kind: "normal", height: 1, parent: hash, proposer: 1, next: hash } as const;
    const executed = { height: 0, resultsHash: hash };
    const block = sealBlock({ ...place, time: nanos(1n), executed, votes: [], evidence: [], payload });
    const ballot = { kind: "finalize", epoch: 1, view: 1, block: block.hash, height: 1 } as const;
    return encodeRecord({ block, headers: [], certificate: { ballot, signatures: [] } });
  };
  const [first, , last] = cars;
  const ordering = record(encodePayload({ tips: [{ ...tipOfCar(last ?? missing()), cars: 2 }], certificates: [] }));
  const log = (blocks: number, bytes: Uint8Array) => ({
    readBlock: (height: number) => (height <= blocks ? bytes : undefined),
    readCar: (digest: string) => cars.find((car) => car.digest === digest)?.bytes,
  });

  it("is bounded in number, and ends where the log does", () => {
    expect(rangeFrom(log(1000, record()), 1)).toHaveLength(RANGE_RECORDS_MAX);
    expect(rangeFrom(log(1000, record()), 998)).toHaveLength(3);
    expect(rangeFrom(log(1000, record()), 1001)).toHaveLength(0);
  });

  it("brings the cars that each block orders, from the tip downwards, as far as they fit", () => {
    const items = rangeFrom(log(100, ordering), 1);
    expect(items[0]?.cars).toEqual([last?.bytes, cars[1]?.bytes]);
    const bytes = items.reduce(
      (sum, item) => sum + item.record.length + item.cars.reduce((all, car) => all + car.length, 0),
      0,
    );
    expect(bytes).toBeLessThanOrEqual(RANGE_BYTES_MAX);
    expect(items.length).toBeGreaterThan(1);
    expect(items.at(-1)?.cars.length).toBeLessThanOrEqual(2);
    expect(items.flatMap((item) => item.cars)).not.toContainEqual(first?.bytes);
  });

  it("always brings one record, however large", () => {
    const large = log(3, new Uint8Array(RANGE_BYTES_MAX + 1));
    expect(rangeFrom(large, 1)).toHaveLength(1);
  });
});

function missing(): never {
  throw new Error("the test made three cars");
}
