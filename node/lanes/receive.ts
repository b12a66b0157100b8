import type { AvailabilityCertificate } from "../codec/availability.ts";
import { availabilityFault } from "../codec/availability.ts";
import { type Car, type CarStub, carMessage, isBeyond, parseCar, parseCarStub, type Tip } from "../codec/car.ts";
import { CARS_MAX } from "../codec/peer-message.ts";
import {
  armAck,
  bytesOf,
  FETCHED_BYTES_MAX,
  isFull,
  type Lane,
  type Lanes,
  type LaneTurn,
  laneOf,
  openTrack,
  placeBefore,
  stubOf,
  TRACK_INTERVAL_MS,
  trackOf,
} from "./state.ts";
import { addCar, gapBelow, type Track } from "./track.ts";
import { answered, cameIn, isWanted, isWantedAt, want } from "./wanted.ts";

/** Bytes of cars in one answer; one car is always sent. */
export const CARS_BYTES_MAX = 4 * 1024 * 1024;

/** The next car of a lane. The answer says why it was dropped, if it was. */
export function onCar(lanes: Lanes, turn: LaneTurn, bytes: Uint8Array): string | undefined {
  const stub = parseCarStub(bytes);
  if (!stub.ok) return `car: ${stub.detail ?? stub.reason}`;
  return takeCar(lanes, turn, bytes, stub.value);
}

/** Cars that were asked for: each proves the one after it. */
export function onCars(lanes: Lanes, turn: LaneTurn, peer: number, cars: readonly Uint8Array[]): string | undefined {
  const before = turn.out.length;
  let dropped: string | undefined;
  for (const bytes of cars) dropped ??= onCar(lanes, turn, bytes);
  // Only an answer that brought something lets the next question go at once, or a peer could keep this node asking.
  if (turn.out.length > before) answered(lanes, peer);
  return dropped;
}

/** Cheap questions first: a car that is known, or has no room, costs neither a signature nor a hash of its batches. */
function takeCar(lanes: Lanes, turn: LaneTurn, bytes: Uint8Array, stub: CarStub): string | undefined {
  if (isWanted(lanes, stub.digest)) return fetchCar(lanes, turn, bytes);
  const member = lanes.committee.byId.get(stub.validator);
  if (member === undefined) return "car of a stranger";
  const lane = laneOf(lanes, stub.validator);
  if (!isBeyond(stub, lane.ordered)) return undefined;
  const track = trackOf(lane, stub.incarnation);
  const first = track?.cars.get(stub.number);
  if (first !== undefined) return first.digest === stub.digest ? undefined : "car forks its lane";
  makeRoom(lanes, lane, stub);
  const noRoom = roomFault(lanes, turn, lane, stub);
  if (noRoom !== undefined) return noRoom;
  const message = carMessage(lanes.config.chainId, stub.digest);
  if (!lanes.config.verify({ message, signature: stub.signature, publicKey: member.publicKey }))
    return "car with a wrong signature";
  const car = parseCar(bytes);
  if (!car.ok) return `car: ${car.detail ?? car.reason}`;
  const onto = track ?? openTrack(lane, stub.incarnation, turn.nowMs);
  addCar(onto, car.value);
  turn.out.push({ type: "keep", car: car.value });
  armAck(lanes, lane, turn.nowMs);
  wantGap(lanes, turn, onto, car.value);
  return undefined;
}

/** A full lane whose owner lost its state gives up its oldest incarnation, which nothing may complete any more. */
function makeRoom(lanes: Lanes, lane: Lane, { incarnation, byteLength }: CarStub): void {
  const oldest = lane.tracks[0];
  if (isFull(lanes, lane, byteLength) && oldest !== undefined && oldest.incarnation < incarnation)
    lane.tracks = lane.tracks.slice(1);
}

function roomFault(lanes: Lanes, { nowMs }: LaneTurn, lane: Lane, stub: CarStub): string | undefined {
  const track = trackOf(lane, stub.incarnation);
  // After a restart there is no track yet of what was ordered before it.
  const ordered = lane.ordered?.incarnation === stub.incarnation ? lane.ordered.number : 0;
  if (stub.number > (track?.base.number ?? ordered) + lanes.config.pace.laneCarsMax) return "car is too far ahead";
  if (isFull(lanes, lane, stub.byteLength)) return "lane is full";
  if (track === undefined && nowMs < lane.trackOpenedAtMs + TRACK_INTERVAL_MS)
    return "lane opens too many incarnations";
  return undefined;
}

/** A car whose digest a held car, a certificate or a block names. */
function fetchCar(lanes: Lanes, turn: LaneTurn, bytes: Uint8Array): string | undefined {
  const parsed = parseCar(bytes);
  if (!parsed.ok) return `car: ${parsed.detail ?? parsed.reason}`;
  const car = parsed.value;
  if (!isWantedAt(lanes, car)) return "car is not where the one after it says";
  const lane = laneOf(lanes, car.validator);
  const track = trackOf(lane, car.incarnation);
  const hasPlace =
    isBeyond(car, lane.ordered) &&
    track?.cars.has(car.number) === false &&
    roomFault(lanes, turn, lane, car) === undefined;
  if (hasPlace && track !== undefined) {
    addCar(track, car);
    armAck(lanes, lane, turn.nowMs);
  } else if (lanes.fetchedBytes + car.bytes.length <= FETCHED_BYTES_MAX && !lanes.fetched.has(car.digest)) {
    lanes.fetched.set(car.digest, car);
    lanes.fetchedBytes += car.bytes.length;
  }
  turn.out.push({ type: "keep", car });
  cameIn(lanes, car.digest);
  return undefined;
}

function wantGap(lanes: Lanes, turn: LaneTurn, track: Track, car: Car): void {
  const gap = gapBelow(track, car);
  if (gap === undefined) return;
  const tip: Tip = { validator: car.validator, incarnation: car.incarnation, ...gap };
  want(lanes, turn, { tip, from: track.base.number + 1, sources: [] });
}

/** The proof that a lane is available up to a tip: kept if it is the newest. */
export function onAvailability(lanes: Lanes, turn: LaneTurn, certificate: AvailabilityCertificate): string | undefined {
  const { tip } = certificate;
  if (!lanes.committee.byId.has(tip.validator)) return "availability of a stranger's lane";
  const lane = laneOf(lanes, tip.validator);
  if (!isBeyond(tip, lane.ordered) || (lane.certificate !== undefined && !isBeyond(tip, lane.certificate.tip)))
    return undefined;
  const fault = availabilityFault(certificate, { ...lanes.config, committee: lanes.committee });
  if (fault !== undefined) return `availability: ${fault}`;
  lane.certificate = certificate;
  const from = lane.ordered?.incarnation === tip.incarnation ? lane.ordered.number + 1 : 1;
  want(lanes, turn, { tip, from, sources: certificate.signatures.map(({ signer }) => signer) });
  return undefined;
}

/** Cars for a peer that asks, from the tip downwards, as each proves the one below it. */
export function carsFor(lanes: Lanes, { from, tip }: { from: number; tip: Tip }): readonly Uint8Array[] {
  const cars: Uint8Array[] = [];
  let bytes = 0;
  let place: Tip | undefined = tip;
  while (place !== undefined && place.number >= from && cars.length < CARS_MAX) {
    const stub = stubOf(lanes, place);
    if (stub === undefined) break;
    const car = bytesOf(lanes, place);
    if (car === undefined || (cars.length > 0 && bytes + car.length > CARS_BYTES_MAX)) break;
    bytes += car.length;
    cars.push(car);
    place = placeBefore(stub);
  }
  return cars;
}
