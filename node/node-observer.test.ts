import { describe, expect, it } from "vitest";
import { observerId } from "./api/contract.ts";
import { present } from "./base/assert.ts";
import { CHAIN_RULES } from "./chain/rules.ts";
import { encodePeerMessage, type PeerMessage, parsePeerMessage } from "./codec/peer-message.ts";
import type { NodeEffect } from "./ports.ts";
import { OBSERVERS_SHARE, SERVED_BURST_BYTES } from "./sync/serving.ts";
import { batchOf, keyOf, NODES, running } from "./test-network.ts";

const OBSERVER = observerId(0);
const keyPair = keyOf(50);
const unharmed = { fork: 0, resultsMismatch: 0, equivocation: 0 };

describe("an observer", () => {
  it("follows block by block through epochs, answers, takes no batch, and is nobody's peer", () => {
    const network = running({ parameters: { epochLengthMs: 10_000 } });
    network.until(() => network.view(0).height > 5);
    network.start(OBSERVER, { keyPair });
    network.until(() => network.view(OBSERVER).epoch === 3, 120_000);
    expect(network.view(OBSERVER)).toMatchObject({ role: "Observer", state: "Following", safety: unharmed });
    expect(network.view(0).height - network.view(OBSERVER).height).toBeLessThan(2);
    expect(network.view(OBSERVER).reason).toContain("an observer");
    network.feed(OBSERVER, { type: "client-batch", request: 1, batch: batchOf(network, 1n) });
    expect(network.answers.get(1)).toMatchObject({ type: "refused", reason: "not_a_validator", retryable: true });
    for (const id of NODES) {
      expect([...present(network.peers.get(id)?.node, "it runs").connected]).not.toContain(OBSERVER);
      expect(network.view(id).validators.map((one) => one.id)).toEqual([...NODES]);
    }
  });

  it("never votes, whatever key it holds", () => {
    const network = running();
    network.stop(3);
    network.stop(2);
    const { height } = network.view(0);
    network.start(OBSERVER, { keyPair: keyOf(4) });
    expect(() => network.until(() => network.view(0).height > height + 1, 20_000)).toThrow();
    expect(network.view(OBSERVER)).toMatchObject({ role: "Observer", state: "Following" });
    network.start(2);
    network.until(() => network.view(OBSERVER).height > height + 1);
  });

  it("comes back by a snapshot where the log is gone", () => {
    const network = running({ snapshotPolicy: { everyBlocks: 5, everyBytes: 1e9 }, ...quick });
    network.until(() => NODES.every((id) => (network.peers.get(id)?.snapshots.length ?? 0) === 2), 120_000);
    network.start(OBSERVER, { keyPair });
    network.until(() => network.view(OBSERVER).state === "Following" && network.view(OBSERVER).height > 20, 120_000);
    expect(network.peers.get(OBSERVER)?.snapshots.length).toBeGreaterThan(0);
    expect(network.peers.get(OBSERVER)?.blocks.has(1)).toBe(false);
  });

  it("begins from a snapshot where that is the shorter way, though no block is gone", () => {
    const network = running({ snapshotPolicy: { everyBlocks: 5, everyBytes: 1e9 }, ...still });
    network.until(() => NODES.every((id) => (network.peers.get(id)?.snapshots.length ?? 0) === 2), 120_000);
    expect(network.peers.get(0)?.blocks.has(1)).toBe(true);
    network.start(OBSERVER, { keyPair });
    network.until(() => network.view(OBSERVER).state === "Following" && network.view(OBSERVER).height > 20, 120_000);
    expect(network.peers.get(OBSERVER)?.blocks.has(1)).toBe(false);
    expect(network.view(OBSERVER).resultsDiffer).toBe(false);
  });

  it("that begins from a snapshot and executes otherwise says so as well", () => {
    const network = running({ snapshotPolicy: { everyBlocks: 5, everyBytes: 1e9 }, ...still });
    network.until(() => NODES.every((id) => (network.peers.get(id)?.snapshots.length ?? 0) === 2), 120_000);
    network.start(OBSERVER, { keyPair, chainRules: otherwise });
    network.until(() => network.view(OBSERVER).resultsDiffer);
    expect(network.view(OBSERVER).height).toBeGreaterThan(5);
  });

  it("says so when it executes to other results than the validators", () => {
    const network = running();
    network.start(OBSERVER, { keyPair, chainRules: otherwise });
    network.until(() => network.view(OBSERVER).safety.resultsMismatch > 0);
    expect(network.view(OBSERVER).resultsDiffer).toBe(true);
    expect(network.view(0).safety).toEqual(unharmed);
  });
});

const otherwise = {
  ...CHAIN_RULES,
  resultsRoot: (leaves: readonly Uint8Array[]) => CHAIN_RULES.resultsRoot([...leaves, new Uint8Array(32)]),
};
const still = { parameters: { epochLengthMs: 3_600_000, checkpointIntervalMs: 1_000 } };
const quick = { parameters: { epochLengthMs: 10_000, checkpointIntervalMs: 1_000 } };

describe("a validator", () => {
  /** What node 0 does for an observer from now on. */
  function asked() {
    const sent: PeerMessage["type"][] = [];
    let sentBytes = 0;
    const watch = (id: number, effect: NodeEffect): void => {
      if (id !== 0 || effect.type !== "send" || effect.peer !== OBSERVER) return;
      const message = parsePeerMessage(effect.frame);
      if (message.ok) sent.push(message.value.type);
      sentBytes += effect.frame.length;
    };
    const network = running({ watch });
    network.until(() => network.view(0).height > 90, 200_000);
    const say = (message: PeerMessage, peer = OBSERVER): void =>
      network.feed(0, { type: "peer-frame", peer, frame: encodePeerMessage(message) });
    return { network, say, sent, sentBytes: () => sentBytes };
  }

  it("hears nothing but questions from an observer", () => {
    const { network, say, sent } = asked();
    say({ type: "probe", round: 1 });
    say({ type: "stopping" });
    expect(sent).toEqual([]);
    const { consensus } = present(network.peers.get(0)?.node, "it runs");
    expect(consensus.stoppingUntilMs.size).toBe(0);
    say({ type: "range-request", from: 1 });
    expect(sent).toEqual(["range"]);
    say({ type: "stopping" }, 1);
    expect(consensus.stoppingUntilMs.size).toBe(1);
  });

  it("serves observers from a smaller share, which they have in common", () => {
    const { say, sentBytes } = asked();
    for (let question = 0; question < 2_000; question++) say({ type: "range-request", from: 30 });
    expect(sentBytes()).toBeGreaterThan(SERVED_BURST_BYTES / OBSERVERS_SHARE / 2);
    expect(sentBytes()).toBeLessThan((1.1 * SERVED_BURST_BYTES) / OBSERVERS_SHARE);
    const before = sentBytes();
    say({ type: "range-request", from: 30 }, observerId(1));
    expect(sentBytes()).toBe(before);
  });
});
