import { EXCHANGES_MAX, PEERS_MAX, PUSH_PER_SECOND, RANDOM_SHARE, ROUND_PEERS, TAKE_PER_SECOND } from "./limits.ts";
import { type Mesh, type MeshContext, type PeerFacts, sharedShards } from "./state.ts";

export const newPeer = (nowMs: number): PeerFacts => ({
  latencyMs: undefined,
  exchangedAtMs: Number.NEGATIVE_INFINITY,
  queue: [],
  pushes: PUSH_PER_SECOND,
  takes: TAKE_PER_SECOND,
  refilledAtMs: nowMs,
});

/** Shares of the three measures in a peer's score, in sum 1. */
const SCORE = { proximity: 0.4, latency: 0.3, overlap: 0.3 } as const;
/** A latency that halves its share. */
const LATENCY_MS = 100;

/**
 * Chooses whom to gossip with, at most `PEERS_MAX`: by coherence proximity, measured latency and shard overlap, and a share
 * by chance, so that no clique of well-placed nodes cuts itself off (domain.md, "Memory mesh").
 */
export function choosePeers(mesh: Mesh, { random, proximityOf }: MeshContext): void {
  const shards = Math.max(1, mesh.placement.filter((replicas) => replicas.includes(mesh.config.self)).length);
  const scored = [...mesh.peers]
    .map(([peer, { latencyMs }]) => {
      const proximity = (proximityOf(peer) ?? 0) / 1_000_000;
      const latency = 1 / (1 + (latencyMs ?? LATENCY_MS) / LATENCY_MS);
      const overlap = sharedShards(mesh, peer).length / shards;
      return { peer, score: SCORE.proximity * proximity + SCORE.latency * latency + SCORE.overlap * overlap };
    })
    .toSorted((a, b) => b.score - a.score || a.peer - b.peer)
    .map(({ peer }) => peer);
  const byScore = Math.min(scored.length, PEERS_MAX - Math.floor(PEERS_MAX / RANDOM_SHARE));
  const chosen = scored.slice(0, byScore);
  const rest = scored.slice(byScore);
  while (chosen.length < PEERS_MAX && rest.length > 0) {
    const peer = random.pick(rest);
    rest.splice(rest.indexOf(peer), 1);
    chosen.push(peer);
  }
  mesh.chosen = chosen.toSorted((a, b) => a - b);
}

/** With whom this round of gossip begins exchanges: some of the chosen, and everybody whose turn is overdue. */
export function partnersOf(mesh: Mesh, { random, nowMs, exchangeEveryMs }: MeshContext): readonly number[] {
  const sharing = [...mesh.peers].filter(([peer]) => sharedShards(mesh, peer).length > 0);
  const partners = new Set(
    sharing.filter(([, { exchangedAtMs }]) => nowMs - exchangedAtMs >= exchangeEveryMs / 2).map(([peer]) => peer),
  );
  const rest = mesh.chosen.filter((peer) => sharing.some(([id]) => id === peer) && !partners.has(peer));
  for (let more = ROUND_PEERS; more > 0 && rest.length > 0; more--) {
    const peer = random.pick(rest);
    rest.splice(rest.indexOf(peer), 1);
    partners.add(peer);
  }
  return [...partners].toSorted((a, b) => a - b).slice(0, EXCHANGES_MAX);
}

/** New allowances for pushes and for what a peer sends unasked. */
export function refill(facts: PeerFacts, nowMs: number): void {
  const passed = Math.max(0, nowMs - facts.refilledAtMs) / 1_000;
  facts.refilledAtMs = nowMs;
  facts.pushes = Math.min(PUSH_PER_SECOND, facts.pushes + passed * PUSH_PER_SECOND);
  facts.takes = Math.min(TAKE_PER_SECOND, facts.takes + passed * TAKE_PER_SECOND);
}

const LATENCY_SMOOTHING = 0.2;

export function noteLatency(facts: PeerFacts, measuredMs: number): void {
  facts.latencyMs =
    facts.latencyMs === undefined ? measuredMs : facts.latencyMs + LATENCY_SMOOTHING * (measuredMs - facts.latencyMs);
}
