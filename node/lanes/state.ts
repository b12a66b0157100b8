import { assert, present } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import type { Result } from "../base/result.ts";
import type { AvailabilityCertificate } from "../codec/availability.ts";
import { type Car, type CarStub, equalTips, parseCar, parseCarStub, type Tip } from "../codec/car.ts";
import type { Committee, Verify } from "../codec/certificate.ts";
import type { PeerMessage } from "../codec/peer-message.ts";
import type { LanePace } from "./pace.ts";
import { createTrack, LANE_START, type Place, type Track } from "./track.ts";
import type { Wanted } from "./wanted.ts";

/** Bytes of one lane beyond what is ordered: past that the lane stalls. */
export const LANE_BYTES_MAX = 64 * 1024 * 1024;
/** Of all lanes together: where there are many members, each has a smaller share. */
export const LANES_BYTES_MAX = 1024 * 1024 * 1024;
/** Incarnations of one lane that are followed at a time: its owner lost its state as often since a block ordered it. */
export const TRACKS_MAX = 4;
/** A lane may bring a new incarnation so often, lest its owner fills disks with beginnings. */
export const TRACK_INTERVAL_MS = 1000;
/** Cars outside the lanes' limits, fetched because a block needs them, that stay in memory; the log has them all. */
export const FETCHED_BYTES_MAX = 64 * 1024 * 1024;

export type LanesConfig = {
  readonly self: number;
  readonly chainId: Hex;
  readonly pace: LanePace;
  readonly sign: (message: Uint8Array) => Uint8Array;
  readonly verify: Verify;
  /** A car that this node persisted, whether it is durable yet or not. */
  readonly readCar: (digest: Hex) => Uint8Array | undefined;
};

/** This node's own lane: its clients' batches wait in the pool for the next car, and its cars for a block. */
export type OwnLane = {
  /** By batch id, in order of arrival. */
  readonly pool: Map<Hex, Uint8Array>;
  poolBytes: number;
  /** Batches in own cars that no block has executed. */
  readonly sealed: Set<Hex>;
  /** The incarnation that the next car belongs to; undefined until there is a first one to seal. */
  incarnation: bigint | undefined;
  /** The newest own car. */
  last: Place;
  lastCarAtMs: number;
  /** Acknowledgements by others of own cars, by number and signer. */
  readonly acks: Map<number, Map<number, Uint8Array>>;
};

export const createOwnLane = (): OwnLane => ({
  pool: new Map(),
  poolBytes: 0,
  sealed: new Set(),
  incarnation: undefined,
  last: LANE_START,
  lastCarAtMs: Number.NEGATIVE_INFINITY,
  acks: new Map(),
});

/** What holds for all blocks of one epoch. */
export type LanesEpoch = { readonly committee: Committee; readonly blockBatchBytesMax: number };

/** One validator's lane, beyond what is ordered. */
export type Lane = {
  readonly validator: number;
  /** Where final blocks have ordered it up to, executed or not. */
  ordered: Tip | undefined;
  /** By incarnation ascending. */
  tracks: readonly Track[];
  trackOpenedAtMs: number;
  /** The newest proof that others hold the lane up to a tip. */
  certificate: AvailabilityCertificate | undefined;
  /** What this node told the owner that it holds. */
  acked: Tip | undefined;
  /** Up to where an acknowledgement is due if nothing orders it before; undefined while all is ordered or acknowledged. */
  ackDue: { readonly atMs: number; readonly incarnation: bigint; readonly number: number } | undefined;
};

export type Lanes = {
  readonly config: LanesConfig;
  /** Of the epoch of the next block. */
  committee: Committee;
  /** Bytes of all batches that a block of this epoch may order. */
  blockBatchBytesMax: number;
  readonly lanes: Map<number, Lane>;
  readonly own: OwnLane;
  /** Cars that a block needs and no track has room for, by digest. */
  readonly fetched: Map<Hex, Car>;
  fetchedBytes: number;
  /** By the whole place that is looked for. */
  readonly wanted: Map<string, Wanted>;
  /** Positions after the branch that was asked for last. */
  after: { readonly key: string; readonly positions: ReadonlyMap<number, Tip> } | undefined;
  /** Counts changes of the ordered positions. */
  orderings: number;
  repeatAtMs: number;
};

export type LaneAction =
  /** Goes into the log before anything that follows is said. */
  | { readonly type: "keep"; readonly car: Car }
  | { readonly type: "broadcast"; readonly message: PeerMessage }
  | { readonly type: "send"; readonly peer: number; readonly message: PeerMessage };

/** What one step may look at besides the state, and where its actions go. */
export type LaneTurn = {
  /** The node's own running clock: never goes back. */
  readonly nowMs: number;
  /** Nanoseconds since 1970: only names a new incarnation. */
  readonly wallNs: bigint;
  readonly connected: ReadonlySet<number>;
  readonly out: LaneAction[];
};

export function createLanes(
  config: LanesConfig,
  { committee, blockBatchBytesMax }: LanesEpoch,
  { ordered, nowMs }: { ordered: Iterable<Tip>; nowMs: number },
): Lanes {
  const lanes: Lanes = {
    config,
    committee,
    blockBatchBytesMax,
    lanes: new Map(),
    own: createOwnLane(),
    fetched: new Map(),
    fetchedBytes: 0,
    wanted: new Map(),
    after: undefined,
    orderings: 0,
    repeatAtMs: nowMs + config.pace.repeatMs,
  };
  for (const tip of ordered) laneOf(lanes, tip.validator).ordered = tip;
  return lanes;
}

export function laneOf(lanes: Lanes, validator: number): Lane {
  const known = lanes.lanes.get(validator);
  if (known !== undefined) return known;
  const fresh: Lane = {
    validator,
    ordered: undefined,
    tracks: [],
    trackOpenedAtMs: Number.NEGATIVE_INFINITY,
    certificate: undefined,
    acked: undefined,
    ackDue: undefined,
  };
  lanes.lanes.set(validator, fresh);
  return fresh;
}

export const trackOf = (lane: Lane, incarnation: bigint): Track | undefined =>
  lane.tracks.find((track) => track.incarnation === incarnation);

/** Adds a track; where there are too many, the oldest incarnation goes (the log keeps its cars). */
export function openTrack(lane: Lane, incarnation: bigint, nowMs: number): Track {
  assert(trackOf(lane, incarnation) === undefined, "an incarnation has one track");
  const track = createTrack(incarnation, lane.ordered?.incarnation === incarnation ? lane.ordered : undefined);
  const tracks = [...lane.tracks, track].toSorted((a, b) => (a.incarnation < b.incarnation ? -1 : 1));
  lane.tracks = tracks.slice(-TRACKS_MAX);
  lane.trackOpenedAtMs = nowMs;
  return track;
}

/** Bytes of one lane that a node keeps in this epoch; its owner goes by the same number. */
export const laneBytesMax = ({ committee }: Lanes): number =>
  Math.min(LANE_BYTES_MAX, Math.floor(LANES_BYTES_MAX / committee.members.length));

export const heldBytes = (lane: Lane): number => lane.tracks.reduce((sum, { bytes }) => sum + bytes, 0);
export const heldCars = (lane: Lane): number => lane.tracks.reduce((sum, { cars }) => sum + cars.size, 0);

/** Whether a car of so many bytes is too much for a lane until blocks have ordered what it holds. */
export const isFull = (lanes: Lanes, lane: Lane, carBytes: number): boolean =>
  heldCars(lane) >= lanes.config.pace.laneCarsMax || heldBytes(lane) + carBytes > laneBytesMax(lanes);

/** Number of the newest car of the track that is ordered or acknowledged. */
export const unacknowledgedFrom = ({ acked }: Lane, { incarnation, base }: Track): number =>
  Math.max(acked?.incarnation === incarnation ? acked.number : 0, base.number);

/** Sets the time of the next acknowledgement, if one is owed and none is set. */
export function armAck(lanes: Lanes, lane: Lane, nowMs: number): void {
  if (lane.ackDue !== undefined) return;
  const track = lane.tracks.find((one) => one.head.number > unacknowledgedFrom(lane, one));
  if (track === undefined) return;
  const atMs = nowMs + lanes.config.pace.ackAfterMs;
  lane.ackDue = { atMs, incarnation: track.incarnation, number: track.head.number };
}

/** A car of this node's log, without its batches where it is no more in memory. */
export const stubOf = (lanes: Lanes, tip: Tip): CarStub | undefined =>
  inMemory(lanes, tip) ?? read(lanes, tip, parseCarStub);

/** A car of this node's log, whole. */
export const carOf = (lanes: Lanes, tip: Tip): Car | undefined => inMemory(lanes, tip) ?? read(lanes, tip, parseCar);

/** The bytes of a car of this node's log. */
export const bytesOf = (lanes: Lanes, tip: Tip): Uint8Array | undefined =>
  inMemory(lanes, tip)?.bytes ?? lanes.config.readCar(tip.digest);

function inMemory(lanes: Lanes, tip: Tip): Car | undefined {
  const lane = lanes.lanes.get(tip.validator);
  const tracked = lane === undefined ? undefined : trackOf(lane, tip.incarnation)?.cars.get(tip.number);
  if (tracked?.digest === tip.digest) return tracked;
  const fetched = lanes.fetched.get(tip.digest);
  return fetched !== undefined && equalTips(fetched, tip) ? fetched : undefined;
}

function read<C extends CarStub>(lanes: Lanes, tip: Tip, parse: (bytes: Uint8Array) => Result<C>): C | undefined {
  const bytes = lanes.config.readCar(tip.digest);
  if (bytes === undefined) return undefined;
  const parsed = parse(bytes);
  const car = present(parsed.ok ? parsed.value : undefined, "the log gives back the car that it was given");
  return equalTips(car, tip) ? car : undefined;
}

/** The place before a car in its lane; undefined before the first. */
export const placeBefore = ({ validator, incarnation, number, previous }: CarStub): Tip | undefined =>
  number === 1 ? undefined : { validator, incarnation, number: number - 1, digest: previous };
