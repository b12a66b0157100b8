import type { Hex } from "../base/bytes.ts";
import type { Random } from "../base/random.ts";
import { nanos } from "../base/units.ts";
import { addDelay } from "../cal/delays.ts";
import { encodeBatch } from "../codec/batch.ts";
import { type SealedBlock, sealBlock } from "../codec/block.ts";
import { CAR_BATCHES_MAX, carMessage, parseCar, sealCar } from "../codec/car.ts";
import { sha256Hex } from "../codec/hash.ts";
import { encodePayload, parsePayload } from "../codec/payload.ts";
import { encodePeerMessage, type PeerMessage, parsePeerMessage } from "../codec/peer-message.ts";
import { type KeyPair, sign } from "../codec/signature.ts";
import { encodeTransfers, newTransfer } from "../codec/transfer.ts";
import { type Ballot, ballotMessage, proposalMessage } from "../codec/vote.ts";
import type { Node } from "../node.ts";
import type { FaultCounts } from "./faults.ts";

type Proposal = Extract<PeerMessage, { type: "proposal" }>;
type Letter = { readonly to: number; readonly frame: Uint8Array };

/** A delay of nothing, again and again, or of more than any bound. */
const LIES_AT_ONCE = 5;
/** Frames that a liar keeps to replay, and blocks that it saw. */
const KEPT_MAX = 200;

/**
 * One validator that follows the protocol and lies on top of it, with a key of its own that really signs. Its own node
 * stays honest inside; what leaves it is bent here.
 */
export type Liar = {
  /** What leaves instead of one frame to `peers`. */
  bend(frame: Uint8Array, peers: readonly number[]): readonly Letter[];
  /** What it says of its own accord on hearing a frame. */
  overhear(frame: Uint8Array, peers: readonly number[]): readonly Letter[];
};

export function createLiar({
  self,
  keyPair,
  chainId,
  random,
  faults,
  leads,
}: {
  self: number;
  keyPair: KeyPair;
  chainId: Hex;
  random: Random;
  faults: FaultCounts;
  /** Whether the liar leads a view: everybody knows. */
  leads: (place: { epoch: number; view: number }) => boolean;
}): Liar {
  let sequence = 0n;
  const kept: Uint8Array[] = [];
  const blocks = new Map<Hex, SealedBlock>();

  const vote = (ballot: Ballot): PeerMessage => ({
    type: "vote",
    vote: { ballot, signer: self, signature: sign(ballotMessage(chainId, ballot), keyPair.secretKey) },
  });
  const toSome = (message: PeerMessage, peers: readonly number[]): Letter[] => {
    const frame = encodePeerMessage(message);
    return peers.filter(() => random.below(3) > 0).map((to) => ({ to, frame }));
  };
  const signed = (block: SealedBlock, justification: Proposal["justification"]): Proposal => {
    const message = proposalMessage(chainId, { epoch: block.epoch, view: block.view, block: block.hash });
    return { type: "proposal", block, signature: sign(message, keyPair.secretKey), justification };
  };
  const notarize = ({ epoch, view, hash, height, executed }: SealedBlock): PeerMessage =>
    vote({ kind: "notarize", epoch, view, block: hash, height, executed });

  const noiseBytes = (): Uint8Array => Uint8Array.from({ length: 1 + random.below(300) }, () => random.below(256));

  /** Something else to order: nothing, noise, or tips that are moved a little. */
  const otherPayload = (payload: Uint8Array): Uint8Array => {
    const parsed = parsePayload(payload);
    if (!parsed.ok || random.oneIn(3)) return random.oneIn(2) ? noiseBytes() : new Uint8Array(0);
    const tips = parsed.value.tips.map((tip) => {
      const number = Math.max(1, tip.number + random.below(3) - 1);
      return { ...tip, number, cars: Math.max(1, Math.min(number, tip.cars + random.below(3) - 1)) };
    });
    return encodePayload({ tips, certificates: parsed.value.certificates.slice(1) });
  };

  /** Another block for the same view: later, on an old parent, or with results that are not so. */
  const otherBlock = (block: SealedBlock): SealedBlock => {
    const garbage = noiseBytes();
    const other = { ...block, time: nanos(block.time + 1n), payload: otherPayload(block.payload) };
    const [vote] = block.votes;
    if (random.oneIn(3) && vote !== undefined) {
      faults["lie: forged vote carried"] += 1;
      const forged = {
        ...vote,
        signature: Uint8Array.from(vote.signature, (byte, index) => (index === 9 ? byte ^ 1 : byte)),
      };
      return sealBlock({ ...block, votes: [forged, ...block.votes.slice(1)] });
    }
    const parent = blocks.get(block.parent);
    if (random.oneIn(3)) {
      faults["lie: wrong results"] += 1;
      return sealBlock({ ...other, executed: { ...block.executed, resultsHash: sha256Hex(garbage) } });
    }
    if (random.oneIn(3) && parent !== undefined && parent.executed.height <= block.executed.height) {
      faults["lie: proposal on an old parent"] += 1;
      return sealBlock({ ...other, parent: parent.parent, height: parent.height, executed: parent.executed });
    }
    faults["lie: two proposals"] += 1;
    return sealBlock(other);
  };

  const bendProposal = (proposal: Proposal, frame: Uint8Array, peers: readonly number[]): readonly Letter[] => {
    const other = signed(otherBlock(proposal.block), proposal.justification);
    const otherFrame = encodePeerMessage(other);
    const split = random.oneIn(2) ? 0 : random.below(peers.length + 1);
    return [
      ...peers.map((to, index) => ({ to, frame: index < split ? frame : otherFrame })),
      ...toSome(notarize(proposal.block), peers),
      ...toSome(notarize(other.block), peers),
    ];
  };

  const contradict = (ballot: Ballot): PeerMessage => {
    faults["lie: contradicting votes"] += 1;
    const { epoch, view } = ballot;
    if (ballot.kind === "nullify") {
      const other = [...blocks.values()].find((block) => block.view === view);
      const block = other?.hash ?? sha256Hex(keyPair.publicKey);
      return vote({ kind: "finalize", epoch, view, block, height: other?.height ?? 1 });
    }
    if (random.oneIn(2)) return vote({ kind: "nullify", epoch, view });
    const other = [...blocks.values()].find((block) => block.view === view && block.hash !== ballot.block);
    return vote({ ...ballot, block: other?.hash ?? sha256Hex(keyPair.publicKey) });
  };

  /** A batch that only the liar signed: every chain refuses it, and every car may hold it. */
  const inventedBatch = (): Uint8Array => {
    sequence += 1n;
    const transfer = newTransfer({ id: sequence, debit: 1n, credit: 2n, amount: 1n, ledger: 1, code: 1 });
    const payload = encodeTransfers([transfer]);
    return encodeBatch({ type: "transfers", payload, chainId, keyPair, stream: 9n, sequence, expiryMs: 1 });
  };

  /** The own lane: whole for some and forked for others, or kept from some, who then have to ask for it. */
  const bendCar = (bytes: Uint8Array, frame: Uint8Array, peers: readonly number[]): readonly Letter[] => {
    const car = parseCar(bytes);
    if (!car.ok || car.value.validator !== self || !random.oneIn(3)) return peers.map((to) => ({ to, frame }));
    if (random.oneIn(2)) {
      faults["lie: car withheld"] += 1;
      return peers.filter(() => random.oneIn(2)).map((to) => ({ to, frame }));
    }
    faults["lie: forked lane"] += 1;
    const batches = [...car.value.batches, inventedBatch()].slice(-CAR_BATCHES_MAX);
    const forked = sealCar(car.value, batches, (digest) => sign(carMessage(chainId, digest), keyPair.secretKey));
    const other = encodePeerMessage({ type: "car", car: forked.bytes });
    return peers.map((to) => ({ to, frame: random.oneIn(2) ? frame : other }));
  };

  const noise = (peers: readonly number[]): Letter[] => {
    if (peers.length === 0 || !random.oneIn(6)) return [];
    const old = random.oneIn(2) && kept.length > 0 ? random.pick(kept) : undefined;
    if (old !== undefined && random.oneIn(2)) {
      faults["lie: replay"] += 1;
      return [{ to: random.pick(peers), frame: old }];
    }
    faults["lie: garbage"] += 1;
    // A frame that once was right, with one byte turned, goes deeper into the parsers than mere noise.
    const frame = old?.slice() ?? Uint8Array.from({ length: random.below(200) }, () => random.below(256));
    if (frame.length > 0) frame[random.below(frame.length)] = random.below(256);
    return [{ to: random.pick(peers), frame }];
  };

  return {
    bend: (frame, peers) => {
      const message = parsePeerMessage(frame);
      if (random.oneIn(10)) {
        faults["lie: silence"] += 1;
        return noise(peers);
      }
      const honestly = peers.map((to) => ({ to, frame }));
      if (!message.ok) return honestly;
      const { value } = message;
      if (value.type === "car") return bendCar(value.car, frame, peers);
      if (value.type === "ack" && random.oneIn(2)) {
        faults["lie: acknowledgement withheld"] += 1;
        return noise(peers);
      }
      if (value.type === "proposal") blocks.set(value.block.hash, value.block);
      if (value.type === "proposal" && random.oneIn(2)) return bendProposal(value, frame, peers);
      // Without its word finality hangs on every honest frame, which is when a lie about the parent can hurt.
      if (value.type === "vote" && value.vote.ballot.kind === "finalize" && random.oneIn(2)) return noise(peers);
      if (value.type !== "vote" || !random.oneIn(4)) return [...honestly, ...noise(peers)];
      return [...honestly, ...toSome(contradict(value.vote.ballot), peers)];
    },
    overhear: (frame, peers) => {
      if (kept.length < KEPT_MAX) kept.push(frame);
      else kept[random.below(KEPT_MAX)] = frame;
      const message = parsePeerMessage(frame);
      if (!message.ok || message.value.type !== "proposal") return noise(peers);
      const { block } = message.value;
      if (blocks.size >= KEPT_MAX) blocks.clear();
      blocks.set(block.hash, block);
      if (leads({ epoch: block.epoch, view: block.view + 1 }) && random.oneIn(2)) {
        // Beside the block instead of on it, so early that its voters have no finality yet: two blocks of one height, if
        // they asked for no proof that the view before was given up.
        faults["lie: proposal on an old parent"] += 1;
        const time = nanos(block.time + 1n);
        const beside = sealBlock({ ...block, view: block.view + 1, proposer: self, time });
        return peers.map((to) => ({ to, frame: encodePeerMessage(signed(beside, [])) }));
      }
      if (!random.oneIn(4)) return noise(peers);
      faults["lie: contradicting votes"] += 1;
      const { epoch, view, hash, height } = block;
      return [
        ...toSome(notarize(block), peers),
        ...toSome(vote({ kind: "finalize", epoch, view, block: hash, height }), peers),
        ...toSome(vote({ kind: "nullify", epoch, view }), peers),
      ];
    },
  };
}

/** What a liar will report of the others: everything bad in one epoch, everything good in the next. */
export function bendObservation({ observation }: Node, faults: FaultCounts): void {
  const { current } = observation;
  if (current === undefined) return;
  const bad = current.epoch % 2 === 0;
  faults["lie: report"] += 1;
  for (const peer of current.observer.peers.values()) {
    peer.answered = bad ? 0 : peer.probes;
    peer.equal = bad ? 0 : peer.exchanges;
    for (let lie = 0; lie < LIES_AT_ONCE; lie++) addDelay(peer.delays, bad ? Number.POSITIVE_INFINITY : 0);
  }
}
