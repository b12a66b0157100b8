import { toHex } from "./base/bytes.ts";
import {
  createObserver,
  type Observer,
  sawExchange,
  sawFinal,
  sawProbe,
  sawProposal,
  sawVote,
} from "./cal/observer.ts";
import { epochOf } from "./chain/chain.ts";
import { encodePeerMessage, type PeerMessage } from "./codec/peer-message.ts";
import type { Node, Step } from "./node-state.ts";

/** What was seen of an epoch that this node has not reached yet: nodes close an epoch within moments of each other. */
const EARLY_MAX = 256;

/** What this node saw of the other members (domain.md, "CAL"): it is told in reports when the epoch is over. */
export type Observation = {
  epoch: number;
  /** Undefined where this node is no member. */
  current: Watch | undefined;
  /** The epoch before, while votes for its last blocks may still come. */
  ended: Watch | undefined;
  early: Sighting[];
  /** Number of the last round of probes. */
  round: number;
  /** When each probe of the last round left that has not been answered. */
  readonly probed: Map<number, number>;
};

type Watch = { readonly epoch: number; readonly observer: Observer };
/** A peer's proposal, or its vote. */
type Sighting = {
  readonly epoch: number;
  readonly block: string;
  readonly from: number;
  readonly votes: boolean;
  readonly atMs: number;
};

export const createObservation = (): Observation => ({
  epoch: 0,
  current: undefined,
  ended: undefined,
  early: [],
  round: 0,
  probed: new Map(),
});

/** Watches the epoch of the next block from now on. */
export function watchEpoch({ chain, config, observation }: Pick<Node, "chain" | "config" | "observation">): void {
  const { number, members } = epochOf(chain);
  const key = toHex(config.keyPair.publicKey);
  const isMember = members.some(({ id, publicKey }) => id === config.self && publicKey === key);
  const observer = (): Observer => createObserver({ self: config.self, members: members.map(({ id }) => id) });
  observation.ended = observation.current?.epoch === number - 1 ? observation.current : undefined;
  observation.current = isMember ? { epoch: number, observer: observer() } : undefined;
  observation.epoch = number;
  for (const sighting of observation.early.splice(0)) note(observation, sighting);
}

/**
 * Notes proposals that come from their proposer, and votes that come from their voter: whoever the transport has proved can
 * only lie about its own time. Only votes for blocks that become final will count.
 */
export function observeMessage({ observation }: Node, peer: number, message: PeerMessage, atMs: number): void {
  if (message.type === "proposal") {
    const { epoch, hash, proposer } = message.block;
    if (proposer === peer) note(observation, { epoch, block: hash, from: peer, votes: false, atMs });
  } else if (message.type === "vote") {
    const { signer, ballot } = message.vote;
    if (ballot.kind === "notarize" && signer === peer)
      note(observation, { epoch: ballot.epoch, block: ballot.block, from: peer, votes: true, atMs });
  }
}

export function observeFinal({ observation }: Node, { epoch, hash }: { epoch: number; hash: string }): void {
  const watch = watchOf(observation, epoch);
  if (watch !== undefined) sawFinal(watch.observer, hash);
}

/**
 * A round of liveness probes, to all other members. `peers` are connected and know the message; who is not connected does not
 * answer, and who is but speaks an older wire version is not asked.
 */
export function probePeers(node: Node, peers: readonly number[], { effects, turn }: Step): void {
  const { observation, connected } = node;
  const observer = observation.current?.observer;
  if (observer === undefined) return;
  for (const peer of observation.probed.keys()) sawProbe(observer, peer, undefined);
  observation.probed.clear();
  observation.round += 1;
  const frame = encodePeerMessage({ type: "probe", round: observation.round });
  for (const peer of observer.peers.keys()) {
    if (!connected.has(peer)) sawProbe(observer, peer, undefined);
    else if (peers.includes(peer)) {
      observation.probed.set(peer, turn.nowMs);
      effects.push({ type: "send", peer, frame });
    }
  }
}

/** What the mesh found counts in the epoch that runs. */
export function noteExchange({ observation }: Node, { peer, equal }: { peer: number; equal: boolean }): void {
  if (observation.current !== undefined) sawExchange(observation.current.observer, peer, equal);
}

/** An answer counts in its round only. */
export function onProbeAnswer({ observation }: Node, peer: number, round: number, nowMs: number): string | undefined {
  const sentMs = observation.probed.get(peer);
  if (sentMs === undefined || round !== observation.round) return "probe-answer: none is awaited";
  observation.probed.delete(peer);
  if (observation.current !== undefined) sawProbe(observation.current.observer, peer, nowMs - sentMs);
  return undefined;
}

function note(observation: Observation, sighting: Sighting): void {
  const { epoch, block, from, votes, atMs } = sighting;
  if (epoch === observation.epoch + 1) observation.early = [...observation.early, sighting].slice(-EARLY_MAX);
  const watch = watchOf(observation, epoch);
  if (watch === undefined) return;
  if (votes) sawVote(watch.observer, { block, voter: from }, atMs);
  else sawProposal(watch.observer, { block, from }, atMs);
}

const watchOf = ({ current, ended }: Observation, epoch: number): Watch | undefined =>
  current?.epoch === epoch ? current : ended?.epoch === epoch ? ended : undefined;
