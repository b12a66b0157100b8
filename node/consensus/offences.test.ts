import { describe, expect, it } from "vitest";
import { toHex } from "../base/bytes.ts";
import { type Evidence, evidenceOf, type Statement } from "../codec/evidence.ts";
import { type Ballot, proposalMessage } from "../codec/vote.ts";
import { judge } from "./judge.ts";
import { evidenceToCarry } from "./offences.ts";
import { receive } from "./receive.ts";
import { type ConsensusState, viewOf } from "./state.ts";
import { chainId, keyOf, signAs } from "./test-keys.ts";
import { blockOf, childOf, finalized, notarized, resultsOf, setting, voteOf } from "./test-setting.ts";
import type { Turn } from "./turn.ts";
import { onVote } from "./votes.ts";

const notarize = (block: string): Ballot => ({
  kind: "notarize",
  epoch: 1,
  view: 1,
  block,
  height: 1,
  executed: { height: 0, resultsHash: resultsOf(0) },
});
const finalize = (block: string): Ballot => ({ kind: "finalize", epoch: 1, view: 1, block, height: 1 });
const nullify: Ballot = { kind: "nullify", epoch: 1, view: 1 };
const [a, b] = [resultsOf(1), resultsOf(2)];

describe("votes of one validator", () => {
  it.each<{ what: string; ballots: readonly Ballot[]; kinds: readonly string[] }>([
    { what: "two notarize votes", ballots: [notarize(a), notarize(b), notarize(b)], kinds: ["notarize-twice"] },
    { what: "two finalize votes", ballots: [finalize(a), finalize(b)], kinds: ["finalize-twice"] },
    { what: "finalize and nullify", ballots: [finalize(a), nullify], kinds: ["finalize-and-nullify"] },
    { what: "nullify and finalize", ballots: [nullify, finalize(a)], kinds: ["finalize-and-nullify"] },
    {
      what: "everything at once",
      ballots: [notarize(a), notarize(b), finalize(a), finalize(b), nullify],
      kinds: ["notarize-twice", "finalize-twice", "finalize-and-nullify"],
    },
    { what: "notarize and nullify, which is legal", ballots: [notarize(a), nullify], kinds: [] },
    { what: "the same vote again", ballots: [notarize(a), notarize(a), finalize(a), finalize(a)], kinds: [] },
    { what: "notarize and finalize", ballots: [notarize(a), finalize(a)], kinds: [] },
    { what: "notarize and finalize for another block", ballots: [notarize(a), finalize(b)], kinds: [] },
    {
      what: "two hashes of E for one block",
      ballots: [notarize(a), { ...notarize(a), dissent: b } as Ballot],
      kinds: [],
    },
    { what: "the same kind in two views", ballots: [finalize(a), { ...finalize(b), view: 2 } as Ballot], kinds: [] },
  ])("$what: evidence of $kinds", ({ ballots, kinds }) => {
    const { state, turn } = setting();
    for (const ballot of ballots) expect(onVote(state, turn, voteOf(ballot, 2))).toBeUndefined();
    expect([...state.evidence.values()].map(({ kind }) => kind)).toEqual(kinds);
    expect(turn.out.filter(({ type }) => type === "safety")).toHaveLength(kinds.length);
  });

  it("are evidence only if that validator signed them", () => {
    const { state, turn } = setting();
    expect(onVote(state, turn, voteOf(finalize(a), 2))).toBeUndefined();
    expect(onVote(state, turn, { ...voteOf(nullify, 3), signer: 2 })).toBe("vote with a wrong signature");
    expect(state.evidence.size).toBe(0);
  });
});

describe("proposals of one leader", () => {
  const propose = (state: ConsensusState, turn: Turn, block = blockOf()): string | undefined => {
    const signature = signAs(0, proposalMessage(chainId, { epoch: 1, view: block.view, block: block.hash }));
    return receive(state, turn, { peer: 0, message: { type: "proposal", block, signature, justification: [] } });
  };

  it("two in a view are evidence, one twice is none", () => {
    const { state, turn } = setting({ position: { self: 1 } });
    propose(state, turn);
    propose(state, turn);
    expect(state.evidence.size).toBe(0);
    propose(state, turn, blockOf({ payload: new Uint8Array([1]) }));
    expect([...state.evidence.values()]).toMatchObject([{ kind: "propose-twice", validator: 0, epoch: 1, view: 1 }]);
  });
});

describe("evidence in a block", () => {
  const statement = (ballot: Ballot, signer = 2): Statement => {
    return { type: "vote", ballot, signature: voteOf(ballot, signer).signature };
  };
  const key = { validator: 2, publicKey: toHex(keyOf(2)) };
  const twice = evidenceOf("finalize-twice", key, [statement(finalize(a)), statement(finalize(b))]);
  const both = evidenceOf("finalize-and-nullify", key, [statement(finalize(a)), statement(nullify)]);
  const verdict = (evidence: readonly Evidence[], execution: Partial<Turn["execution"]> = {}) => {
    const { state, turn } = setting({ execution });
    return judge(state, turn, viewOf(state, 1), blockOf({ evidence }));
  };

  it.each<{ what: string; evidence: readonly Evidence[]; why?: string }>([
    { what: "two kinds", evidence: [twice, both] },
    {
      what: "signed by somebody else",
      evidence: [evidenceOf("finalize-twice", key, [statement(finalize(a)), statement(finalize(b), 3)])],
      why: "wrong signature",
    },
    {
      what: "of a kind that it is not",
      evidence: [{ ...twice, kind: "notarize-twice" }],
      why: "without a contradiction",
    },
    { what: "of another view than its statements'", evidence: [{ ...twice, view: 9 }], why: "of another view" },
    {
      what: "of two views",
      evidence: [
        evidenceOf("finalize-twice", key, [statement(finalize(a)), statement({ ...finalize(b), view: 2 } as Ballot)]),
      ],
      why: "without a contradiction",
    },
    {
      what: "of notarize and nullify",
      evidence: [evidenceOf("finalize-and-nullify", key, [statement(notarize(a)), statement(nullify)])],
      why: "without a contradiction",
    },
  ])("$what", ({ evidence, why }) => {
    const judgement = verdict(evidence);
    if (why === undefined) expect(judgement).toEqual({ verdict: "valid" });
    else expect(judgement).toMatchObject({ verdict: "invalid", why: expect.stringContaining(why) });
  });

  it("is refused where the chain refuses it", () => {
    const execution = { evidenceFault: () => "evidence against a stake that has unbonded" };
    expect(verdict([twice], execution)).toMatchObject({ verdict: "invalid" });
  });

  it("is carried once: not again on the branch, nor after it is final", () => {
    const { state, turn } = setting();
    for (const ballot of [finalize(a), finalize(b)]) onVote(state, turn, voteOf(ballot, 2));
    const evidence = evidenceToCarry(state, turn, []);
    expect(evidence).toEqual([twice]);
    const block = blockOf({ evidence });
    const again = childOf(block, { evidence });
    notarized(state, turn, block);
    expect(evidenceToCarry(state, turn, [block])).toEqual([]);
    expect(judge(state, turn, viewOf(state, 2), again)).toMatchObject({ verdict: "invalid" });
    finalized(state, turn, block);
    expect(state.evidence.size).toBe(0);
    expect(judge(state, turn, viewOf(state, 2), again)).toMatchObject({ verdict: "invalid" });
  });

  it("is remembered by those who saw nothing of it", () => {
    const { state, turn } = setting();
    judge(state, turn, viewOf(state, 1), blockOf({ evidence: [twice] }));
    expect(evidenceToCarry(state, turn, [])).toEqual([twice]);
  });
});
