import { describe, expect, it } from "vitest";
import { type VoteAnswer, voteAnswerMessage } from "../codec/vote-answer.ts";
import { onVoteAnswer } from "./amnesia.ts";
import { settle } from "./machine.ts";
import { isVoter, mayVoteIn } from "./state.ts";
import { assertAgreement, assertHonestVotes } from "./test-checks.ts";
import { chainId, committeeWith, signAs } from "./test-keys.ts";
import { createNetwork, isolate, runFor, runUntil, start, stop } from "./test-network.ts";
import { nodeOf, type TestNetwork } from "./test-node.ts";
import { certificateBy, setting } from "./test-setting.ts";

const FOUR = { 0: 10, 1: 10, 2: 10, 3: 10 };
const LOST = { records: [], intact: true, fresh: false };

function wiped(network: TestNetwork, id: number): void {
  stop(network, id);
  start(network, id, LOST);
}

describe("a node whose vote journal is gone", () => {
  it.each([
    { what: "is missing", found: LOST },
    { what: "is damaged", found: { intact: false } },
  ])("follows until the others have answered: it $what", ({ found }) => {
    const network = createNetwork({ members: () => FOUR });
    runUntil(network, () => nodeOf(network, 0).log.length > 5);
    isolate(network, 3);
    stop(network, 3);
    start(network, 3, found);
    const node = nodeOf(network, 3);
    const sentBefore = node.sent.length;
    runFor(network, 3000);
    expect(isVoter(node.state)).toBe(false);
    expect(node.sent.slice(sentBefore).some(({ type }) => type === "vote")).toBe(false);
    network.cut.clear();
    runUntil(network, () => isVoter(node.state));
    const above = node.state.voteAbove.view;
    runUntil(network, () => nodeOf(network, 0).state.view > above + 10);
    const votes = node.sent.slice(sentBefore).flatMap((message) => (message.type === "vote" ? [message.vote] : []));
    expect(votes.length).toBeGreaterThan(0);
    expect(Math.min(...votes.map(({ ballot }) => ballot.view))).toBeGreaterThan(above);
    assertHonestVotes(network);
    assertAgreement(network);
  });

  it("knows after a restart above what it votes", () => {
    const network = createNetwork({ members: () => FOUR });
    runUntil(network, () => nodeOf(network, 0).log.length > 5);
    wiped(network, 3);
    runUntil(network, () => isVoter(nodeOf(network, 3).state));
    const { voteAbove } = nodeOf(network, 3).state;
    stop(network, 3);
    start(network, 3);
    expect(nodeOf(network, 3).state).toMatchObject({ memory: "whole", voteAbove });
  });

  it("is answered by followers too", () => {
    const seven = { 0: 10, 1: 10, 2: 10, 3: 10, 4: 10, 5: 10, 6: 10 };
    const network = createNetwork({ members: () => seven });
    runUntil(network, () => nodeOf(network, 0).log.length > 5);
    // Node 0 answers nobody, so each of the two needs the other.
    network.loses = ({ from, message }) => from === 0 && message.type === "vote-answer";
    for (const id of [5, 6]) wiped(network, id);
    runUntil(network, () => [5, 6].every((id) => isVoter(nodeOf(network, id).state)));
    const height = nodeOf(network, 0).log.length;
    runUntil(network, () => nodeOf(network, 6).log.length > height + 5);
    assertHonestVotes(network);
  });

  it("asks again in the next epoch, where its former self may have seen the end of this one", () => {
    const network = createNetwork({ members: () => FOUR, epochMs: 100 });
    // The closing block and its tail stay notarized for a while.
    network.loses = ({ message }) =>
      message.type === "vote" && message.vote.ballot.kind === "finalize" && message.vote.ballot.height > 8;
    const closing = () => [...nodeOf(network, 0).state.blocks.values()].find(({ kind }) => kind === "closing");
    runUntil(network, () => nodeOf(network, 0).state.view > (closing()?.view ?? Number.POSITIVE_INFINITY) + 2);
    wiped(network, 3);
    runUntil(network, () => isVoter(nodeOf(network, 3).state));
    expect(nodeOf(network, 3).state.regained).toMatchObject({ epoch: 1 });
    network.loses = ({ message }) => message.type === "vote-answer";
    runUntil(network, () => nodeOf(network, 3).state.epoch === 2);
    runFor(network, 1000);
    expect(isVoter(nodeOf(network, 3).state)).toBe(false);
    stop(network, 3);
    start(network, 3);
    expect(isVoter(nodeOf(network, 3).state)).toBe(false);
    network.loses = () => false;
    runUntil(network, () => isVoter(nodeOf(network, 3).state));
    expect(nodeOf(network, 3).state.regained).toMatchObject({ epoch: 2 });
    assertHonestVotes(network);
    assertAgreement(network);
  });

  it("goes on voting in the next epoch, where the closing block is younger than the answers", () => {
    const network = createNetwork({ members: () => FOUR, epochMs: 1500 });
    runUntil(network, () => nodeOf(network, 0).log.length > 3);
    wiped(network, 3);
    runUntil(network, () => nodeOf(network, 3).state.epoch === 2);
    network.loses = ({ message }) => message.type === "vote-answer";
    runUntil(network, () => nodeOf(network, 3).state.view > 3);
    expect(isVoter(nodeOf(network, 3).state)).toBe(true);
  });

  it("is never taken for a beginning: a vote of view 1 may be lost though nobody has left view 1", () => {
    const network = createNetwork({ members: () => FOUR, fresh: false });
    runFor(network, 5000);
    const nodes = [...network.nodes.values()];
    expect(nodes.map(({ state }) => state.voteAbove)).toEqual(nodes.map(() => ({ epoch: 1, view: 2 })));
    expect(nodes.map(({ log }) => log.length)).toEqual([0, 0, 0, 0]);
    assertHonestVotes(network);
  });
});

describe("answers", () => {
  const asked = (weights: Readonly<Record<number, number>> = FOUR, epoch = 1) => {
    const previous = { epoch: epoch - 1, committee: committeeWith(FOUR), finality: finality(epoch - 1) };
    const { state, turn } = setting({
      position: { epoch, committee: committeeWith(weights), ...(epoch === 1 ? {} : { previous }) },
    });
    state.memory = "lost";
    settle(state, turn);
    const nonce = state.inquiry?.nonce ?? "";
    return { state, turn, nonce };
  };
  const finality = (epoch: number) =>
    certificateBy({ kind: "finalize", epoch, view: 1, block: chainId, height: 1 }, [1, 2, 3]);
  const nullified = (view: number) => certificateBy({ kind: "nullify", epoch: 1, view }, [1, 2, 3]);
  const answerOf = (signer: number, given: Omit<VoteAnswer, "signer" | "signature">, by = signer): VoteAnswer => ({
    ...given,
    signer,
    signature: signAs(by, voteAnswerMessage(chainId, given)),
  });

  it.each([
    { weights: FOUR, answer: [1, 2], enough: false },
    { weights: FOUR, answer: [1, 2, 3], enough: true },
    { weights: { 0: 20, 1: 30, 2: 30, 3: 20 }, answer: [1, 2], enough: false },
    { weights: { 0: 10, 1: 30, 2: 30, 3: 10 }, answer: [1, 2], enough: true },
    // Two thirds exactly are not more than two thirds, and the own weight never counts.
    { weights: { 0: 10, 1: 20, 2: 20, 3: 10 }, answer: [1, 2], enough: false },
    { weights: { 0: 30, 1: 20, 2: 20, 3: 20 }, answer: [1, 2, 3], enough: false },
  ])("of $answer among $weights are enough: $enough", ({ weights, answer, enough }) => {
    const { state, turn, nonce } = asked(weights);
    for (const signer of [...answer, ...answer])
      onVoteAnswer(state, turn, answerOf(signer, { nonce, epoch: 1, view: 1 }));
    settle(state, turn);
    expect(state.memory).toBe(enough ? "whole" : "lost");
  });

  it("let it vote above the highest of them + 1", () => {
    const { state, turn, nonce } = asked();
    for (const [signer, view] of [
      [1, 3],
      [2, 6],
      [3, 4],
    ] as const) {
      const answer = answerOf(signer, { nonce, epoch: 1, view, entry: nullified(view - 1) });
      expect(onVoteAnswer(state, turn, answer)).toBeUndefined();
    }
    settle(state, turn);
    expect(state.voteAbove).toEqual({ epoch: 1, view: 7 });
    expect([6, 7, 8].map((view) => mayVoteIn(state, view))).toEqual([false, false, true]);
  });

  it.each<{ what: string; answer: (nonce: string) => VoteAnswer; says: string | undefined }>([
    {
      what: "another question",
      answer: () => answerOf(1, { nonce: chainId, epoch: 1, view: 1 }),
      says: undefined,
    },
    {
      what: "somebody else",
      answer: (nonce) => answerOf(1, { nonce, epoch: 1, view: 1 }, 2),
      says: "answer with a wrong signature",
    },
    { what: "a stranger", answer: (nonce) => answerOf(9, { nonce, epoch: 1, view: 1 }), says: "answer of a stranger" },
    { what: "itself", answer: (nonce) => answerOf(0, { nonce, epoch: 1, view: 1 }), says: "answer of a stranger" },
    {
      what: "one far ahead without proof",
      answer: (nonce) => answerOf(1, { nonce, epoch: 1, view: 999 }),
      says: "answer without the certificate that led there",
    },
    {
      what: "one far ahead with another proof",
      answer: (nonce) => answerOf(1, { nonce, epoch: 1, view: 999, entry: nullified(5) }),
      says: "answer without the certificate that led there",
    },
    {
      what: "one far ahead with a wrong proof",
      answer: (nonce) => answerOf(1, { nonce, epoch: 1, view: 4, entry: { ...nullified(3), signatures: [] } }),
      says: "certificate: not-a-quorum",
    },
    { what: "a later epoch", answer: (nonce) => answerOf(1, { nonce, epoch: 2, view: 1 }), says: undefined },
  ])("don't count from $what", ({ answer, says }) => {
    const { state, turn, nonce } = asked();
    expect(onVoteAnswer(state, turn, answer(nonce))).toBe(says);
    expect(state.inquiry?.answers.size).toBe(0);
  });

  it("from an earlier epoch count as one before all views", () => {
    const { state, turn, nonce } = asked(FOUR, 2);
    expect(onVoteAnswer(state, turn, answerOf(1, { nonce, epoch: 1, view: 77 }))).toBeUndefined();
    expect(state.inquiry?.answers.get(1)).toBe(0);
  });
});
