import { describe, expect, it } from "vitest";
import { keepCertificate } from "./certificates.ts";
import { settle } from "./machine.ts";
import { giveUpAtMs, leaderIsAway, proposeAtMs, wakeAtMs } from "./pace.ts";
import { type ConsensusState, viewOf } from "./state.ts";
import { assertAgreement } from "./test-checks.ts";
import { createNetwork, runFor, runUntil, stop } from "./test-network.ts";
import { blocksOf, linesOf, nodeOf } from "./test-node.ts";
import {
  blockOf,
  certificateBy,
  childOf,
  EMPTY_BLOCK_MS,
  finalized,
  notarized,
  setting,
  voteOf,
} from "./test-setting.ts";
import { blockIntervalMs, DEFAULT_TIMING } from "./timing.ts";
import type { Turn } from "./turn.ts";
import { onVote } from "./votes.ts";

const { viewTimeoutMs, maxTimeoutMs, minBlockIntervalMs } = DEFAULT_TIMING;
const FOUR = { 0: 10, 1: 10, 2: 10, 3: 10 };
const at = (turn: Turn, nowMs: number, waits = false): Turn => ({
  ...turn,
  nowMs,
  payload: { ...turn.payload, waits: () => waits },
});
const nullify = (state: ConsensusState, turn: Turn, view: number): void =>
  keepCertificate(state, turn, certificateBy({ kind: "nullify", epoch: 1, view }, [1, 2, 3]));

describe("a view", () => {
  it("gets its leader's block at once when there is something to order, else after a second", () => {
    const { state, turn } = setting();
    settle(state, turn);
    expect(viewOf(state, 1).proposal).toBeUndefined();
    expect(wakeAtMs(state, 0)).toBe(viewTimeoutMs);
    settle(state, at(turn, EMPTY_BLOCK_MS - 1));
    expect(viewOf(state, 1).proposal).toBeUndefined();
    settle(state, at(turn, EMPTY_BLOCK_MS));
    expect(viewOf(state, 1).proposal).toBeDefined();
    const other = setting();
    settle(other.state, at(other.turn, 3, true));
    expect(viewOf(other.state, 1).proposal).toBeDefined();
  });

  it.each([
    { what: "nothing to order", waitsAtMs: undefined, givesUpAtMs: EMPTY_BLOCK_MS + viewTimeoutMs },
    { what: "something to order at once", waitsAtMs: 0, givesUpAtMs: viewTimeoutMs },
    { what: "something to order later", waitsAtMs: 300, givesUpAtMs: 300 + viewTimeoutMs },
  ])("is given up in time with $what", ({ waitsAtMs, givesUpAtMs }) => {
    const { state, turn } = setting({ position: { self: 1 } });
    const waits = (nowMs: number): boolean => waitsAtMs !== undefined && nowMs >= waitsAtMs;
    settle(state, at(turn, 0, waits(0)));
    if (waitsAtMs !== undefined) settle(state, at(turn, waitsAtMs, true));
    expect(giveUpAtMs(state)).toBe(givesUpAtMs);
    settle(state, at(turn, givesUpAtMs - 1, waits(givesUpAtMs - 1)));
    expect(viewOf(state, 1).own.nullify).toBeUndefined();
    settle(state, at(turn, givesUpAtMs, waits(givesUpAtMs)));
    expect(viewOf(state, 1).own.nullify).toBeDefined();
  });

  it("lasts twice as long for each one before it that was nullified, up to a cap, until a block is final", () => {
    const { state, turn } = setting();
    const lasts = (): number => giveUpAtMs(state) - state.enteredAtMs - EMPTY_BLOCK_MS;
    const seen = [lasts()];
    for (let view = 1; view <= 6; view++) {
      nullify(state, turn, view);
      seen.push(lasts());
    }
    expect(seen).toEqual([500, 1000, 2000, 4000, 8000, maxTimeoutMs, maxTimeoutMs]);
    const block = blockOf({ view: 7 });
    notarized(state, turn, block);
    expect(lasts()).toBe(maxTimeoutMs);
    finalized(state, turn, block);
    expect(lasts()).toBe(viewTimeoutMs);
  });

  it("after a nullified one is for certified tips only, until a block is final", () => {
    const asked: boolean[] = [];
    const take: Turn["payload"]["take"] = (_, { certifiedOnly }) => {
      asked.push(certifiedOnly);
      return new Uint8Array(0);
    };
    // Node 0 leads views 1 and 5.
    const { state, turn } = setting({ payload: { take, waits: () => true } });
    settle(state, turn);
    for (const view of [1, 2, 3, 4]) nullify(state, turn, view);
    settle(state, { ...turn, nowMs: 50 });
    const block = blockOf({ view: 6 });
    notarized(state, turn, block);
    finalized(state, turn, block);
    let parent = block;
    for (const view of [7, 8]) {
      parent = childOf(parent, { view });
      notarized(state, turn, parent);
    }
    settle(state, { ...turn, nowMs: 100 });
    expect(asked).toEqual([false, true, false]);
  });

  it("of a silent leader is skipped while a quorum is active, until the leader is heard again", () => {
    const { state, turn } = setting({ position: { self: 1 } });
    for (let view = 1; view <= 12; view++) {
      nullify(state, turn, view);
      for (const signer of [2, 3]) onVote(state, turn, voteOf({ kind: "nullify", epoch: 1, view: view + 1 }, signer));
    }
    // Node 0 leads view 13, and was last heard before view 1.
    expect([state.view, leaderIsAway(state, turn)]).toEqual([13, true]);
    onVote(state, turn, voteOf({ kind: "nullify", epoch: 1, view: 14 }, 0));
    expect(leaderIsAway(state, turn)).toBe(false);
  });

  it("of a silent leader is not skipped when the others are silent too", () => {
    const { state, turn } = setting({ position: { self: 1 } });
    for (let view = 1; view <= 12; view++) nullify(state, turn, view);
    expect(leaderIsAway(state, turn)).toBe(false);
  });
});

describe("blocks", () => {
  it.each([
    { lagMs: 0, interval: minBlockIntervalMs },
    { lagMs: 3, interval: minBlockIntervalMs },
    { lagMs: 12, interval: 24 },
    { lagMs: 400, interval: 50 },
  ])("come every $interval ms when they take $lagMs ms", ({ lagMs, interval }) => {
    expect(blockIntervalMs(DEFAULT_TIMING, lagMs)).toBe(interval);
  });

  it("are spaced by what the last ones took, which wears off", () => {
    const { state, turn } = setting();
    let nowMs = 0;
    let parent = blockOf();
    const take = (tookMs: number): number => {
      const step = at(turn, nowMs + tookMs);
      viewOf(state, parent.view).proposal = { block: parent, signature: new Uint8Array(64), atMs: nowMs };
      state.lastProposalAtMs = nowMs;
      notarized(state, step, parent);
      nowMs += tookMs;
      parent = childOf(parent);
      state.orderSinceMs = nowMs;
      return proposeAtMs(state) - state.lastProposalAtMs;
    };
    for (let block = 0; block < 12; block++) take(20);
    expect(Math.round(take(20))).toBeGreaterThan(38);
    for (let block = 0; block < 12; block++) take(2);
    expect(take(2)).toBe(minBlockIntervalMs);
  });
});

describe("a network", () => {
  it("orders what comes in, and blocks are empty otherwise", () => {
    const network = createNetwork({ members: () => FOUR });
    nodeOf(network, 2).pool.push("one", "two");
    runUntil(network, () => linesOf(blocksOf(network, 3)).length === 2);
    expect(linesOf(blocksOf(network, 3))).toEqual(["one", "two"]);
    const height = nodeOf(network, 0).log.length;
    runFor(network, 1000);
    // One each `emptyBlockMs`, which is 100 here.
    expect(nodeOf(network, 0).log.length - height).toBeGreaterThanOrEqual(8);
    assertAgreement(network);
  });

  it("goes on without a member, and soon without waiting for it", () => {
    const network = createNetwork({ members: () => FOUR });
    runUntil(network, () => nodeOf(network, 0).log.length > 5);
    stop(network, 1);
    const { state } = nodeOf(network, 0);
    const view = state.view;
    runUntil(network, () => state.view > view + 24);
    const heights = nodeOf(network, 0).log.length;
    const before = network.nowMs;
    runUntil(network, () => nodeOf(network, 0).log.length > heights + 8);
    // No view of the missing one took its timeout.
    expect(network.nowMs - before).toBeLessThan(8 * (100 + 2 * 50));
    assertAgreement(network);
  });
});
