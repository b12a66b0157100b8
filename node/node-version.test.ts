import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { present } from "./base/assert.ts";
import { accountOf } from "./chain/chain.ts";
import { parameterNumber } from "./chain/parameters.ts";
import { signAuthorityRecord } from "./codec/authority-record.ts";
import { encodePeerMessage } from "./codec/peer-message.ts";
import { ReleaseTooOld } from "./node.ts";
import { type Facts, healthOf, readinessOf, statusOf } from "./shell-status.ts";
import { realDisk } from "./storage/disk.ts";
import { inlineExecutor } from "./storage/disk-executor.ts";
import { openStorage } from "./storage/storage.ts";
import { testCluster } from "./test-cluster.ts";
import { account, batchOf, calmNetwork, keyOf, NODES } from "./test-network.ts";

const LATER = { stateVersionMax: 2 };
const OBSERVER = 9;
const tooOld = "the network runs state version 2; this release runs up to 1: install a newer one";

/** Four validators of a later release that have raised the state version, and an observer of this one. */
function raised(snapshotPolicy = { everyBlocks: 1e9, everyBytes: 1e12 }) {
  const sent: { id: number; to: number; frame: Uint8Array }[] = [];
  const network = calmNetwork({
    parameters: { epochLengthMs: 10_000, checkpointIntervalMs: 1_000 },
    snapshotPolicy,
    watch: (id, effect) => {
      if (effect.type === "send") sent.push({ id, to: effect.peer, frame: effect.frame });
    },
  });
  for (const id of NODES) network.start(id, LATER);
  network.start(OBSERVER);
  const record = { kind: "set_parameter", serial: 1n, parameter: parameterNumber("stateVersion"), value: 2n } as const;
  const { chainId } = network;
  const payload = signAuthorityRecord({ record, chainId, authority: new Map([[0, keyOf(99)]]) });
  network.feed(0, { type: "client-batch", request: 1, batch: batchOf(network, 1n, { type: "authority", payload }) });
  network.until(() => NODES.every((id) => network.view(id).epoch === 3), 120_000);
  return { ...network, sent };
}

it("executes nothing by rules that its release does not know, says so, and goes on serving what it has", () => {
  const network = raised();
  const halted = network.view(OBSERVER);
  expect(halted).toMatchObject({ state: "Halted", reason: tooOld, role: "Observer" });
  const well = { state: "running", reason: "" } as const;
  const services = { ledger: well, cal_engine: well, mining_agent: well, memory_mesh: well, consensus: well };
  const facts: Facts = {
    ...{ version: "1.0.0", network: "payments", validator: OBSERVER, publicKey: "", chainId: network.chainId },
    ...{ waitingFor: "", stopping: false, chain: { view: halted, lagMs: 0 }, readOnly: undefined, damage: undefined },
    ...{
      freeBytes: 1,
      connectedPeers: [],
      connectedObservers: [],
      refusedPeers: [],
      services,
      faults: [],
      silent: false,
    },
    ...{ caBundleHash: "", certificateHash: "", governance: undefined, restored: undefined },
  };
  expect(statusOf(facts)).toMatchObject({ state: "Halted", reason: tooOld, ready: false });
  expect(readinessOf(facts)).toEqual({ ready: false, reason: tooOld });
  const failed = { state: "failed", reason: tooOld };
  expect(healthOf(facts)).toEqual({ ...services, ledger: failed, consensus: failed });
  const { height } = network.view(0);
  network.until(() => network.view(0).height > height + 20);
  expect(network.view(OBSERVER)).toMatchObject({
    state: "Halted",
    height: halted.height,
    certifiedHeight: halted.height,
  });
  expect(halted.height).toBeLessThan(height);
  // Reads, and peers that ask for blocks: answered. Batches: not here.
  expect(accountOf(network.chain(OBSERVER), account(1))).toMatchObject({ id: account(1) });
  network.sent.length = 0;
  network.feed(OBSERVER, { type: "peer-frame", peer: 2, frame: encodePeerMessage({ type: "range-request", from: 1 }) });
  expect(network.sent).toMatchObject([{ id: OBSERVER, to: 2 }]);
  network.feed(OBSERVER, { type: "client-batch", request: 2, batch: batchOf(network, 2n) });
  expect(network.answers.get(2)).toEqual({ type: "refused", reason: "release_too_old", retryable: true });
  // It halts after a restart too, and goes on once the newer release is installed.
  network.stop(OBSERVER);
  network.start(OBSERVER);
  expect(network.view(OBSERVER)).toMatchObject({ state: "Halted", height: halted.height });
  network.stop(OBSERVER);
  network.start(OBSERVER, LATER);
  network.until(() => network.view(OBSERVER).height >= network.view(0).height - 1);
  expect(network.view(OBSERVER).state).toBe("Following");
});

it("lets a validator that went back to the older release come again, its vote kept", () => {
  const network = raised();
  network.stop(3);
  network.start(3);
  expect(network.view(3)).toMatchObject({ state: "Halted", reason: tooOld });
  const { height } = network.view(0);
  network.until(() => network.view(0).height > height + 10, 120_000);
  network.stop(3);
  network.start(3, LATER);
  network.until(() => network.view(3).state === "Voting", 120_000);
  for (const id of NODES) expect(network.view(id).safety).toEqual({ fork: 0, resultsMismatch: 0, equivocation: 0 });
});

it("names a later release as what a peer's snapshot lacks, and refuses to start from an own one", async () => {
  const network = raised({ everyBlocks: 3, everyBytes: 1e12 });
  const { height } = network.view(0);
  network.until(() => NODES.every((id) => network.view(id).height > height + 10));
  network.stop(OBSERVER);
  network.peers.delete(OBSERVER);
  network.start(OBSERVER, { votesIntact: false });
  network.until(() => network.view(OBSERVER).reason !== "" && network.view(OBSERVER).state === "CatchingUp");
  expect(network.view(OBSERVER).reason).toBe(`a peer's snapshot was refused: ${tooOld}`);
  network.stop(3);
  expect(() => network.start(3)).toThrow(ReleaseTooOld);

  // The same as a process: an exit code of its own, and what to do.
  const folder = mkdtempSync(join(tmpdir(), "hmn-version-"));
  const cluster = await testCluster(folder, 1);
  try {
    const node = present(cluster.nodes[0], "one node");
    const snapshot = present(network.peers.get(0)?.snapshots.at(-1), "a snapshot was made");
    mkdirSync(node.data);
    const opened = openStorage(realDisk, node.data, { executor: () => inlineExecutor(realDisk) });
    const storage = present(opened.ok ? opened.value : undefined, "the folder opens");
    const parts = [...snapshot.parts];
    const written = new Promise((resolve) => {
      storage.snapshot({ type: "snapshot", ...snapshot, next: () => parts.shift() }, resolve);
    });
    while (storage.work());
    await written;
    await storage.close();
    writeFileSync(join(node.config, "genesis.json"), JSON.stringify(network.genesis));
    node.start();
    expect(await node.ended()).toBe(78);
    expect(node.log()).toContain(tooOld);
  } finally {
    await cluster.close();
    rmSync(folder, { recursive: true });
  }
});
