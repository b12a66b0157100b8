import type { Hex } from "../base/bytes.ts";
import { equalTips, type Tip, tipOfCar } from "../codec/car.ts";
import { type Lanes, type LaneTurn, placeBefore, stubOf } from "./state.ts";

/** Tips whose cars are looked for at a time: those of the proposals and certificates of a few views. */
export const WANTED_MAX = 1024;
/** A want that nothing has asked for again is given up after this time. */
const FORGET_MS = 10_000;

/** A lane up to a tip, of which cars are missing here. */
export type Wanted = {
  readonly tip: Tip;
  /** Number of the oldest car that is needed. */
  readonly from: number;
  /** The newest car that is missing: what is above it is here. */
  missing: Tip;
  /** Who is said to hold it, best first; then everybody else is asked. */
  readonly sources: readonly number[];
  readonly sinceMs: number;
  /** When something last asked for it. */
  notedAtMs: number;
  askedUntilMs: number;
  /** Whoever was asked already, in this round. */
  readonly asked: Set<number>;
};

/**
 * Notes that the last cars up to a tip are needed, from number `from` on. True if they are all here: then the way down is
 * whole. `sources` are asked first.
 */
export function want(
  lanes: Lanes,
  turn: LaneTurn,
  { tip, from, sources }: { tip: Tip; from: number; sources: readonly number[] },
): boolean {
  const key = keyOf(tip);
  const known = lanes.wanted.get(key);
  const missing = newestMissing(lanes, known?.missing ?? tip, from);
  if (missing === undefined) {
    lanes.wanted.delete(key);
    return true;
  }
  if (known !== undefined && known.from <= from) {
    known.notedAtMs = turn.nowMs;
    known.missing = missing;
    return false;
  }
  if (known === undefined && lanes.wanted.size >= WANTED_MAX) return false;
  lanes.wanted.set(key, {
    ...{ tip: tipOfCar(tip), from, missing, sources: [...sources] },
    ...{ sinceMs: turn.nowMs, notedAtMs: turn.nowMs, askedUntilMs: Number.NEGATIVE_INFINITY, asked: new Set() },
  });
  return false;
}

/** The whole place: a liar may name a car's digest where that car is not. */
const keyOf = ({ validator, incarnation, number, digest }: Tip): string =>
  `${validator} ${incarnation} ${number} ${digest}`;

/** Whether the car is one that is looked for: its digest alone proves it. */
export function isWanted(lanes: Lanes, digest: Hex): boolean {
  for (const { missing } of lanes.wanted.values()) if (missing.digest === digest) return true;
  return false;
}

/** Whether it is also in the place where it is looked for. */
export function isWantedAt(lanes: Lanes, car: Tip): boolean {
  for (const { missing } of lanes.wanted.values()) if (equalTips(missing, car)) return true;
  return false;
}

/** A car came: what was looked for may be whole now, or what is below it is next, asked of whoever is at hand. */
export function cameIn(lanes: Lanes, digest: Hex): void {
  for (const wanted of lanes.wanted.values()) {
    if (wanted.missing.digest !== digest) continue;
    const missing = newestMissing(lanes, wanted.missing, wanted.from);
    if (missing === undefined) {
      lanes.wanted.delete(keyOf(wanted.tip));
      continue;
    }
    wanted.missing = missing;
    wanted.asked.clear();
  }
}

/** After an answer the next question need not wait for the time of the last. */
export function answered(lanes: Lanes, peer: number): void {
  for (const wanted of lanes.wanted.values()) {
    if (wanted.asked.size === 0 || [...wanted.asked].at(-1) === peer) wanted.askedUntilMs = Number.NEGATIVE_INFINITY;
  }
}

/** Asks for what is missing: one peer at a time for each tip, those that are said to hold it first. */
export function askForMissing(lanes: Lanes, turn: LaneTurn): void {
  const { pace, self } = lanes.config;
  for (const [key, wanted] of lanes.wanted) {
    if (turn.nowMs - wanted.notedAtMs > FORGET_MS) {
      lanes.wanted.delete(key);
      continue;
    }
    if (turn.nowMs < Math.max(wanted.sinceMs + pace.askAfterMs, wanted.askedUntilMs)) continue;
    const peer = nextPeer(wanted, turn.connected, self);
    wanted.askedUntilMs = turn.nowMs + pace.askTimeoutMs;
    if (peer === undefined) continue;
    wanted.asked.add(peer);
    const { missing: tip, from } = wanted;
    turn.out.push({ type: "send", peer, message: { type: "car-request", from, tip } });
  }
}

function nextPeer(wanted: Wanted, connected: ReadonlySet<number>, self: number): number | undefined {
  const rest = [...connected].toSorted((a, b) => a - b);
  const order = [...wanted.sources, wanted.tip.validator, ...rest].filter((id) => id !== self && connected.has(id));
  const fresh = order.find((id) => !wanted.asked.has(id));
  if (fresh !== undefined) return fresh;
  // Everybody was asked: again from the best on.
  wanted.asked.clear();
  return order[0];
}

export function askAtMs(lanes: Lanes): number {
  let atMs = Number.POSITIVE_INFINITY;
  for (const { sinceMs, askedUntilMs } of lanes.wanted.values()) {
    atMs = Math.min(atMs, Math.max(sinceMs + lanes.config.pace.askAfterMs, askedUntilMs));
  }
  return atMs;
}

/** Walks down from a tip to number `from`: the first car that is not here. */
function newestMissing(lanes: Lanes, tip: Tip, from: number): Tip | undefined {
  let place: Tip | undefined = tip;
  while (place !== undefined && place.number >= from) {
    const car = stubOf(lanes, place);
    if (car === undefined) return tipOfCar(place);
    place = placeBefore(car);
  }
  return undefined;
}
