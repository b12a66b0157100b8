import { assert } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import { type Ack, type AvailabilityCertificate, ackMessage, isAvailable } from "../codec/availability.ts";
import { CAR_BATCHES_MAX, CAR_BYTES_MAX, type Car, carMessage, sealCar, tipOfCar } from "../codec/car.ts";
import { heldCars, isFull, type Lanes, type LaneTurn, laneOf, type OwnLane, openTrack, trackOf } from "./state.ts";
import { addCar, LANE_START } from "./track.ts";

/** What this node's own clients may keep waiting for a car: past that they are told `busy`. */
export const POOL_BATCHES_MAX = 8192;
export const POOL_BYTES_MAX = 32 * 1024 * 1024;

/** Takes a client's batch, which the chain admitted, into the pool; false: there is no room. What is held already stays. */
export function addBatch({ own }: Lanes, { id, batch }: { id: Hex; batch: Uint8Array }): boolean {
  if (own.pool.has(id) || own.sealed.has(id)) return true;
  if (own.pool.size >= POOL_BATCHES_MAX || own.poolBytes + batch.length > POOL_BYTES_MAX) return false;
  own.pool.set(id, batch);
  own.poolBytes += batch.length;
  return true;
}

/** Own batches that no block has executed. */
export const waitingBatches = ({ own }: Lanes): number => own.pool.size + own.sealed.size;

/** When the next own car is due; never while the pool is empty or the lane stalls at its bounds. */
export function carDueAtMs(lanes: Lanes): number {
  const { own, config } = lanes;
  const lane = laneOf(lanes, config.self);
  const cars = heldCars(lane);
  if (own.pool.size === 0 || !lanes.committee.byId.has(config.self)) return Number.POSITIVE_INFINITY;
  if (isFull(lanes, lane, CAR_BYTES_MAX)) return Number.POSITIVE_INFINITY;
  const full = own.pool.size >= CAR_BATCHES_MAX || own.poolBytes >= CAR_BYTES_MAX;
  const intervalMs = config.pace.carIntervalMs * (full ? 1 : 2 ** (cars / config.pace.carsPerDoubling));
  return own.lastCarAtMs + Math.min(intervalMs, config.pace.repeatMs);
}

/** Seals the next car of what waits, keeps it, then tells all. */
export function sealDueCar(lanes: Lanes, turn: LaneTurn): void {
  const { own, config } = lanes;
  if (turn.nowMs < carDueAtMs(lanes)) return;
  const batches = takePool(own);
  own.incarnation ??= openIncarnation(lanes, turn);
  const place = { validator: config.self, incarnation: own.incarnation };
  const car = sealCar({ ...place, number: own.last.number + 1, previous: own.last.digest }, batches, (digest) =>
    config.sign(carMessage(config.chainId, digest)),
  );
  for (const id of car.ids) own.sealed.add(id);
  own.last = { number: car.number, digest: car.digest };
  own.lastCarAtMs = turn.nowMs;
  const lane = laneOf(lanes, config.self);
  addCar(trackOf(lane, own.incarnation) ?? openTrack(lane, own.incarnation, turn.nowMs), car);
  turn.out.push({ type: "keep", car });
  turn.out.push({ type: "broadcast", message: { type: "car", car: car.bytes } });
}

function takePool(own: OwnLane): readonly Uint8Array[] {
  const batches: Uint8Array[] = [];
  let bytes = 0;
  for (const [id, batch] of own.pool) {
    if (batches.length >= CAR_BATCHES_MAX || bytes + batch.length > CAR_BYTES_MAX) break;
    own.pool.delete(id);
    own.poolBytes -= batch.length;
    bytes += batch.length;
    batches.push(batch);
  }
  assert(batches.length > 0, "a due car has a batch");
  return batches;
}

/** What tells two lives apart whose clocks are behind: nobody loses a volume twice within the same millisecond of a minute. */
const LIVES_NS = 1n << 36n;

/**
 * Later than every incarnation of this lane that a block has ordered or that is held here, and none that an earlier life may
 * have named of which nothing is left.
 */
function openIncarnation(lanes: Lanes, { wallNs }: LaneTurn): bigint {
  const { ordered, tracks } = laneOf(lanes, lanes.config.self);
  let newest = ordered?.incarnation ?? 0n;
  for (const { incarnation } of tracks) if (incarnation > newest) newest = incarnation;
  return wallNs > newest ? wallNs : newest + 1n + (wallNs % LIVES_NS);
}

/**
 * Blocks have ordered this node's lane up to a place that is not on the way of its own newest car: its earlier life said
 * more than it knows. A new incarnation is opened, and what was not ordered goes into it again.
 */
export function abandonIncarnation(lanes: Lanes): void {
  const { own, config } = lanes;
  const waiting = [...own.pool];
  own.pool.clear();
  own.poolBytes = 0;
  const lane = laneOf(lanes, config.self);
  const track = own.incarnation === undefined ? undefined : trackOf(lane, own.incarnation);
  lane.tracks = lane.tracks.filter((other) => other !== track);
  const again = [...(track?.cars.values() ?? [])].flatMap(batchesOf).filter(([id]) => own.sealed.has(id));
  own.sealed.clear();
  for (const [id, batch] of [...again, ...waiting]) {
    own.pool.set(id, batch);
    own.poolBytes += batch.length;
  }
  own.incarnation = undefined;
  own.last = LANE_START;
  own.acks.clear();
}

/** A node that is no member has no lane: what waits here can be sent again, to a member. */
export function closeOwnLane({ own }: Lanes): void {
  own.pool.clear();
  own.poolBytes = 0;
  own.sealed.clear();
  own.incarnation = undefined;
  own.last = LANE_START;
}

const batchesOf = ({ ids, batches }: Car): [Hex, Uint8Array][] =>
  batches.flatMap((batch, index) => {
    const id = ids[index];
    return id === undefined ? [] : [[id, batch]];
  });

/** A batch was executed, in whichever lane: it waits no longer. */
export function batchExecuted({ own }: Lanes, id: Hex): void {
  own.sealed.delete(id);
  const batch = own.pool.get(id);
  if (batch === undefined || !own.pool.delete(id)) return;
  own.poolBytes -= batch.length;
}

/** Others hold this lane up to a car; with enough weight that is a certificate, which all are told. */
export function onAck(lanes: Lanes, turn: LaneTurn, { tip, signer, signature }: Ack): string | undefined {
  const { own, config, committee } = lanes;
  const member = committee.byId.get(signer);
  if (member === undefined) return "acknowledgement of a stranger";
  const lane = laneOf(lanes, config.self);
  const car = trackOf(lane, tip.incarnation)?.cars.get(tip.number);
  if (tip.validator !== config.self || car?.digest !== tip.digest) return undefined;
  // What has its certificate needs no further one.
  const certified = lane.certificate?.tip.incarnation === tip.incarnation ? lane.certificate.tip.number : 0;
  if (tip.number <= certified) return undefined;
  const signatures = own.acks.get(tip.number) ?? new Map<number, Uint8Array>();
  if (signatures.has(signer)) return undefined;
  const message = ackMessage(config.chainId, tip);
  if (!config.verify({ message, signature, publicKey: member.publicKey }))
    return "acknowledgement with a wrong signature";
  signatures.set(signer, signature);
  own.acks.set(tip.number, signatures);
  if (!signatures.has(config.self) && committee.byId.has(config.self))
    signatures.set(config.self, config.sign(message));
  if (!isAvailable(committee, signatures.keys())) return undefined;
  const list = [...signatures].map(([id, bytes]) => ({ signer: id, signature: bytes }));
  const certificate: AvailabilityCertificate = {
    tip: tipOfCar(tip),
    signatures: list.toSorted((a, b) => a.signer - b.signer),
  };
  lane.certificate = certificate;
  for (const number of own.acks.keys()) if (number <= tip.number) own.acks.delete(number);
  turn.out.push({ type: "broadcast", message: { type: "availability", certificate } });
  return undefined;
}

/** The newest own car, if no block has ordered it: whoever gets it asks for what is missing below it. */
export function newestUnordered({ own, config, lanes }: Lanes): Car | undefined {
  const lane = lanes.get(config.self);
  if (lane === undefined || own.incarnation === undefined) return undefined;
  const track = trackOf(lane, own.incarnation);
  return own.last.number > (track?.base.number ?? 0) ? track?.cars.get(own.last.number) : undefined;
}
