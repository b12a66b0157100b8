import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { present } from "./base/assert.ts";
import { toHex } from "./base/bytes.ts";
import { CHAIN_RULES } from "./chain/rules.ts";
import { exportChain, importChain } from "./chain/snapshot.ts";
import { keyPairFromSeed } from "./codec/signature.ts";
import { DEFAULT_LANE_PACE, DEFAULT_TIMING } from "./node.ts";
import { encodeHead, parseHead } from "./node-snapshot-head.ts";
import { type Engine, startEngine } from "./shell-engine.ts";
import { type Disk, realDisk } from "./storage/disk.ts";
import { type DiskExecutor, inlineExecutor } from "./storage/disk-executor.ts";
import { openStorage, type Storage } from "./storage/storage.ts";
import { loadVoteKey } from "./storage/vote-key.ts";
import { running } from "./test-network.ts";

let folder = "";
let engine: Engine | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hmn-engine-"));
});
afterEach(() => {
  engine?.close();
  rmSync(folder, { recursive: true });
});

const START_NS = (BigInt(Date.now()) * 1_000_000n).toString();
const publicKey = (id: number): string => toHex(keyPairFromSeed(new Uint8Array(32).fill(id + 1)).publicKey);
const until = (condition: () => void): Promise<void> => vi.waitFor(condition, { timeout: 60_000, interval: 10 });

/** One validator of four, alone: its timers make it vote, so it writes and speaks without being asked. */
function start(
  disk: Disk,
  executor = (): DiskExecutor => inlineExecutor(disk),
): { storage: Storage; frames: Uint8Array[]; readOnly: string[]; answers: number[] } {
  const opened = openStorage(disk, folder, { executor });
  const key = loadVoteKey(disk, folder);
  if (!opened.ok || !key.ok) throw new Error("the folder opens");
  const frames: Uint8Array[] = [];
  const readOnly: string[] = [];
  const answers: number[] = [];
  const keys = [toHex(key.value.publicKey), publicKey(1), publicKey(2), publicKey(3)];
  engine = startEngine({
    chainRules: CHAIN_RULES,
    config: {
      self: 0,
      keyPair: key.value,
      lanes: DEFAULT_LANE_PACE,
      timing: { ...DEFAULT_TIMING, viewTimeoutMs: 20, maxTimeoutMs: 100 },
      genesis: {
        network: "payments",
        timeNs: START_NS,
        authority: { publicKeys: [publicKey(9)], threshold: 1 },
        validators: keys.map((consensusKey, id) => ({ id, consensusKey, ownerKey: publicKey(9), bond: "1000000000" })),
        accounts: [],
        parameters: { emptyBlockMs: 100 },
      },
      snapshots: { exportChain, importChain, readPart: opened.value.readSnapshotPart },
    },
    storage: opened.value,
    archive: true,
    log: pino({ level: "silent" }),
    onBlock: () => {},
    send: (_peer, frame) => frames.push(frame),
    broadcast: (frame) => frames.push(frame),
    answer: (request) => answers.push(request),
    connectedPeers: () => [1],
    onEvent: () => {},
    onReadOnly: (reason) => readOnly.push(reason),
  });
  return { storage: opened.value, frames, readOnly, answers };
}

test("when the disk refuses, nothing of that step leaves; the node says so, takes nothing, and goes on when the disk does", async () => {
  let full = false;
  const refuse = (): void => {
    if (full) throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
  };
  const { storage, frames, readOnly } = start({
    ...realDisk,
    open: (path, how, mode) => {
      if (how === "create") refuse();
      return realDisk.open(path, how, mode);
    },
    write: (file, position, bytes) => {
      refuse();
      realDisk.write(file, position, bytes);
    },
  });
  full = true;
  await until(() => expect(engine?.readOnly()).toContain("ENOSPC"));
  expect(readOnly).toEqual([expect.stringContaining("the disk takes no writes: ENOSPC")]);
  // The first thing this node ever says rests on a vote that was not written.
  expect(frames).toEqual([]);
  const durable = storage.recovered().votes.length;
  expect(engine?.view().state).toBe("Voting");
  engine?.push({ type: "peer-connected", peer: 1 });
  engine?.push({ type: "client-batch", request: 1, batch: new Uint8Array(10) });
  // It probes each second; a probe that fails changes nothing.
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  expect(engine?.readOnly()).toContain("ENOSPC");
  expect([frames.length, storage.recovered().votes.length]).toEqual([0, durable]);
  full = false;
  await until(() => expect(frames.length).toBeGreaterThan(0));
  expect(engine?.readOnly()).toBeUndefined();
  expect(storage.recovered().votes.length).toBeGreaterThan(durable);
});

test("a restart takes its own log and speaks on", async () => {
  const first = start(realDisk);
  await until(() => expect(first.frames.length).toBeGreaterThan(3));
  engine?.close();
  const before = first.storage.recovered().votes;
  const votes = before.length;
  expect(votes).toBeGreaterThan(0);
  await first.storage.close();
  const second = start(realDisk);
  // A node that could not read its votes would follow without voting.
  expect(engine?.view()).toMatchObject({ state: "Voting", role: "Voter" });
  await until(() => expect(second.frames.length).toBeGreaterThan(0));
  expect(second.storage.recovered().votes.slice(0, votes)).toEqual(before);
});

test("a peer's snapshot that is none, and that a crash left behind, is removed at the next start", async () => {
  const first = start(realDisk);
  await until(() => expect(engine?.view().state).toBe("Voting"));
  engine?.close();
  const network = running({
    parameters: { epochLengthMs: 10_000, checkpointIntervalMs: 1_000 },
    snapshotPolicy: { everyBlocks: 5, everyBytes: 1e9 },
  });
  network.until(() => (network.peers.get(0)?.snapshots.length ?? 0) > 0, 60_000);
  const made = present(network.peers.get(0)?.snapshots[0], "there is one");
  const head = parseHead(present(made.parts[0], "a snapshot has a head"));
  const parts = [
    encodeHead({ ...present(head.ok ? head.value : undefined, "a good one"), own: false }),
    ...made.parts.slice(1),
  ];
  let written = false;
  for (const [part, bytes] of parts.entries()) {
    const last = part === parts.length - 1;
    first.storage.takeSnapshotPart(
      { type: "snapshot-part", height: made.height, blockHash: made.blockHash, part, last, bytes },
      () => {
        written = true;
      },
    );
  }
  // It is whole, and of another network.
  while (!written) {
    first.storage.work();
    await new Promise(setImmediate);
  }
  expect(first.storage.recovered().snapshot?.height).toBe(made.height);
  await first.storage.close();
  const second = start(realDisk);
  expect(engine?.view()).toMatchObject({ state: "Voting", height: 0 });
  expect(second.storage.recovered().snapshot).toBeUndefined();
  await until(() => expect(second.frames.length).toBeGreaterThan(0));
});

test("steps go on while the disk works, but nothing is said before what came before it is durable", async () => {
  const waiting: (() => void)[] = [];
  let late = true;
  const inline = inlineExecutor(realDisk);
  const { storage, frames, answers } = start(realDisk, () => ({
    run: (job, done) =>
      inline.run(job, (answer) => {
        if (late) waiting.push(() => done(answer));
        else done(answer);
      }),
    close: inline.close,
  }));
  // The first flush is on its way; these steps write nothing themselves.
  engine?.push({ type: "client-batch", request: 1, batch: new Uint8Array(10) });
  engine?.push({ type: "client-batch", request: 2, batch: new Uint8Array(10) });
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
  expect([frames.length, answers.length, waiting.length > 0]).toEqual([0, 0, true]);
  expect(storage.recovered().votes).toEqual([]);
  late = false;
  for (const answer of waiting.splice(0)) answer();
  expect(answers).toEqual([1, 2]);
  expect(storage.recovered().votes.length).toBeGreaterThan(0);
  await until(() => expect(frames.length).toBeGreaterThan(0));
});
