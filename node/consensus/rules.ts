import type { BlockKind } from "../codec/block.ts";
import { type Committee, moreThanTwoThirds, type QuorumRule } from "../codec/certificate.ts";
import { type Contradiction, contradiction } from "../codec/evidence.ts";
import type { Ballot, Vote } from "../codec/vote.ts";

/** The votes that this node has cast in one view, restarts included: its journal brings them back. */
export type OwnVotes = { notarize?: Vote; nullify?: Vote; finalize?: Vote };

/**
 * The rules that safety rests on, one function each. Production always runs `SOUND_RULES`; the simulator's canaries break
 * one at a time, to show that its checkers would see it. Numbers are those of docs/consensus.md.
 */
export type SafetyRules = {
  /** Rule 4. */
  readonly quorum: QuorumRule;
  /** Rule 4: the weights that verify an epoch's certificates are that epoch's. */
  readonly committeeFor: (epochs: { previous: Committee; next: Committee }) => Committee;
  /** Rule 1. One block in a view, and none after giving the view up. */
  readonly mayNotarize: (own: OwnVotes) => boolean;
  /** Rule 1. Notarize and then nullify is legal; what was finalized is never given up. */
  readonly mayNullify: (own: OwnVotes) => boolean;
  /** Rule 1. Else a block could be final and its view skipped, by two quorums. */
  readonly mayFinalize: (own: OwnVotes) => boolean;
  /** Rule 1: which two statements of one validator are an offence. */
  readonly contradicts: Contradiction;
  /** Rule 3: whether the members that answered, without the asker, are enough to vote again. */
  readonly mayVoteAgain: (answered: { weight: number; totalWeight: number }) => boolean;
  /** Rule 5: what a block on such a parent of its epoch has to be. `closes`: its E and time are those of a closing block. */
  readonly kindOf: (place: { parent: BlockKind; closes: boolean }) => BlockKind;
  /** Rule 5: whether such a block may carry votes, evidence and payload. */
  readonly mayCarry: (kind: BlockKind) => boolean;
  /** Rule 5: whether these finalize votes make a block final. `closes`: with it the epoch ends. */
  readonly provesFinality: (votes: { quorum: boolean; closes: boolean }) => boolean;
  /** Rule 6: whether a proposal may rest on a parent, given how many views between them lack a nullification. */
  readonly mayFollow: (parent: { notarized: boolean; viewsNotNullified: number }) => boolean;
  /** Rule 6: a voter that has not executed E waits. */
  readonly mayVouch: (proposal: { executedHere: boolean }) => boolean;
  /** Rule 6: only votes whose hash of E is the block's count. */
  readonly mayCount: (ballot: Ballot) => boolean;
  /** Rule 8: what a finalize vote makes final is in this node's log, all its batches too. */
  readonly mayMakeFinal: (blocks: { durable: boolean }) => boolean;
  /** Votes that a block carries are coherence's measure: one wrong signature makes the proposal invalid. */
  readonly mayBeCarried: (vote: { signatureIsRight: boolean }) => boolean;
};

export const SOUND_RULES: SafetyRules = {
  quorum: moreThanTwoThirds,
  committeeFor: ({ next }) => next,
  mayNotarize: (own) => own.notarize === undefined && own.nullify === undefined,
  mayNullify: (own) => own.nullify === undefined && own.finalize === undefined,
  mayFinalize: (own) => own.nullify === undefined && own.finalize === undefined,
  contradicts: contradiction,
  mayVoteAgain: ({ weight, totalWeight }) => 3 * weight > 2 * totalWeight,
  kindOf: ({ parent, closes }) => (parent !== "normal" ? "tail" : closes ? "closing" : "normal"),
  mayCarry: (kind) => kind !== "tail",
  provesFinality: ({ quorum }) => quorum,
  mayFollow: ({ notarized, viewsNotNullified }) => notarized && viewsNotNullified === 0,
  mayVouch: ({ executedHere }) => executedHere,
  mayCount: (ballot) => ballot.kind !== "notarize" || ballot.dissent === undefined,
  mayMakeFinal: ({ durable }) => durable,
  mayBeCarried: ({ signatureIsRight }) => signatureIsRight,
};

/** What production never changes: a simulator breaks a rule, or compacts more often so that a short run sees it. */
export type Internals = {
  readonly rules: SafetyRules;
  /** Final blocks between two compactions of the vote journal. */
  readonly compactEveryBlocks: number;
};

export const PRODUCTION: Internals = { rules: SOUND_RULES, compactEveryBlocks: 256 };
