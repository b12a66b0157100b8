import { describe, expect, it } from "vitest";
import { nanos } from "../base/units.ts";
import type { Block, SealedBlock } from "../codec/block.ts";
import { keepCertificate } from "./certificates.ts";
import { type Judgement, judge } from "./judge.ts";
import type { ConsensusState } from "./state.ts";
import { viewOf } from "./state.ts";
import {
  blockOf,
  certificateBy,
  childOf,
  genesis,
  NOW_NS,
  notarized,
  resultsOf,
  SECOND_NS,
  setting,
} from "./test-setting.ts";
import type { Turn } from "./turn.ts";

const judged = (state: ConsensusState, turn: Turn, block: SealedBlock): Judgement =>
  judge(state, turn, viewOf(state, block.view), block);

const nullify = (view: number) => certificateBy({ kind: "nullify", epoch: 1, view }, [1, 2, 3]);

describe("a proposal", () => {
  it.each<{ what: string; fields: Partial<Block>; verdict: string }>([
    { what: "that follows the tip now", fields: {}, verdict: "valid" },
    { what: "on an unknown parent", fields: { parent: resultsOf(9) }, verdict: "wait" },
    { what: "of another height", fields: { height: 2 }, verdict: "invalid" },
    { what: "as old as its parent", fields: { time: genesis.time }, verdict: "invalid" },
    { what: "2 s ahead", fields: { time: nanos(NOW_NS + 2n * SECOND_NS) }, verdict: "valid" },
    { what: "more than 2 s ahead", fields: { time: nanos(NOW_NS + 2n * SECOND_NS + 1n) }, verdict: "wait" },
    { what: "more than 2 s behind", fields: { time: nanos(NOW_NS - 3n * SECOND_NS) }, verdict: "wait" },
    {
      what: "with E not before it",
      fields: { executed: { height: 1, resultsHash: resultsOf(1) } },
      verdict: "invalid",
    },
    { what: "over a view that was not nullified", fields: { view: 2 }, verdict: "wait" },
    { what: "that says it closes, too early", fields: { kind: "closing", next: resultsOf(1) }, verdict: "invalid" },
    { what: "that names a next epoch, but does not close", fields: { next: resultsOf(1) }, verdict: "invalid" },
    { what: "that says it is a tail, of nothing", fields: { kind: "tail", height: 0 }, verdict: "invalid" },
  ])("$what: $verdict", ({ fields, verdict }) => {
    const { state, turn } = setting();
    expect(judged(state, turn, blockOf(fields)).verdict).toBe(verdict);
  });

  it("may be twice as far from the clock for each nullified view before it", () => {
    const { state, turn } = setting();
    const late = blockOf({ view: 3, time: nanos(NOW_NS + 8n * SECOND_NS) });
    const later = blockOf({ view: 3, time: nanos(NOW_NS + 8n * SECOND_NS + 1n) });
    for (const view of [1, 2]) keepCertificate(state, turn, nullify(view));
    expect(judged(state, turn, late).verdict).toBe("valid");
    expect(judged(state, turn, later).verdict).toBe("wait");
  });

  it("waits for its parent's notarization", () => {
    const { state, turn } = setting();
    const parent = blockOf();
    const child = childOf(parent);
    state.blocks.set(parent.hash, parent);
    expect(judged(state, turn, child).verdict).toBe("wait");
    notarized(state, turn, parent);
    expect(judged(state, turn, child).verdict).toBe("valid");
  });

  it.each([
    { says: "valid", verdict: "valid" },
    { says: "wait", verdict: "wait" },
    { says: { invalid: "a tip twice" }, verdict: "invalid" },
  ] as const)("is what the lanes say of its payload: $says", ({ says, verdict }) => {
    const { state, turn } = setting({ payload: { judge: () => says } });
    expect(judged(state, turn, blockOf()).verdict).toBe(verdict);
  });
});

describe("E, the executed block that a proposal names (rule 6)", () => {
  const parent = blockOf();
  const naming = (height: number, resultsHash = resultsOf(height)) =>
    childOf(parent, { executed: { height, resultsHash } });
  const executedUpTo = (executed: number) => {
    const { state, turn } = setting({ executed });
    notarized(state, turn, parent);
    return { state, turn };
  };

  it("is waited for until it is executed here", () => {
    const { state, turn } = executedUpTo(0);
    expect(judged(state, turn, naming(1))).toEqual({ verdict: "wait" });
    expect(judged(state, executedUpTo(1).turn, naming(1))).toEqual({ verdict: "valid" });
  });

  it("with other results than here gets a dissent, which names the voter's own", () => {
    const { state, turn } = executedUpTo(1);
    expect(judged(state, turn, naming(1, resultsOf(5)))).toEqual({ verdict: "valid", dissent: resultsOf(1) });
  });

  it("is never before the parent's", () => {
    const { state, turn } = executedUpTo(2);
    const high = naming(1);
    notarized(state, turn, high);
    const low = childOf(high, { executed: { height: 0, resultsHash: resultsOf(0) } });
    expect(judged(state, turn, low).verdict).toBe("invalid");
  });
});

describe("the end of an epoch (rule 5)", () => {
  const next = resultsOf(77);
  const late = (time: bigint) => (time >= NOW_NS ? { next } : undefined);
  const due = () => setting({ execution: { closing: ({ time }) => late(time) } });
  const closing = blockOf({ kind: "closing", next });
  const tail = (fields: Partial<Block> = {}) => childOf(closing, { kind: "tail", height: 1, ...fields });

  it.each<{ what: string; fields: Partial<Block>; verdict: string }>([
    { what: "the closing block that is due", fields: { kind: "closing", next }, verdict: "valid" },
    { what: "a normal block instead", fields: {}, verdict: "invalid" },
    {
      what: "a closing block a moment early",
      fields: { kind: "closing", next, time: nanos(NOW_NS - 1n) },
      verdict: "invalid",
    },
    { what: "a normal block a moment early", fields: { time: nanos(NOW_NS - 1n) }, verdict: "valid" },
    { what: "another next epoch", fields: { kind: "closing", next: resultsOf(78) }, verdict: "invalid" },
  ])("$what: $verdict", ({ fields, verdict }) => {
    const { state, turn } = due();
    expect(judged(state, turn, blockOf(fields)).verdict).toBe(verdict);
  });

  it.each<{ what: string; child: SealedBlock; verdict: string }>([
    { what: "an empty tail block", child: tail(), verdict: "valid" },
    { what: "a tail block with a payload", child: tail({ payload: new Uint8Array([1]) }), verdict: "invalid" },
    {
      what: "a tail block with a vote",
      child: tail({ votes: [{ depth: 1, signer: 1, signature: new Uint8Array(64) }] }),
      verdict: "invalid",
    },
    { what: "a tail block of its own height", child: tail({ height: 2 }), verdict: "invalid" },
    { what: "a tail block that names an epoch", child: tail({ next }), verdict: "invalid" },
    { what: "a normal child", child: childOf(closing), verdict: "invalid" },
    { what: "a second closing block", child: childOf(closing, { kind: "closing", next }), verdict: "invalid" },
  ])("after the closing block: $what: $verdict", ({ child, verdict }) => {
    const { state, turn } = due();
    notarized(state, turn, closing);
    expect(judged(state, turn, child).verdict).toBe(verdict);
  });

  it("lets a tail follow a tail, of the same height", () => {
    const { state, turn } = due();
    notarized(state, turn, closing);
    notarized(state, turn, tail());
    const second = childOf(tail(), { kind: "tail", height: 1 });
    expect(judged(state, turn, second).verdict).toBe("valid");
    expect(judged(state, turn, childOf(tail(), { kind: "tail" })).verdict).toBe("invalid");
  });

  it("makes the closing block a parent like any other in the next epoch", () => {
    const tip = { ...genesis, hash: closing.hash, epoch: 1, view: 40, kind: "closing" as const, height: 1 };
    const { state, turn } = setting({ position: { epoch: 2, tip } });
    const first = childOf(closing, { epoch: 2, view: 1 });
    expect(judged(state, turn, first).verdict).toBe("valid");
    expect(judged(state, turn, childOf(closing, { epoch: 2, view: 1, kind: "tail", height: 1 })).verdict).toBe(
      "invalid",
    );
  });
});
