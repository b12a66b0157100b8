import { assert } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import type { Nanos } from "../base/units.ts";
import type { BlockKind, SealedBlock } from "../codec/block.ts";
import type {
  Certificate,
  Committee,
  Finalization,
  Notarization,
  Nullification,
  Verify,
} from "../codec/certificate.ts";
import type { Evidence } from "../codec/evidence.ts";
import type { Ballot, Vote } from "../codec/vote.ts";
import { leaderList } from "./leaders.ts";
import type { EpochMessage } from "./message.ts";
import type { PastView } from "./past-views.ts";
import type { OwnVotes, SafetyRules } from "./rules.ts";
import type { Timing } from "./timing.ts";

/**
 * Simplex (Chan and Pass 2023, eprint 2023/463), weighted, in epochs: the validators and their weights are frozen for one
 * epoch and change with its closing block. Blocks are opaque here; what they carry is the lanes'.
 */
export type ConsensusConfig = {
  /** This node's validator id; whether it is a member is for each epoch to say. */
  readonly validator: number;
  readonly chainId: Hex;
  readonly timing: Timing;
  readonly rules: SafetyRules;
  readonly compactEveryBlocks: number;
  /** The node's own key signs. */
  readonly crypto: { readonly sign: (message: Uint8Array) => Uint8Array; readonly verify: Verify };
};

/** What the closing block before fixed for an epoch. */
export type EpochStart = {
  readonly epoch: number;
  readonly committee: Committee;
  /** This node's id if its key is in the committee, else undefined: then it follows. */
  readonly self: number | undefined;
  /** With nothing to order, a block this long after a view began; a network parameter. */
  readonly emptyBlockMs: number;
};

/** The epoch before: its keys still verify late votes, and its finality brings stragglers on. */
export type PreviousEpoch = {
  readonly epoch: number;
  readonly committee: Committee;
  /** Proof that its closing block is final. */
  readonly finality: Finalization;
};

/** Where a vote belongs: places compare by epoch, then view. */
export type Place = { readonly epoch: number; readonly view: number };

export const isAbove = (place: Place, other: Place): boolean =>
  place.epoch > other.epoch || (place.epoch === other.epoch && place.view > other.view);

/** What consensus must know of a block to build on it. */
export type Tip = {
  readonly hash: Hex;
  readonly epoch: number;
  readonly view: number;
  readonly kind: BlockKind;
  readonly height: number;
  readonly time: Nanos;
  readonly executed: { readonly height: number };
};

/** What one signer said first in a view, of each kind. */
export type Heard = { notarize?: Vote; nullify?: Vote; finalize?: Vote };

export type Tally = { readonly ballot: Ballot; readonly signatures: Map<number, Uint8Array> };

/** A leader's proposal as it came. */
export type Proposed = {
  readonly block: SealedBlock;
  readonly signature: Uint8Array;
  /** When it was seen first. */
  readonly atMs: number;
};

/** One view above the newest final one. */
export type View = {
  readonly number: number;
  /** The leader's first proposal; a second one is evidence and is not kept. */
  proposal?: Proposed;
  /** The proposal breaks a rule that no waiting mends. */
  proposalRefused: boolean;
  /** The votes and the evidence that the proposal carries were seen to be right: that is checked once. */
  bodyChecked: boolean;
  /** Votes by what they say (encoded ballot). */
  readonly tallies: Map<Hex, Tally>;
  readonly heard: Map<number, Heard>;
  readonly accused: Set<string>;
  notarization?: Notarization;
  nullification?: Nullification;
  readonly own: OwnVotes;
  /**
   * The own finalize vote came back with the journal. A crash may have taken of the log what it rests on, so it binds, and is
   * said and counted once that is here again (rule 8).
   */
  finalizeWaits: boolean;
  /** Given up at once, because its leader is away: such a view doubles no timer. */
  skipped: boolean;
};

/** A verified notarize vote, as a later block may carry it. */
export type Attendance = { readonly signature: Uint8Array; readonly dissent?: Hex };

/** Verified notarize votes for one block. */
export type Attendances = {
  readonly epoch: number;
  readonly view: number;
  readonly votes: Map<number, Attendance>;
};

/** A question to the others where they stand, by a node whose journal is gone (rule 3). */
export type Inquiry = {
  readonly nonce: Hex;
  readonly askedAtMs: number;
  /** Highest view of this epoch that each member answered; 0 for one that is still in an earlier epoch. */
  readonly answers: Map<number, number>;
};

export type ConsensusState = {
  readonly config: ConsensusConfig;
  epoch: number;
  committee: Committee;
  self: number | undefined;
  emptyBlockMs: number;
  leaders: readonly number[];
  previous: PreviousEpoch | undefined;
  /** The closing block is final: nothing happens in this epoch any more. */
  closed: boolean;
  /** Whether the node knows all that it ever voted. Without its journal it only follows (rule 3). */
  memory: "whole" | "lost";
  /** It votes only above this view of that epoch: what it voted up to there, it does not remember. */
  voteAbove: Place;
  /** Where the others' answers let it vote again (rule 3). */
  regained: Place | undefined;
  inquiry: Inquiry | undefined;
  /** Two quorums contradicted each other: this node votes no more and says so, restarts included. */
  forked: boolean;
  /** A stopping node leads no more. */
  stopping: boolean;
  view: number;
  /** Newest final block that is here with all its ancestors; never a tail block. */
  tip: Tip;
  /** Newest finality of this epoch that was proved; its block may still be missing here. */
  finality: Finalization | undefined;
  readonly views: Map<number, View>;
  /** Blocks above the tip, by hash. */
  readonly blocks: Map<Hex, SealedBlock>;
  /** Which of them the journal holds. */
  readonly journaled: Set<Hex>;
  /** Final blocks of this epoch by view, as far as they are known: all of those after `finalsFrom` up to the tip. */
  readonly finals: Map<number, Hex>;
  finalsFrom: number;
  /** The newest final blocks, oldest first, as many as votes are carried for. */
  recent: readonly SealedBlock[];
  /** Verified notarize votes for those and for blocks above the tip, by the block's hash. */
  readonly attendances: Map<Hex, Attendances>;
  /** Proved offences that no final block holds yet, by `offenceKey`. */
  readonly evidence: Map<string, Evidence>;
  /** Offences that recent final blocks hold. */
  readonly settledEvidence: Set<string>;
  /** What was heard in views that are decided, oldest first: as many as `PAST_STATEMENTS_MAX` allows. */
  readonly past: Map<string, PastView>;
  /** In all of them together. */
  pastStatements: number;
  /** Messages of the next epoch that came early, by sender. */
  readonly early: Map<number, readonly EpochMessage[]>;
  /** The latest epoch that each peer spoke of, where it is later than this node's: a hint, nothing is proved. */
  readonly claimedEpochs: Map<number, number>;
  /** When a peer that is behind was last told that its epoch is over. */
  readonly toldAtMs: Map<number, number>;
  /** Records of the own journal that belong to epochs which the log has not reached. */
  laterJournal: readonly Uint8Array[];
  /** Certificate that let this node into its view: in an epoch's first view the closing block's finality. */
  entry: Certificate | undefined;
  /** All times on the node's own running clock, in milliseconds. */
  enteredAtMs: number;
  /** When this view first held something to order. */
  orderSinceMs: number | undefined;
  lastProposalAtMs: number;
  repeatedAtMs: number;
  /** Smoothed time from a proposal to its notarization, as seen here. */
  lagMs: number;
  nullifiedInRow: number;
  /** A view was nullified and no block became final since: leaders propose certified tips only. */
  certifiedOnly: boolean;
  /** The view in which a verified message of each member last came. */
  readonly heardInView: Map<number, number>;
  readonly stoppingUntilMs: Map<number, number>;
  blocksSinceCompaction: number;
};

/** Where the log leaves consensus. */
export type Position = EpochStart & {
  readonly previous?: PreviousEpoch;
  readonly tip: Tip;
  /** Newest finality of this epoch, if any block of it is final. */
  readonly finality?: Finalization;
  /**
   * The newest final blocks up to the tip, oldest first, at least `CARRIED_DEPTH_MAX` where the chain is that long: a node
   * that lacks some can't judge proposals until as many new ones are final.
   */
  readonly recent: readonly SealedBlock[];
  readonly nowMs: number;
};

/** A follower at the log's end. `restore` gives it its vote, if its journal does. */
export function createState(config: ConsensusConfig, position: Position): ConsensusState {
  const { epoch, committee, self, emptyBlockMs, previous, tip, finality, recent, nowMs } = position;
  const tipView = tip.epoch === epoch ? tip.view : 0;
  const view = Math.max(tipView, finality?.ballot.view ?? 0) + 1;
  return {
    config,
    epoch,
    committee,
    self,
    emptyBlockMs,
    leaders: leaderList(committee),
    previous,
    closed: false,
    memory: "lost",
    voteAbove: { epoch: 0, view: 0 },
    regained: undefined,
    inquiry: undefined,
    forked: false,
    stopping: false,
    view,
    tip,
    finality,
    views: new Map(),
    blocks: new Map(),
    journaled: new Set(),
    finals: new Map(tipView === 0 ? [] : [[tipView, tip.hash]]),
    finalsFrom: Math.max(0, tipView - 1),
    recent,
    attendances: new Map(recent.map(({ hash, epoch, view }) => [hash, { epoch, view, votes: new Map() }])),
    evidence: new Map(),
    settledEvidence: new Set(),
    past: new Map(),
    pastStatements: 0,
    early: new Map(),
    claimedEpochs: new Map(),
    toldAtMs: new Map(),
    laterJournal: [],
    entry: finality ?? previous?.finality,
    enteredAtMs: nowMs,
    orderSinceMs: undefined,
    lastProposalAtMs: Number.NEGATIVE_INFINITY,
    repeatedAtMs: nowMs,
    lagMs: 0,
    nullifiedInRow: 0,
    certifiedOnly: false,
    heardInView: new Map(committee.members.map(({ id }) => [id, view])),
    stoppingUntilMs: new Map(),
    blocksSinceCompaction: 0,
  };
}

/** Whether this node has a vote in its epoch. */
export const isVoter = (state: ConsensusState): boolean =>
  state.self !== undefined && state.memory === "whole" && !state.forked;

/** Whether its journal may have been lost once: it is gone now, or does not go back to the beginning (rule 3). */
export const mayHaveLost = ({ memory, voteAbove }: ConsensusState): boolean => memory === "lost" || voteAbove.epoch > 0;

/** Whether it may vote in this view: after a loss only above the views that its former self can have reached (rule 3). */
export const mayVoteIn = (state: ConsensusState, view: number): boolean =>
  isVoter(state) && !state.closed && isAbove({ epoch: state.epoch, view }, state.voteAbove);

/** A block's view as this epoch counts: what an earlier epoch made final comes before view 1. */
export const viewIn = (state: ConsensusState, block: { epoch: number; view: number }): number =>
  block.epoch === state.epoch ? block.view : 0;

/** Views up to this one are decided: nothing is voted or kept for them. */
export const decidedView = (state: ConsensusState): number =>
  Math.max(viewIn(state, state.tip), state.finality?.ballot.view ?? 0);

/** The greatest height that is proved to be final; execution may be behind. */
export const certifiedHeight = (state: ConsensusState): number =>
  Math.max(state.tip.height, state.finality?.ballot.height ?? 0);

/** The validators of a block's epoch, where they are still known. */
export function committeeOfEpoch(state: ConsensusState, epoch: number): Committee | undefined {
  if (epoch === state.epoch) return state.committee;
  return epoch === state.previous?.epoch ? state.previous.committee : undefined;
}

/** The record of a view that is not decided yet. */
export function viewOf(state: ConsensusState, number: number): View {
  assert(number > decidedView(state), "a decided view has no record");
  const known = state.views.get(number);
  if (known !== undefined) return known;
  const fresh: View = {
    number,
    proposalRefused: false,
    bodyChecked: false,
    tallies: new Map(),
    heard: new Map(),
    accused: new Set(),
    own: {},
    finalizeWaits: false,
    skipped: false,
  };
  state.views.set(number, fresh);
  return fresh;
}

export const tipOf = ({ hash, epoch, view, kind, height, time, executed }: SealedBlock): Tip => ({
  hash,
  epoch,
  view,
  kind,
  height,
  time,
  executed,
});
