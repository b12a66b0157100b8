import { present } from "../../base/assert.ts";
import { type Hex, toHex } from "../../base/bytes.ts";
import type { SealedBlock } from "../../codec/block.ts";
import type { BlockRecord } from "../../codec/block-record.ts";
import type { PeerMessage } from "../../codec/peer-message.ts";
import { type Ballot, encodeBallot } from "../../codec/vote.ts";
import type { Input } from "./input.ts";
import { liarsBlocks } from "./liar.ts";
import { BLANK_SIGNATURE } from "./machine.ts";
import type { Network } from "./network.ts";

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
  nameOf(hash: Hex): string;
  parentOf(hash: Hex): Hex | undefined;
};

export const [PROPOSE, GIVE_UP, CRASH, CRASH_LOST] = [0, 1, 2, 3] as const;
const FIXED: readonly Event[] = [
  { type: "propose", label: "its clock reaches the time to propose" },
  { type: "give-up", label: "its clock reaches the end of the view" },
  { type: "crash", label: "it crashes and comes back" },
  { type: "crash-without-journal", label: "it crashes and comes back without its journal" },
];
/** On the explorer's wires a message comes from nobody in particular. */
const NOBODY = -1;

export function createVocabulary(network: Network): Vocabulary {
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
  const message = (key: string, value: PeerMessage, label: string): number =>
    event(key, () => ({ input: { type: "message", from: NOBODY, message: value }, label }));

  const nameOf = (hash: Hex): string => {
    if (hash === network.chainId) return "genesis";
    return blocks.get(hash)?.name ?? hash.slice(0, 8);
  };
  const ballotLabel = (ballot: Ballot): string =>
    ballot.kind === "nullify" ? `nullify view ${ballot.view}` : `${ballot.kind} ${nameOf(ballot.block)}`;
  const ballotKey = (ballot: Ballot): string => toHex(encodeBallot(ballot));
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
    for (const block of liarsBlocks(network, below)) {
      found.push(...proposal({ type: "proposal", block, signature: BLANK_SIGNATURE, justification: [] }));
    }
    return found;
  };

  const proposal = (value: Proposal): readonly number[] => {
    const { block } = value;
    const key = `${block.hash} ${value.justification.map(({ ballot }) => ballotId(ballot)).join()}`;
    const known = offers.get(key);
    if (known !== undefined) return known;
    if (!blocks.has(block.hash)) {
      const siblings = [...blocks.values()].filter((each) => each.block.view === block.view).length;
      blocks.set(block.hash, { block, name: `block ${block.view}${String.fromCharCode(97 + siblings)}` });
    }
    const name = nameOf(block.hash);
    const fresh = [
      message(`proposal ${key}`, value, `it gets the proposal of ${name} on ${nameOf(block.parent)}`),
      message(`block ${block.hash}`, { type: "block", block }, `it gets ${name}, which it asked for`),
      ...lies(block.hash),
    ];
    offers.set(key, fresh);
    return fresh;
  };

  const nullifications = (): readonly number[] => {
    const { byzantine } = network;
    if (byzantine === undefined || !network.singleVotes) return [];
    return Array.from({ length: network.views }, (_, index) =>
      vote({ kind: "nullify", epoch: 1, view: index + 1 }, byzantine),
    );
  };
  const signatures = network.weights.map((_, signer) => ({ signer, signature: BLANK_SIGNATURE }));
  const fromTheStart = [...lies(network.chainId), ...nullifications()].toSorted((a, b) => a - b);
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
    nameOf,
    parentOf: (hash) => blocks.get(hash)?.block.parent,
  };
}
