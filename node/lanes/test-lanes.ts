import { present } from "../base/assert.ts";
import { type Hex, toHex } from "../base/bytes.ts";
import { encodeBatch } from "../codec/batch.ts";
import { type Car, carMessage, parseCar, type Tip, tipOfCar } from "../codec/car.ts";
import { committeeOf } from "../codec/certificate.ts";
import { sha256Hex } from "../codec/hash.ts";
import { parsePayload } from "../codec/payload.ts";
import { encodePeerMessage, type PeerMessage, parsePeerMessage } from "../codec/peer-message.ts";
import { type KeyPair, keyPairFromSeed, sign, verify } from "../codec/signature.ts";
import { encodeTransfers, newTransfer } from "../codec/transfer.ts";
import { gatherCars, settleLanes } from "./lanes.ts";
import { addBatch, onAck } from "./own-lane.ts";
import { DEFAULT_LANE_PACE, type LanePace } from "./pace.ts";
import { forgetExecuted, orderTips, type PayloadBlock } from "./positions.ts";
import { carsFor, onAvailability, onCar, onCars } from "./receive.ts";
import { recoverLanes } from "./recover.ts";
import { createLanes, type Lanes, type LaneTurn } from "./state.ts";

export const CHAIN_ID: Hex = "ab".repeat(32);
const keyOf = (n: number): KeyPair => keyPairFromSeed(new Uint8Array(32).fill(n + 1));
const client = keyOf(100);
const START_NS = 1_760_000_000_000_000_000n;

/** A client's batch of so many transfers. */
export function batchOf(sequence: number, records = 1): { id: Hex; batch: Uint8Array } {
  const transfer = newTransfer({ id: BigInt(sequence), debit: 1n, credit: 2n, amount: 3n, ledger: 1, code: 1 });
  const batch = encodeBatch({
    type: "transfers",
    payload: encodeTransfers(Array.from({ length: records }, () => transfer)),
    ...{ chainId: CHAIN_ID, keyPair: client, stream: 1n, sequence: BigInt(sequence), expiryMs: 1 },
  });
  return { id: sha256Hex(batch.subarray(0, 192)), batch };
}

export const signCar = (validator: number, digest: Hex): Uint8Array =>
  sign(carMessage(CHAIN_ID, digest), keyOf(validator).secretKey);

type Host = { lanes: Lanes; log: Map<Hex, Uint8Array>; heads: Tip[] };

/** The lanes of some validators, each with a log, on wires that the test can cut. */
export function laneNetwork(count = 4, change: Partial<LanePace> = {}) {
  const pace = { ...DEFAULT_LANE_PACE, ackAfterMs: 20, ...change };
  const ids = Array.from({ length: count }, (_, id) => id);
  const committee = committeeOf(ids.map((id) => ({ id, weight: 100, publicKey: toHex(keyOf(id).publicKey) })));
  /** `wallSkewMs` moves the wall clocks only. */
  const time = { nowMs: 0, wallSkewMs: 0 };
  /** Whether a message gets through. */
  const wire = { passes: (_from: number, _to: number, _message: PeerMessage): boolean => true };
  const sent: { from: number; to: number; message: PeerMessage }[] = [];
  const queue: typeof sent = [];
  const hosts = new Map<number, Host>();

  const build = (id: number, log: Host["log"], heads: Tip[], ordered: Iterable<Tip>): Host => {
    const lanes = createLanes(
      {
        ...{ self: id, chainId: CHAIN_ID, pace, verify, readCar: (digest: Hex) => log.get(digest) },
        sign: (message) => sign(message, keyOf(id).secretKey),
      },
      { committee, blockBatchBytesMax: 16 * 1024 * 1024 },
      { ordered, nowMs: time.nowMs },
    );
    recoverLanes(lanes, heads);
    return { lanes, log, heads };
  };
  for (const id of ids) hosts.set(id, build(id, new Map(), [], []));

  const host = (id: number): Host => present(hosts.get(id), "the test names a validator");
  const turnOf = (): LaneTurn => ({
    ...{
      nowMs: time.nowMs,
      wallNs: START_NS + BigInt(time.nowMs + time.wallSkewMs) * 1_000_000n,
      connected: new Set(ids),
      out: [],
    },
  });
  const carryOut = (id: number, turn: LaneTurn): void => {
    const { log, heads } = host(id);
    for (const action of turn.out) {
      if (action.type === "keep") {
        log.set(action.car.digest, action.car.bytes);
        heads.push(tipOfCar(action.car));
        continue;
      }
      for (const to of action.type === "send" ? [action.peer] : ids.filter((other) => other !== id)) {
        const letter = { from: id, to, message: action.message };
        sent.push(letter);
        if (wire.passes(id, to, action.message)) queue.push(letter);
      }
    }
  };
  const act = <T>(id: number, work: (lanes: Lanes, turn: LaneTurn) => T): T => {
    const turn = turnOf();
    const result = work(host(id).lanes, turn);
    settleLanes(host(id).lanes, turn);
    carryOut(id, turn);
    return result;
  };
  const hear = (id: number, peer: number, message: PeerMessage): string | undefined =>
    act(id, (lanes, turn) => {
      const parsed = parsePeerMessage(encodePeerMessage(message));
      const heard = present(parsed.ok ? parsed.value : undefined, "a message comes back");
      if (heard.type === "car") return onCar(lanes, turn, heard.car);
      if (heard.type === "cars") return onCars(lanes, turn, peer, heard.cars);
      if (heard.type === "ack") return onAck(lanes, turn, heard.ack);
      if (heard.type === "availability") return onAvailability(lanes, turn, heard.certificate);
      if (heard.type !== "car-request") return "not for lanes";
      const cars = carsFor(lanes, heard);
      if (cars.length > 0) turn.out.push({ type: "send", peer, message: { type: "cars", cars } });
      return undefined;
    });
  /** Delivers what is under way, until nothing is. */
  const settle = (): string[] => {
    const dropped: string[] = [];
    for (let letter = queue.shift(); letter !== undefined; letter = queue.shift()) {
      const reason = hear(letter.to, letter.from, letter.message);
      if (reason !== undefined) dropped.push(reason);
    }
    return dropped;
  };
  return {
    sent,
    wire,
    time,
    ids,
    lanes: (id: number): Lanes => host(id).lanes,
    log: (id: number) => host(id).log,
    act,
    hear,
    settle,
    /** Lets time pass in steps, everybody doing what is due and hearing what is said. */
    pass: (ms: number, stepMs = 1): void => {
      for (const end = time.nowMs + ms; time.nowMs < end; ) {
        time.nowMs = Math.min(end, time.nowMs + stepMs);
        for (const id of ids) act(id, () => {});
        settle();
      }
    },
    submit: (id: number, sequence: number, records = 1): boolean =>
      act(id, (lanes) => addBatch(lanes, batchOf(sequence, records))),
    /** A final block on all of these nodes; those that hold its cars execute it. */
    final: (block: PayloadBlock, who: readonly number[] = ids): void => {
      const parsed = parsePayload(block.payload);
      const payload = present(parsed.ok ? parsed.value : undefined, "a final payload is well formed");
      for (const id of who) {
        const { lanes } = host(id);
        orderTips(lanes, block.payload);
        if (gatherCars(lanes, payload) !== undefined) forgetExecuted(lanes, payload.tips);
      }
    },
    /** The process starts again with its log, or with an empty one. */
    restart: (id: number, { keepsLog }: { keepsLog: boolean }): void => {
      const { lanes, log, heads } = host(id);
      const ordered = [...lanes.lanes.values()].flatMap((lane) => (lane.ordered === undefined ? [] : [lane.ordered]));
      hosts.set(id, keepsLog ? build(id, log, heads, ordered) : build(id, new Map(), [], ordered));
    },
  };
}

let blocks = 0;
/** A block with this payload. */
export const blockOf = (payload: Uint8Array, proposer = 0): PayloadBlock & { readonly proposer: number } => ({
  hash: String(blocks++),
  payload,
  proposer,
});

/** The car that a message of this kind carries. */
export function carIn(message: PeerMessage): Car {
  const parsed = message.type === "car" ? parseCar(message.car) : undefined;
  return present(parsed?.ok ? parsed.value : undefined, "the message is a car");
}
