import { assert } from "../base/assert.ts";
import { ackMessage } from "../codec/availability.ts";
import { type Car, type Tip, tipOfCar } from "../codec/car.ts";
import type { Payload } from "../codec/payload.ts";
import type { PeerMessage } from "../codec/peer-message.ts";
import { carDueAtMs, closeOwnLane, newestUnordered, sealDueCar } from "./own-lane.ts";
import {
  armAck,
  carOf,
  type Lane,
  type Lanes,
  type LanesEpoch,
  type LaneTurn,
  laneOf,
  placeBefore,
  trackOf,
  unacknowledgedFrom,
} from "./state.ts";
import type { Track } from "./track.ts";
import { askAtMs, askForMissing } from "./wanted.ts";

/** All that is due now: an own car, acknowledgements, questions for missing cars, and what is said again. */
export function settleLanes(lanes: Lanes, turn: LaneTurn): void {
  sealDueCar(lanes, turn);
  for (const lane of lanes.lanes.values()) {
    if (lane.ackDue !== undefined && turn.nowMs >= lane.ackDue.atMs) acknowledge(lanes, turn, lane);
  }
  if (lanes.wanted.size > 0) askForMissing(lanes, turn);
  if (turn.nowMs >= lanes.repeatAtMs) repeat(lanes, turn);
}

/** When the lanes want to be called next, whatever comes in. */
export function lanesWakeAtMs(lanes: Lanes, nowMs: number): number {
  let atMs = Math.min(carDueAtMs(lanes), lanes.repeatAtMs, askAtMs(lanes));
  for (const { ackDue } of lanes.lanes.values()) atMs = Math.min(atMs, ackDue?.atMs ?? Number.POSITIVE_INFINITY);
  return Math.max(atMs, nowMs + 1);
}

/** What a new connection needs of the own lane: its end, behind which it asks for the rest, and the proof for it. */
export function greeting(lanes: Lanes): readonly PeerMessage[] {
  const { certificate } = laneOf(lanes, lanes.config.self);
  const newest = newestUnordered(lanes);
  const messages: PeerMessage[] = newest === undefined ? [] : [{ type: "car", car: newest.bytes }];
  return certificate === undefined ? messages : [...messages, { type: "availability", certificate }];
}

/** The next epoch: cars of those who left are taken no more. */
export function beginLanesEpoch(lanes: Lanes, { committee, blockBatchBytesMax }: LanesEpoch): void {
  lanes.committee = committee;
  lanes.blockBatchBytesMax = blockBatchBytesMax;
  for (const lane of lanes.lanes.values()) {
    // What was acknowledged weighed by the old set.
    lane.certificate = undefined;
    lane.acked = undefined;
    if (!committee.byId.has(lane.validator)) lane.tracks = [];
  }
  lanes.own.acks.clear();
  if (!committee.byId.has(lanes.config.self)) closeOwnLane(lanes);
}

/** A final block's cars in the order of execution, by lane, then number; undefined while one is missing. */
export function gatherCars(lanes: Lanes, payload: Payload): readonly Car[] | undefined {
  const all: Car[] = [];
  for (const tip of payload.tips) {
    const cars: Car[] = [];
    let place: Tip | undefined = tip;
    for (let left = tip.cars; left > 0; left--) {
      const car: Car | undefined = place === undefined ? undefined : carOf(lanes, place);
      if (car === undefined) return undefined;
      cars.push(car);
      place = placeBefore(car);
    }
    all.push(...cars.reverse());
  }
  return all;
}

/** Tells a lane's owner what is held of it and was not ordered since the time was set. */
function acknowledge(lanes: Lanes, turn: LaneTurn, lane: Lane): void {
  const { self, chainId, sign } = lanes.config;
  const due = lane.ackDue;
  lane.ackDue = undefined;
  const track = due === undefined ? undefined : trackOf(lane, due.incarnation);
  if (due === undefined || track === undefined || lane.validator === self || !lanes.committee.byId.has(self)) return;
  const tip = ackPoint(lane, track, Math.min(due.number, track.head.number));
  if (tip !== undefined) {
    lane.acked = tip;
    const ack = { tip, signer: self, signature: sign(ackMessage(chainId, tip)) };
    turn.out.push({ type: "send", peer: lane.validator, message: { type: "ack", ack } });
  }
  armAck(lanes, lane, turn.nowMs);
}

/**
 * Of the cars that are to be acknowledged, up to number `to`, the one with the most trailing zeros: holders that are a few
 * cars apart meet at it, so that their words come to more than a third together, and reach the head in a few steps.
 */
function ackPoint(lane: Lane, track: Track, to: number): Tip | undefined {
  const from = unacknowledgedFrom(lane, track);
  if (from >= to) return undefined;
  let step = 1;
  while (Math.floor(to / (2 * step)) * 2 * step > from) step *= 2;
  const car = track.cars.get(Math.floor(to / step) * step);
  assert(car !== undefined, "a lane is held up to its head");
  return tipOfCar(car);
}

/** Said again while nothing orders it: the end of the own lane for those who missed it, the proof, and what is held of others'. */
function repeat(lanes: Lanes, turn: LaneTurn): void {
  const { self, pace } = lanes.config;
  lanes.repeatAtMs = turn.nowMs + pace.repeatMs;
  const newest = newestUnordered(lanes);
  const { certificate } = laneOf(lanes, self);
  if (newest !== undefined && turn.nowMs >= lanes.own.lastCarAtMs + pace.repeatMs)
    turn.out.push({ type: "broadcast", message: { type: "car", car: newest.bytes } });
  if (certificate !== undefined) turn.out.push({ type: "broadcast", message: { type: "availability", certificate } });
  for (const lane of lanes.lanes.values()) {
    // The acknowledgement may have been lost: from what is ordered on, once more.
    if (lane.certificate === undefined) lane.acked = undefined;
    armAck(lanes, lane, turn.nowMs);
  }
}
