import { describe, expect, it } from "vitest";
import { toHex } from "../base/bytes.ts";
import { type Car, NO_CAR, sealCar } from "../codec/car.ts";
import { committeeOf } from "../codec/certificate.ts";
import { BLOCK_CARS_MAX, encodePayload, type Payload, parsePayload } from "../codec/payload.ts";
import { isDurable, judgePayload } from "./judge.ts";
import { beginLanesEpoch, gatherCars, lanesWakeAtMs } from "./lanes.ts";
import { addBatch, waitingBatches } from "./own-lane.ts";
import { LANE_CARS_MAX } from "./pace.ts";
import { laneOf } from "./state.ts";
import { take, waits } from "./take.ts";
import { batchOf, blockOf, carIn, laneNetwork, signCar } from "./test-lanes.ts";

type Network = ReturnType<typeof laneNetwork>;

const messagesOf = (network: Network, type: string) => network.sent.filter(({ message }) => message.type === type);
/** The cars of a validator's lane, in the order in which they were told first. */
const cars = (network: Network, from: number): Car[] => {
  const told = network.sent.filter((one) => one.from === from && one.message.type === "car");
  return [...new Map(told.map(({ message }) => carIn(message)).map((car) => [car.digest, car])).values()];
};
const proposal = (network: Network, leader: number, certifiedOnly = false) =>
  blockOf(
    network.act(leader, (lanes) => take(lanes, [], { certifiedOnly })),
    leader,
  );
const payloadOf = ({ payload }: { payload: Uint8Array }): Payload => {
  const parsed = parsePayload(payload);
  if (!parsed.ok) throw new Error(parsed.detail);
  return parsed.value;
};
const judge = (
  network: Network,
  voter: number,
  block: ReturnType<typeof blockOf>,
  branch: ReturnType<typeof blockOf>[] = [],
) => network.act(voter, (lanes, turn) => judgePayload(lanes, turn, block, branch));

describe("the own lane", () => {
  it("sends a waiting batch at once, and what comes right behind it in one car", () => {
    const network = laneNetwork();
    network.submit(0, 1);
    for (const sequence of [2, 3, 4]) network.submit(0, sequence);
    expect(cars(network, 0).map(({ batchCount }) => batchCount)).toEqual([1]);
    network.pass(3);
    expect(cars(network, 0).map(({ number, batchCount }) => [number, batchCount])).toEqual([
      [1, 1],
      [2, 3],
    ]);
    expect(cars(network, 0)[1]?.previous).toBe(cars(network, 0)[0]?.digest);
  });

  it("has every car in its log before anybody hears of it, and in every log after", () => {
    const network = laneNetwork();
    network.submit(2, 1);
    const digest = laneOf(network.lanes(2), 2).tracks[0]?.head.digest ?? "";
    expect(network.log(2).has(digest)).toBe(true);
    network.settle();
    for (const id of network.ids) expect(network.log(id).has(digest)).toBe(true);
  });

  it("makes fewer, larger cars the more of them wait to be ordered, and stalls at its bound", () => {
    const network = laneNetwork();
    let sequence = 0;
    for (let ms = 0; ms < 200; ms++) {
      network.submit(0, ++sequence);
      network.pass(1);
    }
    const early = cars(network, 0).length;
    expect(early).toBeGreaterThan(20);
    expect(early).toBeLessThan(80);
    for (let more = 0; more < 400; more++) {
      network.submit(0, ++sequence);
      network.pass(1000, 1000);
    }
    expect(cars(network, 0)).toHaveLength(LANE_CARS_MAX);
    expect(network.lanes(0).own.pool.size).toBeGreaterThan(0);
    // What is ordered makes room.
    network.final(proposal(network, 0));
    network.pass(5);
    expect(cars(network, 0)).toHaveLength(LANE_CARS_MAX + 1);
    expect(network.lanes(0).own.pool.size).toBe(0);
  });

  it("takes a batch once, and says when its pool is full", () => {
    const network = laneNetwork(4, { carIntervalMs: 1e9 });
    network.submit(0, 1);
    network.pass(1);
    network.submit(0, 1);
    expect(waitingBatches(network.lanes(0))).toBe(1);
    // 8 190 records each: the pool holds 32 MiB.
    let taken = 0;
    while (taken < 100 && network.act(0, (lanes) => addBatch(lanes, batchOf(taken + 2, 8190)))) taken += 1;
    expect(taken).toBeGreaterThan(10);
    expect(taken).toBeLessThan(40);
  });

  it("wakes for nothing but its repetitions while nothing waits", () => {
    const network = laneNetwork();
    expect(lanesWakeAtMs(network.lanes(0), 0)).toBe(1000);
  });
});

describe("acknowledgements", () => {
  it("come only for what nothing orders in time, and make a certificate that all hear of", () => {
    const network = laneNetwork();
    network.submit(0, 1);
    network.pass(10);
    expect(messagesOf(network, "ack")).toHaveLength(0);
    network.pass(30);
    expect(messagesOf(network, "ack").every(({ to }) => to === 0)).toBe(true);
    for (const id of network.ids) expect(laneOf(network.lanes(id), 0).certificate?.tip.number).toBe(1);
    // The last one came when there was a certificate, and is not kept.
    expect(network.lanes(0).own.acks.size).toBe(0);
    // Ordered before the time: nobody says a word.
    const before = messagesOf(network, "ack").length;
    network.submit(1, 2);
    network.settle();
    network.final(proposal(network, 1));
    network.pass(100);
    expect(messagesOf(network, "ack")).toHaveLength(before);
  });

  it("of seven holders that are a few cars apart come together all the same", () => {
    const network = laneNetwork(7);
    // Each loses the newest car in turn.
    network.wire.passes = (_, to, message) => message.type !== "car" || carIn(message).number % 7 !== to;
    for (let sequence = 1; sequence <= 60; sequence++) {
      network.submit(0, sequence);
      network.pass(5);
    }
    const certified = laneOf(network.lanes(0), 0).certificate?.tip.number ?? 0;
    expect(certified).toBeGreaterThan(16);
  });

  it("are said again when they were lost, and a wrong one counts for nothing", () => {
    const network = laneNetwork();
    network.wire.passes = (_from, _to, { type }) => type !== "ack";
    network.submit(0, 1);
    network.pass(100);
    const ack = messagesOf(network, "ack")[0]?.message;
    if (ack?.type !== "ack") throw new Error("an acknowledgement was sent");
    const forged = { ...ack.ack, signer: 3 };
    expect(network.hear(0, 1, { type: "ack", ack: forged })).toMatch(/wrong signature/);
    expect(network.hear(0, 1, { type: "ack", ack: { ...ack.ack, signer: 9 } })).toMatch(/stranger/);
    expect(laneOf(network.lanes(0), 0).certificate).toBeUndefined();
    network.wire.passes = () => true;
    network.pass(1100);
    expect(laneOf(network.lanes(2), 0).certificate?.tip.number).toBe(1);
  });
});

describe("a proposal", () => {
  it("orders what its leader holds, valid for whoever holds it, durable with it", () => {
    const network = laneNetwork();
    for (const id of [0, 1, 3]) network.submit(id, id);
    network.settle();
    expect(waits(network.lanes(2), [])).toBe(true);
    const block = proposal(network, 2);
    expect(payloadOf(block).tips.map(({ validator, number, cars: count }) => [validator, number, count])).toEqual([
      [0, 1, 1],
      [1, 1, 1],
      [3, 1, 1],
    ]);
    for (const id of network.ids) expect(judge(network, id, block)).toBe("valid");
    expect(waits(network.lanes(2), [block])).toBe(false);
    expect(take(network.lanes(2), [block], { certifiedOnly: false })).toHaveLength(0);
    const gathered = gatherCars(network.lanes(1), payloadOf(block));
    expect(gathered?.map(({ validator }) => validator)).toEqual([0, 1, 3]);
    network.final(block);
    for (const id of network.ids) {
      expect(waits(network.lanes(id), [])).toBe(false);
      expect(laneOf(network.lanes(id), 0).tracks[0]?.cars.size).toBe(0);
    }
  });

  it("waits for cars that are missing, which come when they are asked for", () => {
    const network = laneNetwork();
    network.wire.passes = (from, to, message) => message.type !== "car" || !(from === 0 && to === 3);
    for (let sequence = 1; sequence <= 5; sequence++) {
      network.submit(0, sequence);
      network.pass(3);
    }
    const block = proposal(network, 1);
    expect(judge(network, 3, block)).toBe("wait");
    network.pass(40);
    expect(judge(network, 3, block)).toBe("valid");
    // The proposer was asked first, once, for all of them.
    expect(messagesOf(network, "car-request").map(({ from, to }) => [from, to])).toEqual([[3, 1]]);
    expect(network.lanes(3).wanted.size).toBe(0);
  });

  it("needs no cars here to be voted for once they are certified, but they are needed to make it final", () => {
    const network = laneNetwork();
    const away = { from3: true };
    network.wire.passes = (from, to, { type }) =>
      !(away.from3 && (from === 3 || to === 3)) || type === "availability" || type === "car-request";
    network.submit(0, 1);
    network.pass(50);
    const block = proposal(network, 0, true);
    expect(payloadOf(block).certificates).toHaveLength(1);
    expect(judge(network, 3, block)).toBe("valid");
    expect(network.act(3, (lanes, turn) => isDurable(lanes, turn, block))).toBe(false);
    away.from3 = false;
    network.pass(400);
    expect(network.act(3, (lanes, turn) => isDurable(lanes, turn, block))).toBe(true);
  });

  it("of certified tips only leaves out what nobody proved, and forged proof makes it invalid", () => {
    const network = laneNetwork();
    network.submit(0, 1);
    network.settle();
    expect(proposal(network, 1, true).payload).toHaveLength(0);
    network.pass(60);
    const block = proposal(network, 1, true);
    const { tips, certificates } = payloadOf(block);
    const signatures = (certificates[0]?.signatures ?? []).map(({ signer }) => ({
      signer,
      signature: new Uint8Array(64),
    }));
    const forged = tips.map((tip) => ({ tip, signatures }));
    network.restart(3, { keepsLog: false });
    const bad = blockOf(encodePayload({ tips, certificates: forged }), 1);
    expect(judge(network, 3, bad)).toEqual({ invalid: "certificate of lane 0 is wrong" });
  });

  it("of a certified car under another number is taken on nobody's word", () => {
    const network = laneNetwork();
    network.submit(0, 1);
    network.pass(60);
    const { tips, certificates } = payloadOf(proposal(network, 1, true));
    const moved = tips.map((tip) => ({ ...tip, number: 2, cars: 2 }));
    const liar = blockOf(encodePayload({ tips: moved, certificates }), 1);
    network.restart(3, { keepsLog: false });
    expect(judge(network, 3, liar)).toBe("wait");
    // What was looked for in the wrong place does not stand in the way of the right one.
    const honest = blockOf(encodePayload({ tips, certificates }), 1);
    expect(judge(network, 3, honest)).toBe("valid");
    network.pass(100);
    expect(network.act(3, (lanes, turn) => isDurable(lanes, turn, honest))).toBe(true);
    expect(network.act(3, (lanes, turn) => isDurable(lanes, turn, liar))).toBe(false);
  });

  it("takes from each lane in turn within its leader's limits", () => {
    const network = laneNetwork(4, { blockCarsMax: 4 });
    for (let sequence = 1; sequence <= 8; sequence++) {
      network.submit(0, sequence);
      if (sequence === 1) network.submit(1, 100);
      network.pass(5);
    }
    const first = proposal(network, 2);
    expect(payloadOf(first).tips.map(({ validator, cars: count }) => [validator, count])).toEqual([
      [0, 3],
      [1, 1],
    ]);
    const second = blockOf(take(network.lanes(2), [first], { certifiedOnly: false }), 2);
    expect(payloadOf(second).tips.map(({ number, cars: count }) => [number, count])).toEqual([[7, 4]]);
    expect(judge(network, 3, second, [first])).toBe("valid");
    expect(judge(network, 3, second)).toEqual({ invalid: "lane 0 skips or repeats cars" });
  });

  it.each<[string, (tip: Payload["tips"][number]) => Payload["tips"][number]]>([
    ["lane 9 is no member's", (tip) => ({ ...tip, validator: 9 })],
    ["lane 0 skips or repeats cars", (tip) => ({ ...tip, cars: tip.cars - 1 })],
  ])("is invalid: %s", (why, change) => {
    const network = laneNetwork();
    network.submit(0, 1);
    network.pass(3);
    network.submit(0, 2);
    network.settle();
    const { tips } = payloadOf(proposal(network, 1));
    const bad = blockOf(encodePayload({ tips: tips.map(change), certificates: [] }), 1);
    expect(judge(network, 2, bad)).toEqual({ invalid: why });
  });

  it("is invalid where it repeats what is final, or is no payload", () => {
    const network = laneNetwork();
    network.submit(0, 1);
    network.settle();
    const block = proposal(network, 1);
    network.final(block);
    expect(judge(network, 2, block)).toEqual({ invalid: "lane 0 is not beyond the branch" });
    expect(judge(network, 2, blockOf(new Uint8Array([1, 2])))).toMatchObject({ invalid: /^payload/ });
  });
});

describe("a lane that forks", () => {
  const inLane0 = (number: number, previous: string, sequence: number): Car =>
    sealCar({ validator: 0, incarnation: 7n, number, previous }, [batchOf(sequence).batch], (digest) =>
      signCar(0, digest),
    );
  const one = inLane0(1, NO_CAR, 1);
  const other = inLane0(1, NO_CAR, 2);
  const tell = (network: Network, to: number, car: Car) => network.hear(to, 0, { type: "car", car: car.bytes });

  it("is followed where it began; what a block orders of it is fetched and executed everywhere", () => {
    const network = laneNetwork();
    network.wire.passes = (_from, _to, { type }) => type !== "availability";
    for (const to of [1, 2]) expect(tell(network, to, one)).toBeUndefined();
    expect(tell(network, 3, other)).toBeUndefined();
    expect(tell(network, 3, one)).toBe("car forks its lane");
    const block = proposal(network, 1);
    expect(judge(network, 2, block)).toBe("valid");
    expect(judge(network, 3, block)).toBe("wait");
    network.pass(100);
    expect(judge(network, 3, block)).toBe("valid");
    network.final(block);
    expect(gatherCars(network.lanes(3), payloadOf(block))?.[0]?.digest).toBe(one.digest);
    // From there on it takes what follows the car that was ordered, not the one that it saw first.
    const next = inLane0(2, one.digest, 3);
    expect(tell(network, 3, next)).toBeUndefined();
    expect(payloadOf(proposal(network, 3)).tips[0]).toMatchObject({ number: 2, digest: next.digest });
  });

  it("is invalid where it does not follow the branch", () => {
    const network = laneNetwork();
    for (const to of [1, 2]) tell(network, to, one);
    tell(network, 3, other);
    const block = proposal(network, 1);
    network.final(block, [1, 2]);
    const astray = inLane0(2, other.digest, 4);
    tell(network, 3, astray);
    const bad = blockOf(encodePayload({ tips: [{ ...astray, cars: 1 }], certificates: [] }), 3);
    network.hear(2, 3, { type: "car", car: astray.bytes });
    expect(judge(network, 2, bad)).toEqual({ invalid: "lane 0 does not follow the branch" });
  });

  it("is followed from where blocks have ordered it, also by a node that holds no car of it since its restart", () => {
    const network = laneNetwork();
    const number = 2 * LANE_CARS_MAX;
    laneOf(network.lanes(1), 0).ordered = { validator: 0, incarnation: one.incarnation, number, digest: one.digest };
    expect(tell(network, 1, inLane0(number + LANE_CARS_MAX + 1, one.digest, 6))).toBe("car is too far ahead");
    expect(tell(network, 1, inLane0(number + 1, one.digest, 7))).toBeUndefined();
    expect(network.log(1).size).toBe(1);
  });

  it("gets a car from a stranger, with a wrong signature or too far ahead nowhere", () => {
    const network = laneNetwork();
    const stranger = sealCar(
      { validator: 8, incarnation: 7n, number: 1, previous: NO_CAR },
      one.batches,
      () => one.signature,
    );
    expect(tell(network, 1, stranger)).toBe("car of a stranger");
    const unsigned = sealCar({ ...one }, [batchOf(5).batch], () => one.signature);
    expect(tell(network, 1, unsigned)).toBe("car with a wrong signature");
    expect(tell(network, 1, inLane0(LANE_CARS_MAX + 1, one.digest, 6))).toBe("car is too far ahead");
    expect(network.log(1).size).toBe(0);
    expect(BLOCK_CARS_MAX).toBeGreaterThanOrEqual(LANE_CARS_MAX);
  });
});

it("lets a lane go with its member, who begins a new one on coming back", () => {
  const network = laneNetwork();
  network.submit(0, 1);
  network.settle();
  const { committee, blockBatchBytesMax } = network.lanes(0);
  const others = committeeOf(
    committee.members.slice(1).map(({ id, weight, publicKey }) => ({ id, weight, publicKey: toHex(publicKey) })),
  );
  const enter = (set: typeof committee): void => {
    for (const id of network.ids) beginLanesEpoch(network.lanes(id), { committee: set, blockBatchBytesMax });
  };
  enter(others);
  expect(waitingBatches(network.lanes(0))).toBe(0);
  expect(waits(network.lanes(2), [])).toBe(false);
  network.submit(0, 2);
  network.pass(50);
  expect(cars(network, 0)).toHaveLength(1);
  network.time.nowMs += 5000;
  enter(committee);
  network.pass(50);
  const [before, after] = cars(network, 0);
  expect(after?.incarnation).toBeGreaterThan(before?.incarnation ?? 0n);
  expect(payloadOf(proposal(network, 2)).tips[0]?.digest).toBe(after?.digest);
});

describe("a restart", () => {
  it("goes on with its lane and with the lanes of others, from the log", () => {
    const network = laneNetwork();
    network.submit(0, 1);
    network.pass(3);
    network.submit(0, 2);
    network.settle();
    for (const id of network.ids) network.restart(id, { keepsLog: true });
    network.submit(0, 3);
    network.settle();
    expect(cars(network, 0).map(({ number }) => number)).toEqual([1, 2, 3]);
    expect(payloadOf(proposal(network, 2)).tips).toMatchObject([{ validator: 0, number: 3, cars: 3 }]);
  });

  it("without the log opens a new incarnation; what others still hold of the old one is ordered before", () => {
    const network = laneNetwork();
    network.submit(0, 1);
    network.settle();
    network.pass(2000, 100);
    network.restart(0, { keepsLog: false });
    network.submit(0, 2);
    network.settle();
    const [old, fresh] = cars(network, 0);
    expect(fresh?.incarnation).toBeGreaterThan(old?.incarnation ?? 0n);
    expect(fresh?.number).toBe(1);
    const first = proposal(network, 1);
    expect(payloadOf(first).tips[0]?.digest).toBe(old?.digest);
    network.final(first);
    const second = proposal(network, 1);
    expect(payloadOf(second).tips[0]?.digest).toBe(fresh?.digest);
    expect(judge(network, 3, second)).toBe("valid");
  });

  it("whose clock went back is overtaken by its former self, and says everything again above that", () => {
    const network = laneNetwork();
    network.time.nowMs = 10_000;
    network.submit(0, 1);
    network.settle();
    network.restart(0, { keepsLog: false });
    network.time.wallSkewMs = -5_000;
    network.pass(1000, 100);
    network.submit(0, 2);
    network.settle();
    const old = cars(network, 0)[0];
    network.final(
      blockOf(encodePayload({ tips: [{ ...(old ?? carIn({ type: "stopping" })), cars: 1 }], certificates: [] })),
    );
    network.pass(2000, 100);
    const last = cars(network, 0).at(-1);
    expect(last?.incarnation).toBeGreaterThan(old?.incarnation ?? 0n);
    expect(last?.ids).toEqual([batchOf(2).id]);
    expect(payloadOf(proposal(network, 2)).tips[0]?.digest).toBe(last?.digest);
  });
});
