import { describe, expect, it } from "vitest";
import { type Ballot, proposalMessage } from "../codec/vote.ts";
import { notarizeBallot } from "./attendance.ts";
import { decideViews, PAST_STATEMENTS_MAX } from "./past-views.ts";
import { receive } from "./receive.ts";
import { type ConsensusState, viewOf } from "./state.ts";
import { chainId, signAs } from "./test-keys.ts";
import { blockOf, finalized, notarized, setting, voteOf } from "./test-setting.ts";
import type { Turn } from "./turn.ts";
import { onVote } from "./votes.ts";

const block = blockOf();
const other = blockOf({ payload: new Uint8Array([1]) });
const finalize = ({ hash }: typeof block): Ballot => ({ kind: "finalize", epoch: 1, view: 1, block: hash, height: 1 });
const nullify: Ballot = { kind: "nullify", epoch: 1, view: 1 };

/** View 1 is decided for the block by validators 1, 2 and 3; this is validator 0. */
function decided() {
  const { state, turn } = setting();
  notarized(state, turn, block, [0, 1, 2]);
  finalized(state, turn, block);
  turn.out.length = 0;
  expect(state.views.has(1)).toBe(false);
  return { state, turn };
}

const kinds = ({ evidence }: ConsensusState): readonly string[] => [...evidence.values()].map(({ kind }) => kind);
const reports = ({ out }: Turn) => out.filter(({ type }) => type === "safety");

describe("what a validator says of a view that is decided", () => {
  it.each<{ what: string; late: Ballot; kind: string }>([
    { what: "a second notarize vote", late: notarizeBallot(other), kind: "notarize-twice" },
    { what: "a second finalize vote", late: finalize(other), kind: "finalize-twice" },
    { what: "a nullify vote", late: nullify, kind: "finalize-and-nullify" },
  ])("$what contradicts what certificates hold of it: $kind, told once", ({ late, kind }) => {
    const { state, turn } = decided();
    for (let time = 0; time < 3; time++) expect(onVote(state, turn, voteOf(late, 2))).toBeUndefined();
    expect(kinds(state)).toEqual([kind]);
    expect(reports(turn)).toHaveLength(1);
  });

  it("is no offence if it is what it said before, or another one signed it", () => {
    const { state, turn } = decided();
    for (const late of [notarizeBallot(block), finalize(block)]) onVote(state, turn, voteOf(late, 2));
    expect(onVote(state, turn, { ...voteOf(finalize(other), 3), signer: 2 })).toBe(
      "late statement with a wrong signature",
    );
    expect(kinds(state)).toEqual([]);
  });

  it("is kept where nothing was heard of it, and what somebody else made up gives way", () => {
    const { state, turn } = decided();
    expect(onVote(state, turn, { ...voteOf(notarizeBallot(other), 1), signer: 3 })).toBeUndefined();
    onVote(state, turn, voteOf(notarizeBallot(block), 3));
    expect(kinds(state)).toEqual([]);
    onVote(state, turn, voteOf(notarizeBallot(other), 3));
    expect(kinds(state)).toEqual(["notarize-twice"]);
  });

  it("counts in its next epoch as well, for leaders too", () => {
    const { state, turn } = setting({ position: { self: 1 } });
    const propose = (proposed: typeof block): string | undefined => {
      const signature = signAs(0, proposalMessage(chainId, { epoch: 1, view: 1, block: proposed.hash }));
      return receive(state, turn, {
        peer: 0,
        message: { type: "proposal", block: proposed, signature, justification: [] },
      });
    };
    propose(block);
    notarized(state, turn, block, [0, 1, 2]);
    finalized(state, turn, block);
    state.epoch = 2;
    expect(propose(other)).toBeUndefined();
    receive(state, turn, { peer: 2, message: { type: "vote", vote: voteOf(nullify, 2) } });
    expect(kinds(state)).toEqual(["propose-twice", "finalize-and-nullify"]);
  });

  it("is remembered for so many statements, the newest", () => {
    const { state } = setting();
    const views = PAST_STATEMENTS_MAX + 100;
    for (let view = 1; view <= views; view++) {
      viewOf(state, view).heard.set(2, { nullify: voteOf({ kind: "nullify", epoch: 1, view }, 2) });
      decideViews(state, view);
    }
    expect(state.past.size).toBe(PAST_STATEMENTS_MAX);
    expect(state.pastStatements).toBe(PAST_STATEMENTS_MAX);
    expect([state.past.has("1 100"), state.past.has(`1 ${views}`)]).toEqual([false, true]);
  });
});
