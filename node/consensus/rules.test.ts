import { describe, expect, it } from "vitest";
import type { SealedBlock } from "../codec/block.ts";
import type { Certificate } from "../codec/certificate.ts";
import { type Ballot, proposalMessage } from "../codec/vote.ts";
import { carriedProblem, notarizeBallot } from "./attendance.ts";
import { onCertificate } from "./certificates.ts";
import { judge } from "./judge.ts";
import { settle } from "./machine.ts";
import { onProposal } from "./proposal.ts";
import { type SafetyRules, SOUND_RULES } from "./rules.ts";
import { type ConsensusState, isVoter, viewOf } from "./state.ts";
import { chainId, committeeWith, signAs } from "./test-keys.ts";
import { createNetwork, runUntil, start, stop } from "./test-network.ts";
import { nodeOf, turnOf } from "./test-node.ts";
import { blockOf, certificateBy, childOf, notarized, resultsOf, setting, voteOf } from "./test-setting.ts";
import type { Turn } from "./turn.ts";
import { onVote } from "./votes.ts";

const FOUR = { 0: 10, 1: 10, 2: 10, 3: 10 };
const nullify: Ballot = { kind: "nullify", epoch: 1, view: 1 };
const without = (broken: Partial<SafetyRules>): SafetyRules => ({ ...SOUND_RULES, ...broken });

function takes(rules: SafetyRules, weights: Readonly<Record<number, number>>, certificate: Certificate): boolean {
  const { state, turn } = setting({ rules, position: { committee: committeeWith(weights, rules) } });
  return onCertificate(state, turn, certificate) === undefined;
}

const ownVotes = (turn: Turn): string[] =>
  turn.out.flatMap((action) =>
    action.type === "broadcast" && action.message.type === "vote" ? [action.message.vote.ballot.kind] : [],
  );

/** A leader's proposal of a view, as a voter gets it. */
function heard(state: ConsensusState, turn: Turn, block: SealedBlock): void {
  const signature = signAs(0, proposalMessage(chainId, { epoch: 1, view: block.view, block: block.hash }));
  onProposal(state, turn, { type: "proposal", block, signature, justification: [] });
  settle(state, turn);
}

const asVoter = (rules: SafetyRules, more: Parameters<typeof setting>[0] = {}) =>
  setting({ rules, ...more, position: { self: 1, ...more.position } });

type Canary = {
  readonly name: string;
  readonly broken: Partial<SafetyRules>;
  /** Whether that happens which the rule is there against. */
  readonly harm: (rules: SafetyRules) => boolean;
};

const CANARIES: readonly Canary[] = [
  {
    name: "quorum: heads are counted, not weight",
    broken: { quorum: ({ heads, totalHeads }) => 3 * heads > 2 * totalHeads },
    harm: (rules) =>
      takes(rules, { 0: 30, 1: 30, 2: 8, 3: 8, 4: 8, 5: 8, 6: 8 }, certificateBy(nullify, [2, 3, 4, 5, 6])),
  },
  {
    name: "quorum: exactly two thirds are enough",
    broken: { quorum: ({ weight, totalWeight }) => 3 * weight >= 2 * totalWeight },
    harm: (rules) => takes(rules, { 0: 1, 1: 1, 2: 1 }, certificateBy(nullify, [0, 1])),
  },
  {
    name: "committeeFor: certificates are verified with the weights of the epoch before",
    broken: { committeeFor: ({ previous }) => previous },
    harm: (rules) => {
      const [one, two] = [
        { 0: 30, 1: 30, 2: 10, 3: 10 },
        { 0: 10, 1: 10, 2: 30, 3: 30 },
      ];
      const network = createNetwork({ members: (epoch) => (epoch === 1 ? one : two), epochMs: 100, rules });
      runUntil(network, () => nodeOf(network, 2).state.epoch === 2);
      const { state } = nodeOf(network, 2);
      const old = certificateBy({ kind: "nullify", epoch: 2, view: state.view }, [0, 1]);
      return onCertificate(state, turnOf(network, nodeOf(network, 2)), old) === undefined;
    },
  },
  {
    name: "mayNotarize: twice in a view",
    broken: { mayNotarize: (own) => own.nullify === undefined },
    harm: (rules) => {
      const { state, turn } = asVoter(rules);
      heard(state, turn, blockOf());
      heard(state, turn, blockOf({ payload: new Uint8Array([1]) }));
      return ownVotes(turn).filter((kind) => kind === "notarize").length > 1;
    },
  },
  {
    name: "mayNullify: what was finalized is given up",
    broken: { mayNullify: (own) => own.nullify === undefined },
    harm: (rules) => rules.mayNullify({ finalize: voteOf(nullify, 0) }),
  },
  {
    name: "mayFinalize: what was given up is finalized",
    broken: { mayFinalize: (own) => own.finalize === undefined },
    harm: (rules) => {
      const { state, turn } = asVoter(rules);
      settle(state, { ...turn, nowMs: 60_000 });
      notarized(state, turn, blockOf());
      settle(state, turn);
      return ownVotes(turn).includes("nullify") && ownVotes(turn).includes("finalize");
    },
  },
  {
    name: "contradicts: notarize and nullify are slashed",
    broken: {
      contradicts: (one, other) => {
        const kinds = [one, other].map((statement) => (statement.type === "vote" ? statement.ballot.kind : ""));
        const legal = kinds.includes("notarize") && kinds.includes("nullify");
        return legal ? "finalize-and-nullify" : SOUND_RULES.contradicts(one, other);
      },
    },
    harm: (rules) => {
      const { state, turn } = asVoter(rules);
      for (const ballot of [notarizeBallot(blockOf()), nullify]) onVote(state, turn, voteOf(ballot, 2));
      return state.evidence.size > 0;
    },
  },
  {
    name: "mayVoteAgain: a wiped node votes at once",
    broken: { mayVoteAgain: () => true },
    harm: (rules) => {
      const network = createNetwork({ members: () => FOUR, rules });
      runUntil(network, () => nodeOf(network, 0).log.length > 3);
      stop(network, 3);
      start(network, 3, { records: [] });
      return isVoter(nodeOf(network, 3).state);
    },
  },
  {
    name: "kindOf: a closing block follows a closing block",
    broken: { kindOf: ({ closes }) => (closes ? "closing" : "normal") },
    harm: (rules) => {
      const next = resultsOf(5);
      const { state, turn } = setting({ rules, execution: { closing: () => ({ next }) } });
      const closing = blockOf({ kind: "closing", next });
      notarized(state, turn, closing);
      const second = childOf(closing, { kind: "closing", next });
      return judge(state, turn, viewOf(state, 2), second).verdict === "valid";
    },
  },
  {
    name: "kindOf: no epoch closes",
    broken: { kindOf: () => "normal" },
    harm: (rules) => {
      const network = createNetwork({ members: () => FOUR, epochMs: 100, rules });
      runUntil(network, () => nodeOf(network, 0).log.length > 14);
      return nodeOf(network, 0).state.epoch === 1;
    },
  },
  {
    name: "kindOf: the closing block's child is a block like any other, of this epoch",
    broken: { kindOf: ({ parent, closes }) => (closes && parent === "normal" ? "closing" : "normal") },
    harm: (rules) => {
      const { state, turn } = setting({ rules });
      const closing = blockOf({ kind: "closing", next: resultsOf(5) });
      notarized(state, turn, closing);
      const child = childOf(closing, { payload: new Uint8Array([1]) });
      return judge(state, turn, viewOf(state, 2), child).verdict === "valid";
    },
  },
  {
    name: "mayCarry: a tail block carries a payload",
    broken: { mayCarry: () => true },
    harm: (rules) => {
      const { state, turn } = setting({ rules });
      const closing = blockOf({ kind: "closing", next: resultsOf(5) });
      notarized(state, turn, closing);
      const tail = childOf(closing, { kind: "tail", height: 1, payload: new Uint8Array([1]) });
      return judge(state, turn, viewOf(state, 2), tail).verdict === "valid";
    },
  },
  {
    name: "provesFinality: an epoch begins without the proof that the one before is closed",
    broken: { provesFinality: ({ quorum, closes }) => quorum || closes },
    harm: (rules) => {
      const network = createNetwork({ members: () => FOUR, epochMs: 100, rules });
      // Nobody hears a finalize vote for the closing block or its tail.
      network.loses = ({ message }) =>
        message.type === "vote" && message.vote.ballot.kind === "finalize" && message.vote.ballot.height > 8;
      const { state } = nodeOf(network, 0);
      runUntil(network, () => state.epoch === 2 || [...state.blocks.values()].some(({ kind }) => kind === "tail"));
      return state.epoch === 2;
    },
  },
  {
    name: "mayFollow: a proposal leaves out views that were not nullified",
    broken: { mayFollow: ({ notarized }) => notarized },
    harm: (rules) => {
      const { state, turn } = asVoter(rules);
      return judge(state, turn, viewOf(state, 2), blockOf({ view: 2 })).verdict === "valid";
    },
  },
  {
    name: "mayVouch: a vote for results of an E that was not executed",
    broken: { mayVouch: () => true },
    harm: (rules) => {
      const { state, turn } = asVoter(rules, { executed: 0 });
      notarized(state, turn, blockOf());
      const child = childOf(blockOf(), { executed: { height: 1, resultsHash: resultsOf(99) } });
      return judge(state, turn, viewOf(state, 2), child).verdict === "valid";
    },
  },
  {
    name: "mayCount: votes with another hash of E count",
    broken: { mayCount: () => true },
    harm: (rules) => {
      const { state, turn } = asVoter(rules);
      const ballot = notarizeBallot(blockOf(), resultsOf(99));
      for (const signer of [0, 2, 3]) onVote(state, turn, voteOf(ballot, signer));
      return state.views.get(1)?.notarization !== undefined || takes(rules, FOUR, certificateBy(ballot, [0, 2, 3]));
    },
  },
  {
    name: "mayMakeFinal: a finalize vote without the batches",
    broken: { mayMakeFinal: () => true },
    harm: (rules) => {
      const { state, turn } = asVoter(rules, { payload: { durable: () => false } });
      notarized(state, turn, blockOf());
      settle(state, turn);
      return ownVotes(turn).includes("finalize");
    },
  },
  {
    name: "mayBeCarried: carried votes are taken as they come",
    broken: { mayBeCarried: () => true },
    harm: (rules) => {
      const { state } = asVoter(rules);
      const forged = childOf(blockOf(), { votes: [{ depth: 1, signer: 3, signature: new Uint8Array(64) }] });
      return carriedProblem(state, forged, [blockOf()]) === undefined;
    },
  },
];

describe("a broken rule does the harm that it is there against, and the sound one does not", () => {
  it.each(CANARIES)("$name", ({ broken, harm }) => {
    expect(harm(SOUND_RULES)).toBe(false);
    expect(harm(without(broken))).toBe(true);
  });

  it("for every rule", () => {
    const broken = new Set(CANARIES.flatMap((canary) => Object.keys(canary.broken)));
    expect([...broken].toSorted()).toEqual(Object.keys(SOUND_RULES).toSorted());
  });
});
