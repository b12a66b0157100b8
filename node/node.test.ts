import { describe, expect, it } from "vitest";
import type { GenesisFile } from "./api/contract.ts";
import { present } from "./base/assert.ts";
import { toHex } from "./base/bytes.ts";
import { chainId } from "./chain/chain.ts";
import { encodeBatch } from "./codec/batch.ts";
import { type KeyPair, keyPairFromSeed } from "./codec/signature.ts";
import { encodeTransfers, newTransfer } from "./codec/transfer.ts";
import { chainOf, createNode, DEFAULT_TIMING, type Node, step, viewOf } from "./node.ts";
import type { ClientAnswer, NodeEffect, NodeInput, Recovered } from "./ports.ts";

const START_MS = 1_760_000_000_000;
const NODES = [0, 1, 2, 3];
const keyOf = (n: number): KeyPair => keyPairFromSeed(new Uint8Array(32).fill(n));
const account = (n: number): bigint => (1n << 64n) + BigInt(n);
const genesis: GenesisFile = {
  network: "calm",
  timeNs: `${START_MS}000000`,
  authority: { publicKeys: [toHex(keyOf(99).publicKey)], threshold: 1 },
  validators: NODES.map((id) => ({
    id,
    consensusKey: toHex(keyOf(id + 1).publicKey),
    ownerKey: toHex(keyOf(50).publicKey),
    bond: "100000000",
  })),
  accounts: [1, 2].map((n) => ({
    id: String(account(n)),
    ownerKey: toHex(keyOf(60).publicKey),
    ledger: 1,
    balance: "1000",
  })),
};

type Peer = { node: Node | undefined; votes: Uint8Array[]; blocks: Uint8Array[]; timers: Map<string, number> };

/** Four nodes, wires that lose nothing, and a clock that moves when the test says so. */
function calmNetwork() {
  let nowMs = START_MS;
  const peers = new Map<number, Peer>();
  const wires: { from: number; to: number; frame: Uint8Array }[] = [];
  const answers = new Map<number, ClientAnswer>();
  /** How wrong a node's wall clock is. */
  const skews = new Map<number, number>();
  const wallMs = (id: number): number => nowMs + (skews.get(id) ?? 0);
  const apply = (id: number, peer: Peer, effects: readonly NodeEffect[]): void => {
    for (const effect of effects) {
      if (effect.type === "persist") {
        if (effect.stream === "votes") peer.votes.push(effect.record);
        else peer.blocks.push(effect.entry.bytes);
      }
      if (effect.type === "replace-votes") peer.votes = [...effect.records];
      if (effect.type === "set-timer") peer.timers.set(effect.timer, nowMs + effect.afterMs);
      if (effect.type === "clear-timer") peer.timers.delete(effect.timer);
      if (effect.type === "answer") answers.set(effect.request, effect.answer);
      if (effect.type === "send") wires.push({ from: id, to: effect.peer, frame: effect.frame });
      if (effect.type !== "broadcast") continue;
      for (const to of peers.keys()) if (to !== id) wires.push({ from: id, to, frame: effect.frame });
    }
  };
  const feed = (id: number, input: NodeInput): void => {
    const peer = present(peers.get(id), "the test names a node");
    if (peer.node !== undefined) apply(id, peer, step(peer.node, input, { nowMs: wallMs(id) }));
  };
  const settle = (): void => {
    for (let wire = wires.shift(); wire !== undefined; wire = wires.shift()) {
      feed(wire.to, { type: "peer-frame", peer: wire.from, frame: wire.frame });
    }
  };
  const start = (id: number, recovered: Partial<Recovered> = {}, keyPair = keyOf(id + 1)): void => {
    const { votes = [], blocks = [] } = peers.get(id) ?? {};
    const peer: Peer = { node: undefined, votes: [...votes], blocks: [...blocks], timers: new Map() };
    peers.set(id, peer);
    const store = {
      readBlock: (height: number) => peer.blocks[height - 1],
      readCar: () => undefined,
      oldestHeight: () => 1,
    };
    const config = { self: id, keyPair, genesis, timing: DEFAULT_TIMING, blocks: store };
    const created = createNode(
      config,
      { votes, blocks, votesIntact: true, cars: [], ...recovered },
      { nowMs: wallMs(id) },
    );
    peer.node = created.node;
    apply(id, peer, created.effects);
    for (const [other, { node }] of peers) {
      if (other === id || node === undefined) continue;
      feed(id, { type: "peer-connected", peer: other });
      feed(other, { type: "peer-connected", peer: id });
    }
    settle();
  };
  const stop = (id: number): void => {
    present(peers.get(id), "the test names a node").node = undefined;
    for (const other of peers.keys()) if (other !== id) feed(other, { type: "peer-disconnected", peer: id });
  };
  /** Fires timers in order until `done`, or fails after so much simulated time. */
  const until = (done: () => boolean, limitMs = 60_000): number => {
    const began = nowMs;
    settle();
    while (!done()) {
      const due = [...peers].flatMap(([id, { node, timers }]) =>
        node === undefined ? [] : [...timers].map(([timer, atMs]) => ({ id, timer, atMs })),
      );
      const next = present(due.toSorted((a, b) => a.atMs - b.atMs)[0], "a live network has timers");
      nowMs = Math.max(nowMs, next.atMs);
      expect(nowMs - began, "simulated time that this may take").toBeLessThan(limitMs);
      peers.get(next.id)?.timers.delete(next.timer);
      feed(next.id, { type: "timer", timer: next.timer });
      settle();
    }
    return nowMs - began;
  };
  const view = (id: number) => viewOf(present(peers.get(id)?.node, "the node runs"));
  const chain = (id: number) => chainOf(present(peers.get(id)?.node, "the node runs"));
  return { peers, answers, feed, start, stop, until, settle, view, chain, skews };
}

function running() {
  const network = calmNetwork();
  for (const id of NODES) network.start(id);
  return network;
}

const batchOf = (network: ReturnType<typeof running>, sequence: bigint, keyPair = keyOf(60)): Uint8Array =>
  encodeBatch({
    type: "transfers",
    payload: encodeTransfers([
      newTransfer({
        id: (BigInt(START_MS) << 80n) | sequence,
        debit: account(1),
        credit: account(2),
        amount: 1n,
        ledger: 1,
        code: 1,
      }),
    ]),
    chainId: chainId(network.chain(0)),
    keyPair,
    stream: 1n,
    sequence,
    expiryMs: START_MS + 500_000,
  });
const applied = { failures: [], count: 1 };

describe("four nodes", () => {
  it("commit a client's batch on all nodes and answer it, also when it comes again", () => {
    const network = running();
    const batch = batchOf(network, 1n);
    network.feed(2, { type: "client-batch", request: 1, batch });
    const took = network.until(() => NODES.every((id) => network.view(id).height === 1));
    expect(took).toBeLessThan(DEFAULT_TIMING.idleBlockMs);
    expect(network.answers.get(1)).toEqual({ type: "committed", height: 1, outcome: applied });
    network.feed(3, { type: "client-batch", request: 2, batch });
    expect(network.answers.get(2)).toEqual(network.answers.get(1));
    expect(new Set(NODES.map((id) => network.view(id).resultsHash)).size).toBe(1);
    expect(network.view(0)).toMatchObject({ state: "Voting", role: "Voter", pendingBatches: 0, certifiedHeight: 1 });
  });

  it("order nothing into an empty block each second", () => {
    const network = running();
    network.until(() => network.view(0).height === 3);
    expect(network.until(() => network.view(0).height === 8)).toBe(5 * DEFAULT_TIMING.idleBlockMs);
  });

  it("keep a leader to its pace under load", () => {
    const network = running();
    let request = 0;
    const load = (): void => {
      request += 1;
      network.feed(request % 4, { type: "client-batch", request, batch: batchOf(network, BigInt(request)) });
    };
    load();
    network.until(() => network.view(0).height === 1);
    const took = network.until(() => {
      if (network.view(0).pendingBatches === 0) load();
      return network.view(0).height === 11;
    });
    expect(took).toBeGreaterThanOrEqual(10 * DEFAULT_TIMING.minBlockIntervalMs);
    expect(took).toBeLessThan(10 * DEFAULT_TIMING.idleBlockMs);
  });

  it("refuse what is not signed right, and everything while stopping", () => {
    const network = running();
    network.feed(0, { type: "client-batch", request: 1, batch: new Uint8Array(10) });
    expect(network.answers.get(1)).toMatchObject({ type: "refused", retryable: false });
    network.feed(0, { type: "stop" });
    network.feed(0, { type: "client-batch", request: 2, batch: batchOf(network, 1n) });
    expect(network.answers.get(2)).toEqual({ type: "refused", reason: "stopping", retryable: true });
    expect(network.view(0).state).toBe("Stopping");
  });
});

describe("a leader that is away", () => {
  it("costs no time when it said so before", () => {
    const network = running();
    network.until(() => network.view(3).height === 2);
    network.feed(0, { type: "stop" });
    network.settle();
    network.stop(0);
    const { height } = network.view(3);
    const took = network.until(() => network.view(3).height === height + 9);
    // Every fourth view is nullified at once: only the idle second of the other views passes.
    expect(took).toBeLessThanOrEqual(10 * DEFAULT_TIMING.idleBlockMs);
  });

  it("is skipped at once after 2n silent views, until it is heard again", () => {
    const network = running();
    network.stop(1);
    network.until(() => network.view(0).view > 14);
    const { height } = network.view(0);
    const took = network.until(() => network.view(0).height === height + 9);
    expect(took).toBeLessThanOrEqual(10 * DEFAULT_TIMING.idleBlockMs);
    network.start(1);
    network.until(() => network.view(1).height > height + 12 && network.view(1).state === "Voting");
    // Once heard it leads again: every view brings a block.
    const nullified = network.view(0).view - network.view(0).height;
    network.until(() => network.view(0).height > height + 24);
    expect(network.view(0).view - network.view(0).height).toBe(nullified);
  });

  it("stops nothing as long as a quorum is there, and everything without", () => {
    const network = running();
    network.stop(2);
    network.until(() => network.view(0).height > 5);
    network.stop(3);
    const { height } = network.view(0);
    network.feed(0, { type: "client-batch", request: 1, batch: batchOf(network, 1n) });
    expect(() => network.until(() => network.view(0).height > height + 1, 40_000)).toThrow();
    expect(network.answers.size).toBe(0);
    network.start(2);
    network.until(() => network.answers.has(1));
    expect(network.answers.get(1)).toMatchObject({ type: "committed", outcome: applied });
  });
});

describe("a restart", () => {
  it("of all nodes at once loses nothing that was acknowledged", () => {
    const network = running();
    const batch = batchOf(network, 1n);
    network.feed(1, { type: "client-batch", request: 1, batch });
    network.until(() => network.answers.has(1));
    const before = network.view(1);
    for (const id of NODES) network.stop(id);
    for (const id of NODES) network.start(id);
    expect(network.view(1)).toMatchObject({ height: before.height, resultsHash: before.resultsHash });
    network.feed(0, { type: "client-batch", request: 2, batch });
    network.until(() => network.answers.has(2));
    expect(network.answers.get(2)).toEqual(network.answers.get(1));
    network.until(() => NODES.every((id) => network.view(id).height > before.height + 3));
    expect(NODES.map((id) => network.view(id).safety)).toEqual(
      NODES.map(() => ({ fork: 0, resultsMismatch: 0, equivocation: 0 })),
    );
  });

  it("with an empty volume catches up from the others, and never votes with that key again", () => {
    const network = running();
    network.until(() => network.view(0).height === 6);
    network.stop(3);
    network.peers.delete(3);
    network.start(3, { votesIntact: false });
    network.until(() => network.view(3).height >= 6 && network.view(3).state === "Following");
    expect(network.peers.get(3)?.votes).toEqual([]);
    expect(network.view(3).resultsHash).toBe(network.view(0).resultsHash);
    // Its journal stays empty beside its blocks, so that the next start knows it too, whoever asks.
    network.stop(3);
    network.start(3);
    network.until(() => network.view(3).height >= 9);
    expect(network.view(3).state).toBe("Following");
    expect(network.view(3).reason).toContain("vote journal");
  });

  it("with another key follows as an observer", () => {
    const network = running();
    network.stop(2);
    network.peers.delete(2);
    network.start(2, {}, keyOf(77));
    network.until(() => network.view(2).height >= 3);
    expect(network.view(2)).toMatchObject({ state: "Following", role: "Observer" });
  });

  it("on a damaged chain is refused", () => {
    const network = running();
    network.until(() => network.view(0).height === 3);
    const blocks = network.peers.get(0)?.blocks ?? [];
    network.stop(0);
    expect(() => network.start(0, { blocks: [...blocks.slice(0, 1), ...blocks.slice(2)] })).toThrow(/does not follow/);
    const torn = blocks.map((block, index) => (index === 1 ? block.subarray(0, 50) : block));
    expect(() => network.start(0, { blocks: torn })).toThrow(/damaged/);
  });
});

it("goes on with a node whose wall clock jumped back by an hour, and with its timers", () => {
  const network = running();
  network.until(() => network.view(0).height === 2);
  network.skews.set(1, -3_600_000);
  network.until(() => NODES.every((id) => network.view(id).height >= 10));
  // Its timers run: without another node's help it still gives up a view whose leader is gone.
  network.stop(2);
  network.stop(3);
  network.stop(0);
  const votes = network.peers.get(1)?.votes.length ?? 0;
  network.until(() => (network.peers.get(1)?.votes.length ?? 0) > votes);
});
