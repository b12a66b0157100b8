import { PPM } from "./base/units.ts";
import { combineResonance } from "./cal/resonance.ts";
import { agreement, createRecorder, type Signal, type SignalRecorder, signalOf } from "./cal/signal.ts";
import { SIGNAL_SAMPLES_MAX, type SignalMessage } from "./codec/mesh-message.ts";

/**
 * RΦV of memory entries (domain.md, "CAL"; docs/mesh.md): how the time between blocks that a publisher measured agrees with what
 * the replicas of an entry measured. A local note: every node has its own.
 */
export type Resonances = {
  readonly self: number;
  readonly own: SignalRecorder;
  readonly peers: Map<number, Told>;
};

/** What a peer told last, and how its series agrees with the own one, in millionths. */
type Told = {
  readonly atMs: number;
  readonly ownScorePpm: number | undefined;
  readonly scores: ReadonlyMap<number, number>;
};

/** A node tells the others its series so often; somebody who tells it more than twice as often is not listened to. */
export const SIGNAL_EVERY_MS = 5_000;
const SIGNAL_LEAST_MS = SIGNAL_EVERY_MS / 2;
/** What was told longer ago counts for nothing. */
const SIGNAL_OLD_MS = 60_000;

export const createResonances = (self: number): Resonances => ({
  ...{ self, own: createRecorder(SIGNAL_SAMPLES_MAX), peers: new Map() },
});

/** False: the peer told something a moment ago, and this is dropped. */
export function hearSignal({ own, peers }: Resonances, peer: number, message: SignalMessage, nowMs: number): boolean {
  const before = peers.get(peer);
  if (before !== undefined && nowMs - before.atMs < SIGNAL_LEAST_MS) return false;
  const scores = new Map(message.scores.map(({ publisher, scorePpm }) => [publisher, scorePpm]));
  peers.set(peer, { atMs: nowMs, ownScorePpm: ppmOf(agreement(message, signalOf(own))), scores });
  return true;
}

/** What this node tells the others. */
export function saySignal({ own, peers }: Resonances, nowMs: number): SignalMessage {
  for (const [peer, { atMs }] of peers) if (nowMs - atMs > SIGNAL_OLD_MS) peers.delete(peer);
  const signal: Signal = signalOf(own);
  const scores = [...peers]
    .flatMap(([publisher, { ownScorePpm }]) =>
      ownScorePpm === undefined ? [] : [{ publisher, scorePpm: ownScorePpm }],
    )
    .toSorted((a, b) => a.publisher - b.publisher);
  return { type: "signal", ...signal, scores };
}

/** How this node's own series agrees with that of a publisher, in millionths; undefined: not known, as of itself. */
export const ownScorePpm = ({ peers }: Resonances, publisher: number): number | undefined =>
  peers.get(publisher)?.ownScorePpm;

/**
 * RΦV, in millionths, of an entry that came by this publisher and is held by these replicas: they are its reporters, each
 * but the publisher. Undefined: not known.
 */
export function resonancePpm(
  resonances: Resonances,
  { publisher, replicas }: { readonly publisher: number | undefined; readonly replicas: readonly number[] },
): number | undefined {
  if (publisher === undefined) return undefined;
  const scores = replicas
    .filter((replica) => replica !== publisher)
    .map((replica) =>
      replica === resonances.self
        ? ownScorePpm(resonances, publisher)
        : resonances.peers.get(replica)?.scores.get(publisher),
    );
  return ppmOf(combineResonance(scores.map((score) => (score === undefined ? undefined : score / PPM))));
}

const ppmOf = (score: number | undefined): number | undefined =>
  score === undefined ? undefined : Math.min(PPM, Math.floor(score * PPM));
