import { present } from "../../base/assert.ts";
import type { Hex } from "../../base/bytes.ts";
import type { SealedBlock } from "../../codec/block.ts";
import type { BlockRecord } from "../../codec/block-record.ts";
import type { PeerMessage } from "../../codec/peer-message.ts";
import type { Ballot } from "../../codec/vote.ts";
import type { VoteAnswer } from "../../codec/vote-answer.ts";
import type { ConsensusMessage } from "../../consensus/message.ts";
import { BLANK_SIGNATURE, type Input, liarsBlock, NONCE, scheduleOf } from "./machine.ts";
import { epochsOf, type Network, viewsIn } from "./network.ts";

type Proposal = Extract<PeerMessage, { type: "proposal" }>;

/** Everything that can happen to one validator, by number. */
export type Event =
  | { readonly type: "input"; readonly input: Input; readonly label: string }
  | { readonly type: "propose" | "give-up" | "crash" | "crash-without-journal"; readonly label: string };

/** Everything that may be said in one network, numbered as it is first met, so that states are small and compare fast. */
export type Vocabulary = {
  readonly events: readonly Event[];
  readonly ballots: readonly Ballot[];
  /** What the Byzantine validator offers from the beginning, sorted. */
  readonly fromTheStart: readonly number[];
  ballot(ballot: Ballot): number;
  /** The event of getting a certificate for a ballot. */
  certificate(ballot: number): number;
  /** Events that an honest proposal makes possible: itself, its body, and the liar's blocks and votes on top of it. */
  proposal(proposal: Proposal): readonly number[];
  vote(ballot: Ballot, signer: number): number;
  record(record: BlockRecord): number;
  /** The event of being asked by a validator that lost its journal. */
  query(validator: number): number;
  answer(answer: VoteAnswer): number;
  nameOf(hash: Hex): string;
  tellBallot(ballot: number): string;
  parentOf(hash: Hex): Hex | undefined;
  blockOf(hash: Hex): SealedBlock | undefined;
  viewOf(hash: Hex): number;
};

export const [PROPOSE, GIVE_UP, CRASH, CRASH_LOST] = [0, 1, 2, 3] as const;
const FIXED: readonly Event[] = [
  { type: "propose", label: "its clock reaches the time to propose" },
  { type: "give-up", label: "its clock reaches the end of the view" },
  { type: "crash", label: "it crashes and comes back" },
  { type: "crash-without-journal", label: "it crashes and comes back without its journal" },
];
/** Views in which a child of the block may be proposed: a closing block has children in both epochs. */
function placesAbove(network: Network, block: SealedBlock | undefined): { epoch: number; view: number }[] {
  const [epoch, view] = [block?.epoch ?? 1, block?.view ?? 0];
  return epochsOf(network).flatMap((at) => {
    const views = Array.from({ length: viewsIn(network, at) }, (_, index) => index + 1);
    if (at === epoch) return views.filter((one) => one > view).map((one) => ({ epoch: at, view: one }));
    return at > epoch && block?.kind === "closing" ? views.map((one) => ({ epoch: at, view: one })) : [];
  });
}

/** Blocks that a lying leader makes on one parent: they differ in their time. */
const LIES_PER_PARENT = 2;

export function createVocabulary(network: Network): Vocabulary {
  const leaderOf = scheduleOf(network);
  const events: Event[] = [...FIXED];
  const eventIds = new Map<string, number>();
  const ballots: Ballot[] = [];
  const ballotIds = new Map<string, number>();
  const certificates: (number | undefined)[] = [];
  const blocks = new Map<Hex, { readonly block: SealedBlock; readonly name: string }>();
  const offers = new Map<Hex, readonly number[]>();

  const event = (key: string, make: () => { input: Input; label: string }): number => {
    const known = eventIds.get(key);
    if (known !== undefined) return known;
    eventIds.set(key, events.length);
    events.push({ type: "input", ...make() });
    return events.length - 1;
  };
  const message = (key: string, value: ConsensusMessage, from: number, label: string): number =>
    event(key, () => ({ input: { type: "message", message: value, from }, label }));

  const nameOf = (hash: Hex): string => {
    if (hash === network.chainId) return "the start";
    return blocks.get(hash)?.name ?? hash.slice(0, 8);
  };
  const ballotLabel = (ballot: Ballot): string =>
    ballot.kind === "nullify"
      ? `nullify view ${ballot.epoch}/${ballot.view}`
      : `${ballot.kind} ${nameOf(ballot.block)}`;
  const ballotKey = (ballot: Ballot): string => {
    if (ballot.kind === "nullify") return `nullify ${ballot.epoch}/${ballot.view}`;
    const executed = ballot.kind === "notarize" ? `${ballot.executed.height} ${ballot.executed.resultsHash}` : "";
    return `${ballot.kind} ${ballot.epoch}/${ballot.view} ${ballot.height} ${ballot.block} ${executed}`;
  };
  const ballotId = (ballot: Ballot): number => {
    const key = ballotKey(ballot);
    const known = ballotIds.get(key);
    if (known !== undefined) return known;
    ballotIds.set(key, ballots.length);
    ballots.push(ballot);
    return ballots.length - 1;
  };
  const vote = (ballot: Ballot, signer: number): number =>
    message(
      `vote ${signer} ${ballotKey(ballot)}`,
      { type: "vote", vote: { ballot, signer, signature: BLANK_SIGNATURE } },
      signer,
      `it gets ${signer}'s vote to ${ballotLabel(ballot)}`,
    );

  /** The liar's words about a block that exists: votes for it, and blocks of its own on it in every later view that it leads. */
  const lies = (parent: Hex): readonly number[] => {
    const { byzantine } = network;
    if (byzantine === undefined) return [];
    const below = blocks.get(parent)?.block;
    const found: number[] = [];
    if (below !== undefined && network.singleVotes) {
      const { epoch, view, hash, height, executed } = below;
      found.push(vote({ kind: "notarize", epoch, view, block: hash, height, executed }, byzantine));
      found.push(vote({ kind: "finalize", epoch, view, block: hash, height }, byzantine));
    }
    for (const place of placesAbove(network, below)) {
      if (leaderOf(place) !== byzantine) continue;
      for (let lie = 1; lie <= LIES_PER_PARENT; lie++) {
        const block = liarsBlock(network, { proposer: byzantine, ...place, parent: below, lie });
        found.push(...proposal({ type: "proposal", block, signature: BLANK_SIGNATURE, justification: [] }));
      }
    }
    return found;
  };

  const proposal = (value: Proposal): readonly number[] => {
    const { block } = value;
    const key = `${block.hash} ${value.justification.map(({ ballot }) => ballotId(ballot)).join()}`;
    const known = offers.get(key);
    if (known !== undefined) return known;
    if (!blocks.has(block.hash)) {
      const { epoch, view } = block;
      const siblings = [...blocks.values()].filter((each) => each.block.epoch === epoch && each.block.view === view);
      blocks.set(block.hash, { block, name: `block ${epoch}/${view}${String.fromCharCode(97 + siblings.length)}` });
    }
    const name = nameOf(block.hash);
    const fresh = [
      message(`proposal ${key}`, value, block.proposer, `it gets the proposal of ${name} on ${nameOf(block.parent)}`),
      message(`block ${block.hash}`, { type: "block", block }, block.proposer, `it gets ${name}, which it asked for`),
      ...lies(block.hash),
    ];
    offers.set(key, fresh);
    return fresh;
  };

  const answer = (said: VoteAnswer): number => {
    const { signer, epoch, view, entry } = said;
    const by = entry === undefined ? "nothing" : ballotLabel(entry.ballot);
    const key = `answer ${signer} ${epoch}/${view} ${entry === undefined ? "" : ballotId(entry.ballot)}`;
    const label = `it gets ${signer}'s answer to be in view ${epoch}/${view} by ${by}`;
    return message(key, { type: "vote-answer", answer: said }, signer, label);
  };

  /** The liar's words that need no block: votes to give up, and to have seen nothing. */
  const groundless = (): readonly number[] => {
    const { byzantine, singleVotes, crashes } = network;
    if (byzantine === undefined) return [];
    const places = singleVotes ? placesAbove(network, undefined) : [];
    const found = places.map((place) => vote({ kind: "nullify", ...place }, byzantine));
    const seenNothing = { nonce: NONCE, epoch: 1, view: 1, signer: byzantine, signature: BLANK_SIGNATURE };
    return crashes.lost === 0 ? found : [...found, answer(seenNothing)];
  };
  const signatures = network.weights.map((_, signer) => ({ signer, signature: BLANK_SIGNATURE }));
  const fromTheStart = [...lies(network.chainId), ...groundless()].toSorted((a, b) => a - b);
  return {
    events,
    ballots,
    fromTheStart,
    ballot: ballotId,
    certificate: (id) => {
      const ballot = present(ballots[id], "ballots are known");
      certificates[id] ??= message(
        `certificate ${id}`,
        { type: "certificate", certificate: { ballot, signatures } },
        0,
        `it gets a certificate to ${ballotLabel(ballot)}`,
      );
      return certificates[id];
    },
    proposal,
    vote,
    record: (record) =>
      event(`record ${record.block.hash} ${record.certificate.ballot.block}`, () => ({
        input: { type: "record", record },
        label: `it catches up with ${nameOf(record.block.hash)}, final by ${nameOf(record.certificate.ballot.block)}`,
      })),
    query: (validator) =>
      message(
        `query ${validator}`,
        { type: "vote-query", nonce: NONCE },
        validator,
        `${validator} asks where it stands`,
      ),
    answer,
    nameOf,
    tellBallot: (id) => ballotLabel(present(ballots[id], "ballots are known")),
    parentOf: (hash) => blocks.get(hash)?.block.parent,
    blockOf: (hash) => blocks.get(hash)?.block,
    viewOf: (hash) => blocks.get(hash)?.block.view ?? 0,
  };
}
