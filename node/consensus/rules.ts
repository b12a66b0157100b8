import { moreThanTwoThirds, type QuorumRule } from "../codec/certificate.ts";
import type { Vote } from "../codec/vote.ts";

/** The votes that this node has cast in one view, restarts included: its journal brings them back. */
export type OwnVotes = { notarize?: Vote; nullify?: Vote; finalize?: Vote };

/**
 * The rules that safety rests on, one function each. Production always runs `SOUND_RULES`; the simulator's canaries break
 * one at a time, to show that its checkers would see it.
 */
export type SafetyRules = {
  readonly quorum: QuorumRule;
  /** One block in a view, and none after giving the view up. */
  readonly mayNotarize: (own: OwnVotes) => boolean;
  /** Notarize and then nullify is legal; what was finalized is never given up. */
  readonly mayNullify: (own: OwnVotes) => boolean;
  /** Else a block could be final and its view skipped, by two quorums. */
  readonly mayFinalize: (own: OwnVotes) => boolean;
  /** Whether a proposal may rest on a parent, given how many views between them lack a nullification. */
  readonly mayFollow: (parent: { notarized: boolean; viewsNotNullified: number }) => boolean;
};

export const SOUND_RULES: SafetyRules = {
  quorum: moreThanTwoThirds,
  mayNotarize: (own) => own.notarize === undefined && own.nullify === undefined,
  mayNullify: (own) => own.nullify === undefined && own.finalize === undefined,
  mayFinalize: (own) => own.nullify === undefined && own.finalize === undefined,
  mayFollow: ({ notarized, viewsNotNullified }) => notarized && viewsNotNullified === 0,
};

/** What production never changes: a simulator breaks a rule, or compacts more often so that a short run sees it. */
export type Internals = {
  readonly rules: SafetyRules;
  /** Final blocks between two compactions of the vote journal. */
  readonly compactEveryBlocks: number;
};

export const PRODUCTION: Internals = { rules: SOUND_RULES, compactEveryBlocks: 256 };
