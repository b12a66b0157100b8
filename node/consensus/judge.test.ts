import { describe, expect, it } from "vitest";
import { toHex } from "../base/bytes.ts";
import { nanos } from "../base/units.ts";
import { type Block, type SealedBlock, sealBlock } from "../codec/block.ts";
import { committeeOf } from "../codec/certificate.ts";
import { keyPairFromSeed, sign, verify } from "../codec/signature.ts";
import { type Ballot, ballotMessage, type Vote } from "../codec/vote.ts";
import { keepCertificate } from "./certificates.ts";
import { judge } from "./judge.ts";
import { SOUND_RULES } from "./rules.ts";
import { createState } from "./state.ts";
import { DEFAULT_TIMING } from "./timing.ts";
import type { Turn } from "./turn.ts";
import { onVote } from "./votes.ts";

const chainId = "c".repeat(64);
const results = (height: number): string => String(height).padStart(64, "0");
const keys = [0, 1, 2, 3].map((id) => keyPairFromSeed(new Uint8Array(32).fill(id + 1)));
const key = (id: number) => keys[id] ?? keyPairFromSeed(new Uint8Array(32));
const NOW_NS = 1_760_000_000_000_000_000n;
const SECOND_NS = 1_000_000_000n;

function setting({ executed = 0 }: { executed?: number } = {}) {
  const state = createState(
    {
      self: 0,
      chainId,
      epoch: 1,
      committee: committeeOf(keys.map((pair, id) => ({ id, weight: 1, publicKey: toHex(pair.publicKey) }))),
      timing: DEFAULT_TIMING,
      rules: SOUND_RULES,
      compactEveryBlocks: 256,
      crypto: { sign: (message) => sign(message, key(0).secretKey), verify },
    },
    {
      tip: { hash: chainId, height: 0, view: 0, time: nanos(NOW_NS - 10n * SECOND_NS), executed: { height: 0 } },
      voting: true,
      nowMs: 0,
    },
  );
  const turn: Turn = {
    nowMs: 0,
    wallNs: NOW_NS,
    execution: { height: () => executed, resultsHash: results },
    payload: { waits: () => false, take: () => [] },
    out: [],
  };
  return { state, turn };
}

const blockOf = (fields: Partial<Block> = {}): SealedBlock =>
  sealBlock({
    epoch: 1,
    view: 1,
    height: 1,
    parent: chainId,
    proposer: 0,
    time: nanos(NOW_NS),
    executed: { height: 0, resultsHash: results(0) },
    batches: [],
    ...fields,
  });

const voteOf = (ballot: Ballot, signer: number): Vote => ({
  ballot,
  signer,
  signature: sign(ballotMessage(chainId, ballot), key(signer).secretKey),
});

describe("a proposal", () => {
  it.each([
    { what: "that follows the tip now", fields: {}, verdict: "valid" },
    { what: "on an unknown parent", fields: { parent: results(9) }, verdict: "wait" },
    { what: "of another height", fields: { height: 2 }, verdict: "invalid" },
    { what: "as old as its parent", fields: { time: nanos(NOW_NS - 10n * SECOND_NS) }, verdict: "invalid" },
    { what: "2 s ahead", fields: { time: nanos(NOW_NS + 2n * SECOND_NS) }, verdict: "valid" },
    { what: "more than 2 s ahead", fields: { time: nanos(NOW_NS + 2n * SECOND_NS + 1n) }, verdict: "wait" },
    { what: "more than 2 s behind", fields: { time: nanos(NOW_NS - 3n * SECOND_NS) }, verdict: "wait" },
    { what: "with E not before it", fields: { executed: { height: 1, resultsHash: results(1) } }, verdict: "invalid" },
    { what: "with other results", fields: { executed: { height: 0, resultsHash: results(5) } }, verdict: "invalid" },
    { what: "over a view that was not nullified", fields: { view: 2 }, verdict: "wait" },
    { what: "with a batch that is garbage", fields: { batches: [new Uint8Array([1])] }, verdict: "valid" },
  ])("$what: $verdict", ({ fields, verdict }) => {
    const { state, turn } = setting();
    expect(judge(state, turn, blockOf(fields)).verdict).toBe(verdict);
  });

  it("may be twice as far from the clock for each nullified view before it", () => {
    const { state, turn } = setting();
    const late = blockOf({ view: 3, time: nanos(NOW_NS + 8n * SECOND_NS) });
    const later = blockOf({ view: 3, time: nanos(NOW_NS + 8n * SECOND_NS + 1n) });
    for (const view of [1, 2])
      keepCertificate(state, turn, { ballot: { kind: "nullify", epoch: 1, view }, signatures: [] });
    expect(judge(state, turn, late).verdict).toBe("valid");
    expect(judge(state, turn, later).verdict).toBe("wait");
  });

  it("waits for its parent's notarization, and for the execution of its E", () => {
    const { state, turn } = setting({ executed: 0 });
    const parent = blockOf();
    const child = blockOf({ view: 2, height: 2, parent: parent.hash, time: nanos(NOW_NS + 1n) });
    const early = blockOf({ ...child, executed: { height: 1, resultsHash: results(1) } });
    state.blocks.set(parent.hash, parent);
    expect(judge(state, turn, child).verdict).toBe("wait");
    const { hash, height, executed } = parent;
    const ballot = { kind: "notarize", epoch: 1, view: 1, block: hash, height, executed } as const;
    keepCertificate(state, turn, { ballot, signatures: [] });
    expect(judge(state, turn, child).verdict).toBe("valid");
    expect(judge(state, turn, early).verdict).toBe("wait");
    expect(judge(state, setting({ executed: 1 }).turn, early).verdict).toBe("valid");
  });
});

describe("evidence", () => {
  const notarize = (block: string): Ballot => ({
    kind: "notarize",
    epoch: 1,
    view: 1,
    block,
    height: 1,
    executed: { height: 0, resultsHash: results(0) },
  });
  const finalize = (block: string): Ballot => ({ kind: "finalize", epoch: 1, view: 1, block, height: 1 });
  const nullify: Ballot = { kind: "nullify", epoch: 1, view: 1 };
  const [a, b] = [results(1), results(2)];

  it.each([
    { what: "two notarize votes", ballots: [notarize(a), notarize(b), notarize(b)], counts: 1 },
    { what: "two finalize votes", ballots: [finalize(a), finalize(b)], counts: 1 },
    { what: "finalize and nullify", ballots: [finalize(a), nullify], counts: 1 },
    { what: "nullify and finalize", ballots: [nullify, finalize(a)], counts: 1 },
    { what: "notarize and nullify, which is legal", ballots: [notarize(a), nullify], counts: 0 },
    { what: "the same vote again", ballots: [notarize(a), notarize(a), finalize(a), finalize(a)], counts: 0 },
    { what: "notarize and finalize", ballots: [notarize(a), finalize(a)], counts: 0 },
  ])("$what: reported $counts times", ({ ballots, counts }) => {
    const { state, turn } = setting();
    for (const ballot of ballots) expect(onVote(state, turn, voteOf(ballot, 2))).toBeUndefined();
    expect(turn.out.filter((action) => action.type === "safety")).toHaveLength(counts);
  });

  it("is never made of what somebody else signed", () => {
    const { state, turn } = setting();
    expect(onVote(state, turn, voteOf(finalize(a), 2))).toBeUndefined();
    expect(onVote(state, turn, { ...voteOf(nullify, 3), signer: 2 })).toBe("vote with a wrong signature");
    expect(turn.out).toEqual([]);
  });

  it("takes two quorums for two blocks of a height: then the node votes no more", () => {
    const { state, turn } = setting();
    for (const block of [a, b])
      keepCertificate(state, turn, {
        ballot: { ...finalize(block), kind: "finalize", view: 1, epoch: 1, block, height: 1 },
        signatures: [],
      });
    expect(turn.out.filter((action) => action.type === "safety")).toMatchObject([{ kind: "fork" }]);
    expect(state.voting).toBe(false);
  });
});
