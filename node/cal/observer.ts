import type { Hex } from "../base/bytes.ts";
import { PPM } from "../base/units.ts";
import { addDelay, createDelays, type Delays, percentile95Ms } from "./delays.ts";
import { ratioPpm } from "./ratio.ts";
import type { Report } from "./reports.ts";

/** A vote that takes longer is worth nothing: an idle network makes a block in this time (domain.md, "Consensus"). */
export const VOTE_DELAY_BOUND_MS = 1_000;
/** Blocks not final yet that are kept on the word of one peer; more push out the oldest of its own, and nobody else's. */
const OPEN_BLOCKS_MAX = 32;
/** Votes for a final block count until so many more are final, as the chain carries them (domain.md, "CAL"). */
const AWAITED_BLOCKS = 8;

/** What this node itself saw of the others in one epoch. Times are of a clock that only goes forward, in milliseconds. */
export type Observer = {
  readonly self: number;
  readonly boundMs: number;
  readonly peers: ReadonlyMap<number, Peer>;
  /** Awaited blocks by hash, the oldest first. */
  readonly open: Map<Hex, OpenBlock>;
};

type Peer = {
  readonly delays: Delays;
  probes: number;
  answered: number;
  roundTripsMs: number;
  exchanges: number;
  equal: number;
};

type OpenBlock = {
  /** Who sent the proposal, or while that is not here the first vote. */
  from: number;
  /** When this node first held it; undefined while only votes for it are here. */
  seenMs: number | undefined;
  final: boolean;
  readonly votedMs: Map<number, number>;
};

/** `members`: ids of the epoch's set. */
export function createObserver({
  self,
  members,
  boundMs = VOTE_DELAY_BOUND_MS,
}: {
  self: number;
  members: readonly number[];
  boundMs?: number;
}): Observer {
  const peers = new Map<number, Peer>();
  for (const id of members)
    if (id !== self)
      peers.set(id, {
        ...{ delays: createDelays(boundMs), probes: 0, answered: 0, roundTripsMs: 0, exchanges: 0, equal: 0 },
      });
  return { self, boundMs, peers, open: new Map() };
}

/** A proposal of the epoch came from its proposer, right or not: delays of votes for it count from now. */
export function sawProposal(observer: Observer, { block, from }: { block: Hex; from: number }, nowMs: number): void {
  const open = openBlock(observer, block, from);
  if (open.seenMs !== undefined) return;
  open.from = from;
  open.seenMs = nowMs;
}

/** A notarize vote came from the voter itself, for a block that need not be here, or be right. Its first word counts. */
export function sawVote(observer: Observer, { block, voter }: { block: Hex; voter: number }, nowMs: number): void {
  if (!observer.peers.has(voter)) return;
  const { votedMs } = openBlock(observer, block, voter);
  if (!votedMs.has(voter)) votedMs.set(voter, nowMs);
}

/** The block is final, so its votes count: only those of finalized blocks do. */
export function sawFinal(observer: Observer, block: Hex): void {
  const known = observer.open.get(block);
  if (known === undefined) return;
  known.final = true;
  const final = [...observer.open].filter(([, open]) => open.final);
  for (const [hash, open] of final.slice(0, -AWAITED_BLOCKS)) {
    count(observer, open);
    observer.open.delete(hash);
  }
}

/** A liveness probe of a peer came back after so long, or did not. */
export function sawProbe(observer: Observer, peer: number, roundTripMs: number | undefined): void {
  const of = observer.peers.get(peer);
  if (of === undefined) return;
  of.probes += 1;
  if (roundTripMs === undefined) return;
  of.answered += 1;
  of.roundTripsMs += roundTripMs;
}

/** An anti-entropy exchange with a peer ended, its common range equal or not. */
export function sawExchange(observer: Observer, peer: number, equal: boolean): void {
  const of = observer.peers.get(peer);
  if (of === undefined) return;
  of.exchanges += 1;
  if (equal) of.equal += 1;
}

/**
 * What this node reports of the epoch, by subject ascending; ends the observation of votes: those that are not here yet count
 * as missed. Nothing about a peer if it saw no final block or never probed it: there the others' word counts.
 */
export function reportsOf(observer: Observer): readonly Report[] {
  for (const open of observer.open.values()) if (open.final) count(observer, open);
  observer.open.clear();
  return [...observer.peers]
    .toSorted(([a], [b]) => a - b)
    .flatMap(([subject, { delays, probes, answered, exchanges, equal }]) => {
      if (delays.count === 0 || probes === 0) return [];
      return [
        {
          ...{ reporter: observer.self, subject },
          timelinessPpm: PPM - ratioPpm(percentile95Ms(delays), observer.boundMs),
          availabilityPpm: ratioPpm(answered, probes),
          ...(exchanges === 0 ? {} : { meshPpm: ratioPpm(equal, exchanges) }),
        },
      ];
    });
}

/** Mean over the answered probes of a peer, or of all peers; undefined where none was answered. */
export function meanLatencyMs(observer: Observer, peer?: number): number | undefined {
  const of = peer === undefined ? [...observer.peers.values()] : [observer.peers.get(peer)];
  let [sum, answered] = [0, 0];
  for (const one of of) {
    sum += one?.roundTripsMs ?? 0;
    answered += one?.answered ?? 0;
  }
  return answered === 0 ? undefined : sum / answered;
}

function openBlock({ open }: Observer, block: Hex, from: number): OpenBlock {
  const known = open.get(block);
  if (known !== undefined) return known;
  const own = [...open].filter(([, one]) => one.from === from && !one.final);
  // A forgotten block counts for nobody: mostly it is one that was nullified.
  for (const [oldest] of own.slice(0, Math.max(0, own.length + 1 - OPEN_BLOCKS_MAX))) open.delete(oldest);
  const created: OpenBlock = { from, seenMs: undefined, final: false, votedMs: new Map() };
  open.set(block, created);
  return created;
}

/** A block that this node never held says nothing about anyone's delay: it was fetched later. */
function count({ peers }: Observer, { seenMs, votedMs }: OpenBlock): void {
  if (seenMs === undefined) return;
  for (const [id, { delays }] of peers) addDelay(delays, (votedMs.get(id) ?? Number.POSITIVE_INFINITY) - seenMs);
}
