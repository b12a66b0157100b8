import { describe, expect, it } from "vitest";
import { toHex } from "./base/bytes.ts";
import { parameterNumber } from "./chain/parameters.ts";
import { signAuthorityRecord } from "./codec/authority-record.ts";
import { DEFAULT_TIMING } from "./node.ts";
import { account, applied, batchOf, keyOf, NODES, running } from "./test-network.ts";

/** What the genesis has by default. */
const EMPTY_BLOCK_MS = 1_000;

describe("four nodes", () => {
  it("commit a client's batch on all nodes and answer it, also when it comes again", () => {
    const network = running();
    const batch = batchOf(network, 1n);
    network.feed(2, { type: "client-batch", request: 1, batch });
    const took = network.until(() => NODES.every((id) => network.view(id).height === 1));
    expect(took).toBeLessThan(EMPTY_BLOCK_MS);
    expect(network.answers.get(1)).toEqual({ type: "committed", height: 1, outcome: applied });
    network.feed(3, { type: "client-batch", request: 2, batch });
    expect(network.answers.get(2)).toEqual(network.answers.get(1));
    expect(new Set(NODES.map((id) => network.view(id).resultsHash)).size).toBe(1);
    expect(network.view(0)).toMatchObject({ state: "Voting", role: "Voter", pendingBatches: 0, certifiedHeight: 1 });
  });

  it("order nothing into an empty block each second", () => {
    const network = running();
    network.until(() => network.view(0).height === 3);
    expect(network.until(() => network.view(0).height === 8)).toBe(5 * EMPTY_BLOCK_MS);
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
    expect(took).toBeLessThan(10 * EMPTY_BLOCK_MS);
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

describe("epochs", () => {
  it("follow each other, and lose no batch that was taken on the way", () => {
    // The shortest that there are.
    const network = running({ parameters: { epochLengthMs: 10_000 } });
    let request = 0;
    let nextAtMs = 0;
    network.until(() => {
      if (network.nowMs() >= nextAtMs && network.view(0).epoch < 4) {
        nextAtMs = network.nowMs() + 300;
        request += 1;
        network.feed(request % 4, { type: "client-batch", request, batch: batchOf(network, BigInt(request)) });
      }
      return NODES.every((id) => network.view(id).epoch === 4) && network.answers.size === request;
    });
    expect(request).toBeGreaterThan(40);
    for (const answer of network.answers.values())
      expect(answer).toMatchObject({ type: "committed", outcome: applied });
    expect(new Set(NODES.map((id) => network.view(id).resultsHash)).size).toBe(1);
    for (const id of NODES) expect(network.view(id).safety).toEqual({ fork: 0, resultsMismatch: 0, equivocation: 0 });
  });

  it("pass while a node is away, which then goes through them one after the other", () => {
    const network = running({ parameters: { epochLengthMs: 10_000 } });
    network.until(() => network.view(0).height === 3);
    network.stop(2);
    network.feed(1, { type: "client-batch", request: 1, batch: batchOf(network, 1n) });
    network.until(() => network.view(0).epoch === 4, 120_000);
    network.start(2);
    network.until(() => network.view(2).epoch >= 4 && network.view(2).state === "Voting");
    expect(network.view(2).height).toBeGreaterThan(20);
    // Everybody starts again in the middle of an epoch, and at its very beginning.
    for (const id of NODES) network.stop(id);
    for (const id of NODES) network.start(id);
    network.until(() => NODES.every((id) => network.view(id).epoch === 5), 120_000);
    for (const id of NODES) network.stop(id);
    for (const id of NODES) network.start(id);
    network.until(() => NODES.every((id) => network.view(id).epoch === 6), 120_000);
    for (const id of NODES) expect(network.view(id).safety).toEqual({ fork: 0, resultsMismatch: 0, equivocation: 0 });
  });
});

it("lets a validator join: it follows, says that it has caught up, is approved by the others, and votes", () => {
  const network = running({ parameters: { epochLengthMs: 10_000 } });
  const voteKey = keyOf(10);
  network.start(9, { keyPair: voteKey });
  network.until(() => network.view(9).height > 3);
  expect(network.view(9)).toMatchObject({ state: "Following", role: "Observer" });
  network.feed(9, { type: "client-batch", request: 1, batch: batchOf(network, 1n) });
  expect(network.answers.get(1)).toMatchObject({ type: "refused", reason: "not_a_validator", retryable: true });
  const join = signAuthorityRecord({
    record: {
      ...{ kind: "join", serial: 1n, validator: 9, account: account(3), amount: 100_000_000n },
      ...{ voteKey: toHex(voteKey.publicKey), ownerKey: toHex(keyOf(60).publicKey) },
    },
    chainId: network.chainId,
    authority: new Map([[0, keyOf(99)]]),
    voteKey,
  });
  network.feed(0, {
    type: "client-batch",
    request: 2,
    batch: batchOf(network, 2n, { type: "authority", payload: join }),
  });
  network.until(() => network.view(9).role === "Voter" && network.view(9).state === "Voting");
  expect(network.answers.get(2)).toMatchObject({ type: "committed", outcome: applied });
  expect(network.view(0).validators.map(({ id }) => id)).toEqual([0, 1, 2, 3, 9]);
  // Its own lane is ordered now, and its votes count: with it one of the others can go.
  network.stop(0);
  network.feed(9, { type: "client-batch", request: 3, batch: batchOf(network, 3n) });
  network.until(() => network.answers.has(3));
  expect(network.answers.get(3)).toMatchObject({ type: "committed", outcome: applied });
  for (const id of [1, 2, 3, 9])
    expect(network.view(id).safety).toEqual({ fork: 0, resultsMismatch: 0, equivocation: 0 });
});

it("paces empty blocks by the committed parameter, from the epoch after the order", () => {
  const network = running({ parameters: { epochLengthMs: 10_000 } });
  const record = {
    kind: "set_parameter",
    serial: 1n,
    parameter: parameterNumber("emptyBlockMs"),
    value: 500n,
  } as const;
  const { chainId } = network;
  const payload = signAuthorityRecord({ record, chainId, authority: new Map([[0, keyOf(99)]]) });
  network.feed(0, { type: "client-batch", request: 1, batch: batchOf(network, 1n, { type: "authority", payload }) });
  const pace = (): number => {
    const { height } = network.view(0);
    return network.until(() => network.view(0).height === height + 4) / 4;
  };
  network.until(() => network.answers.has(1) && network.view(0).height === 2);
  expect(pace()).toBe(EMPTY_BLOCK_MS);
  network.until(() => network.view(0).epoch === 2);
  expect(pace()).toBe(500);
  // A restart reads it from the chain.
  for (const id of NODES) network.stop(id);
  for (const id of NODES) network.start(id);
  network.until(() => network.view(0).height > 20);
  expect(pace()).toBe(500);
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
    expect(took).toBeLessThanOrEqual(10 * EMPTY_BLOCK_MS);
  });

  it("is skipped at once after 2n silent views, until it is heard again", () => {
    const network = running();
    network.stop(1);
    network.until(() => network.view(0).view > 14);
    const { height } = network.view(0);
    const took = network.until(() => network.view(0).height === height + 9);
    expect(took).toBeLessThanOrEqual(10 * EMPTY_BLOCK_MS);
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

  it("with an empty volume catches up from the others, and votes again once they said where they stand", () => {
    const network = running();
    network.until(() => network.view(0).height === 6);
    network.stop(3);
    network.peers.delete(3);
    network.start(3, { votesIntact: false });
    expect(network.view(3).height).toBeLessThan(7);
    network.until(() => network.view(3).height >= 6 && network.view(3).state === "Voting");
    expect(network.view(3).resultsHash).toBe(network.view(0).resultsHash);
    network.until(() => NODES.every((id) => network.view(id).height >= 12));
    for (const id of NODES) expect(network.view(id).safety).toEqual({ fork: 0, resultsMismatch: 0, equivocation: 0 });
  });

  it("with another key follows as an observer", () => {
    const network = running();
    network.stop(2);
    network.peers.delete(2);
    network.start(2, { keyPair: keyOf(77) });
    network.until(() => network.view(2).height >= 3);
    expect(network.view(2)).toMatchObject({ state: "Following", role: "Observer" });
  });

  it("on a damaged chain is refused", () => {
    const network = running();
    network.until(() => network.view(0).height === 3);
    const blocks = [...(network.peers.get(0)?.blocks.values() ?? [])];
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
