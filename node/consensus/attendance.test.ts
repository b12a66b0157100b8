import { describe, expect, it } from "vitest";
import { present } from "../base/assert.ts";
import type { Block, CarriedVote, SealedBlock } from "../codec/block.ts";
import { pathFromTip } from "./ancestry.ts";
import { ancestorsOf, notarizeBallot, votesToCarry } from "./attendance.ts";
import { judge } from "./judge.ts";
import { type ConsensusState, tipOf, viewOf } from "./state.ts";
import { committeeWith } from "./test-keys.ts";
import { blockOf, certificateBy, childOf, finalized, notarized, resultsOf, setting, voteOf } from "./test-setting.ts";
import { onVote } from "./votes.ts";

const carry = (depth: number, target: SealedBlock, signer: number, dissent?: string): CarriedVote => {
  const { signature } = voteOf(notarizeBallot(target, dissent), signer);
  return dissent === undefined ? { depth, signer, signature } : { depth, signer, executedHash: dissent, signature };
};
const places = (votes: readonly CarriedVote[]): string[] => votes.map(({ depth, signer }) => `${depth}:${signer}`);
const collected = (state: ConsensusState, parent: SealedBlock): readonly CarriedVote[] =>
  votesToCarry(state, ancestorsOf(state, present(pathFromTip(state, parent.hash), "the branch is here")));

/** Blocks on top of each other, each notarized by 1, 2 and 3 and carrying nothing. */
function branch(length: number): { blocks: readonly SealedBlock[]; at: (index: number) => SealedBlock } {
  const blocks = [blockOf()];
  while (blocks.length < length) blocks.push(childOf(present(blocks.at(-1), "there is a first")));
  return { blocks, at: (index) => present(blocks.at(index), "the branch is that long") };
}

describe("a leader carries", () => {
  it("its parent's votes, and those for the last eight blocks that no ancestor carries", () => {
    const { state, turn } = setting();
    const { blocks, at } = branch(10);
    for (const block of blocks) notarized(state, turn, block);
    const depths = [1, 2, 3, 4, 5, 6, 7, 8].flatMap((depth) => [1, 2, 3].map((signer) => `${depth}:${signer}`));
    expect(places(collected(state, at(-1)))).toEqual(depths);
  });

  it("no vote twice on one branch, and again on another", () => {
    const { state, turn } = setting();
    const first = blockOf();
    const second = childOf(first, { votes: [carry(1, first, 1), carry(1, first, 2), carry(1, first, 3)] });
    notarized(state, turn, first);
    notarized(state, turn, second);
    expect(onVote(state, turn, voteOf(notarizeBallot(first), 0))).toBeUndefined();
    expect(places(collected(state, second))).toEqual(["1:1", "1:2", "1:3", "2:0"]);
    expect(places(collected(state, first))).toEqual(["1:0", "1:1", "1:2", "1:3"]);
  });

  it("votes that came after the block was final, within eight blocks", () => {
    const { state, turn } = setting();
    const { blocks, at } = branch(9);
    for (const block of blocks) notarized(state, turn, block);
    finalized(state, turn, at(-1));
    expect(state.views.size).toBe(0);
    for (const index of [0, 1, 8]) onVote(state, turn, voteOf(notarizeBallot(at(index)), 0));
    expect(places(collected(state, at(-1))).filter((place) => place.endsWith(":0"))).toEqual(["1:0", "8:0"]);
    expect(onVote(state, turn, { ...voteOf(notarizeBallot(at(4)), 0), signer: 1 })).toBeUndefined();
    expect(onVote(state, turn, { ...voteOf(notarizeBallot(at(4)), 1), signer: 0 })).toBe("vote with a wrong signature");
  });

  it("a dissent with the voter's own hash", () => {
    const { state, turn } = setting();
    const block = blockOf();
    notarized(state, turn, block);
    onVote(state, turn, voteOf(notarizeBallot(block, resultsOf(9)), 0));
    expect(collected(state, block)[0]).toEqual(carry(1, block, 0, resultsOf(9)));
  });

  it("what other leaders' blocks taught it, where these blocks were given up", () => {
    const { state, turn } = setting();
    const first = blockOf();
    state.blocks.set(first.hash, first);
    notarized(state, turn, first);
    const lost = childOf(first, { votes: [carry(1, first, 0)] });
    state.view = 2;
    expect(judge(state, turn, viewOf(state, 2), lost).verdict).toBe("valid");
    expect(places(collected(state, first))).toContain("1:0");
  });
});

describe("a voter judges carried votes", () => {
  const first = blockOf();
  const second = childOf(first, { votes: [carry(1, first, 1), carry(1, first, 2)] });
  const judged = (votes: readonly CarriedVote[]) => {
    const { state, turn } = setting();
    notarized(state, turn, first);
    notarized(state, turn, second);
    const third = childOf(second, { votes });
    return judge(state, turn, viewOf(state, third.view), third);
  };

  it.each<{ what: string; votes: readonly CarriedVote[]; why?: string }>([
    { what: "none", votes: [] },
    { what: "the parent's", votes: [carry(1, second, 0), carry(1, second, 3)] },
    { what: "a late one", votes: [carry(2, first, 3)] },
    { what: "a dissent", votes: [carry(1, second, 0, resultsOf(9))] },
    { what: "one that an ancestor carries", votes: [carry(2, first, 2)], why: "an ancestor carries" },
    { what: "one for nothing", votes: [carry(3, first, 3)], why: "for nothing" },
    { what: "one for another block", votes: [carry(1, first, 3)], why: "wrong signature" },
    { what: "one of somebody else", votes: [{ ...carry(1, second, 3), signer: 0 }], why: "wrong signature" },
    { what: "one of a stranger", votes: [carry(1, second, 7)], why: "wrong signature" },
    {
      what: "a dissent that was none",
      votes: [{ ...carry(1, second, 3), executedHash: resultsOf(9) }],
      why: "wrong signature",
    },
    {
      what: "a dissent from the block's own hash",
      votes: [{ ...carry(1, second, 3), executedHash: resultsOf(0) }],
      why: "a dissent that is none",
    },
  ])("$what", ({ votes, why }) => {
    const judgement = judged(votes);
    if (why === undefined) expect(judgement).toEqual({ verdict: "valid" });
    else expect(judgement).toMatchObject({ verdict: "invalid", why: expect.stringContaining(why) });
  });

  it("and verifies nothing twice", () => {
    const { state, turn } = setting();
    let verified = 0;
    const { verify } = state.config.crypto;
    Object.assign(state.config.crypto, {
      verify: (claim: Parameters<typeof verify>[0]) => {
        verified += 1;
        return verify(claim);
      },
    });
    notarized(state, turn, first);
    const child = childOf(first, { votes: [carry(1, first, 0), carry(1, first, 1)] });
    const view = viewOf(state, child.view);
    judge(state, turn, view, child);
    // The one of validator 1 is in the parent's certificate.
    expect(verified).toBe(1);
    judge(state, turn, view, child);
    expect(verified).toBe(1);
  });

  it("waits where the ancestor is younger than all it knows", () => {
    const tip = { ...tipOf(first), height: 30 };
    const { state, turn } = setting({ position: { tip, recent: [{ ...first, height: 30 }] } });
    const on = (votes: readonly CarriedVote[]): SealedBlock => childOf({ ...first, height: 30 }, { votes });
    const verdict = (block: SealedBlock): string => judge(state, turn, viewOf(state, 2), block).verdict;
    expect(verdict(on([carry(2, first, 1)]))).toBe("wait");
    expect(verdict(on([]))).toBe("valid");
  });

  it("goes by the keys of the ancestor's epoch", () => {
    const closing = blockOf({ kind: "closing", next: resultsOf(5) });
    const { epoch, view, hash, height } = closing;
    const finality = certificateBy({ kind: "finalize", epoch, view, block: hash, height }, [1, 2, 3]);
    const previous = { epoch: 1, committee: committeeWith({ 0: 1, 1: 1, 2: 1, 3: 1 }), finality };
    const committee = committeeWith({ 0: 1, 4: 1, 5: 1, 6: 1 });
    const fields: Partial<Block> = { epoch: 2, view: 1, votes: [carry(1, closing, 3)] };
    const verdict = (block: SealedBlock, known = true): string => {
      const position = { epoch: 2, committee, tip: tipOf(closing), recent: [closing], ...(known ? { previous } : {}) };
      const { state, turn } = setting({ position });
      return judge(state, turn, viewOf(state, 1), block).verdict;
    };
    expect(verdict(childOf(closing, fields))).toBe("valid");
    expect(verdict(childOf(closing, { ...fields, votes: [carry(1, closing, 4)] }))).toBe("invalid");
    expect(verdict(childOf(closing, fields), false)).toBe("wait");
  });
});
