import { assert } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import { type Car, NO_CAR, type Tip } from "../codec/car.ts";

/**
 * The cars of one incarnation of a lane beyond what was executed of it: the first that came with each number (a fork is
 * ignored, rule 8). `head` is the newest car up to which nothing is missing, so that this node can propose and serve it.
 */
export type Track = {
  readonly incarnation: bigint;
  readonly cars: Map<number, Car>;
  bytes: number;
  /** Where the cars start that this node has to hold: what is ordered of this incarnation, or its beginning. */
  base: Place;
  head: Place;
};

export type Place = { readonly number: number; readonly digest: Hex };

/** Before the first car of an incarnation. */
export const LANE_START: Place = { number: 0, digest: NO_CAR };

export function createTrack(incarnation: bigint, ordered: Tip | undefined): Track {
  const base = ordered === undefined ? LANE_START : { number: ordered.number, digest: ordered.digest };
  return { incarnation, cars: new Map(), bytes: 0, base, head: base };
}

/** Adds the first car of its number. */
export function addCar(track: Track, car: Car): void {
  assert(car.incarnation === track.incarnation && !track.cars.has(car.number), "a track takes one car of each number");
  track.cars.set(car.number, car);
  track.bytes += car.bytes.length;
  extendHead(track);
}

/** The cars after `from` up to the head, oldest first; empty where they do not follow it. */
export function carsAfter(track: Track, from: Place): readonly Car[] {
  const cars: Car[] = [];
  let place = from;
  while (place.number < track.head.number) {
    const car = follower(track, place);
    if (car === undefined) return [];
    cars.push(car);
    place = car;
  }
  return cars;
}

/** Whether the car after this place is here and follows it, and nothing between base and there is missing. */
export const holdsAfter = (track: Track, from: Place): boolean =>
  from.number < track.head.number && follower(track, from) !== undefined;

/** Moves the base to what blocks have ordered now. Cars of a fork that was not ordered go, and others may take their numbers. */
export function orderUpTo(track: Track, place: Place): void {
  track.base = place;
  const held = track.cars.get(place.number);
  const next = track.cars.get(place.number + 1);
  const forked =
    (held !== undefined && held.digest !== place.digest) || (next !== undefined && next.previous !== place.digest);
  if (forked) for (const number of [...track.cars.keys()]) if (number > place.number) removeCar(track, number);
  track.head = place;
  extendHead(track);
}

/** Executed cars leave memory; the log keeps them. */
export function dropUpTo(track: Track, number: number): void {
  // In ascending order of arrival, hardly ever of another: the loop sees little more than what goes.
  for (const held of track.cars.keys()) if (held <= number) removeCar(track, held);
}

/** The place of the newest car that is missing below a held one, if one is. */
export function gapBelow(track: Track, car: Car): Place | undefined {
  if (car.number <= track.head.number + 1) return undefined;
  return track.cars.has(car.number - 1) ? undefined : { number: car.number - 1, digest: car.previous };
}

function removeCar(track: Track, number: number): void {
  const car = track.cars.get(number);
  if (car === undefined) return;
  track.cars.delete(number);
  track.bytes -= car.bytes.length;
}

function extendHead(track: Track): void {
  for (let next = follower(track, track.head); next !== undefined; next = follower(track, next)) {
    track.head = { number: next.number, digest: next.digest };
  }
}

function follower(track: Track, place: Place): Car | undefined {
  const next = track.cars.get(place.number + 1);
  return next?.previous === place.digest ? next : undefined;
}
