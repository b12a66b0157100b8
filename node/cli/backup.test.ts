import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { GenesisFile } from "../api/contract.ts";
import { restoredPath, stateParts } from "../backup/state-file.ts";
import { present } from "../base/assert.ts";
import { toHex } from "../base/bytes.ts";
import { accountOf, checkpointOf } from "../chain/chain.ts";
import { encodeBatch } from "../codec/batch.ts";
import { encodeTransfers, newTransfer, transferFlags } from "../codec/transfer.ts";
import type { NodeEffect } from "../ports.ts";
import { readRestored, writeRestored } from "../shell-restored.ts";
import { account, batchOf, calmNetwork, keyOf, NODES, running } from "../test-network.ts";
import { backup } from "./backup.ts";
import { checkBackup } from "./check-backup.ts";
import { forgetBackups } from "./forget-backups.ts";
import { genesis } from "./genesis.ts";
import { listBackups } from "./list-backups.ts";
import { restore } from "./restore.ts";
import { run, writeFolder } from "./test-folder.ts";
import { verify } from "./verify.ts";

/** One of four nodes with transfers, some of them pending, and a backup of what it holds. */
let folder = "";
let beganMs = 0;
let network: ReturnType<typeof running>;
/** Signed for the old network, and executed there. */
let oldBatch = new Uint8Array();
const at = (...names: string[]): string => join(folder, ...names);
const key = (): string[] => ["--key", at("key")];
const SECONDS = 180;

const pendingIn = (of: { chainId: string }, sequence: bigint, timeout: number, nowMs: number): Uint8Array => {
  const record = newTransfer({
    ...{ id: (BigInt(nowMs) << 80n) | (1_000n + sequence), debit: account(1), credit: account(2), amount: 7n },
    ...{ ledger: 1, code: 1, flags: transferFlags.pending, timeout },
  });
  return encodeBatch({
    ...{ type: "transfers", payload: encodeTransfers([record]), chainId: of.chainId, keyPair: keyOf(60) },
    ...{ stream: 2n, sequence, expiryMs: nowMs + 500_000 },
  });
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "hmn-backup-"));
  const effects: NodeEffect[] = [];
  network = running({
    parameters: { epochLengthMs: 10_000, checkpointIntervalMs: 1_000 },
    snapshotPolicy: { everyBlocks: 8, everyBytes: 1e9 },
    watch: (id, effect) => id === 1 && effects.push(effect),
  });
  writeFileSync(at("genesis.json"), JSON.stringify(network.genesis));
  writeFileSync(at("key"), "5a".repeat(32));
  oldBatch = new Uint8Array(batchOf(network, 1n));
  network.feed(0, { type: "client-batch", request: 1, batch: oldBatch });
  beganMs = network.nowMs();
  for (const [nth, timeout] of [0, SECONDS, 4].entries()) {
    const batch = pendingIn(network, BigInt(nth + 1), timeout, network.nowMs());
    network.feed(0, { type: "client-batch", request: 2 + nth, batch });
  }
  const writer = present(network.peers.get(1), "node 1 runs");
  network.until(() => network.view(1).height > 60 && writer.snapshots.length === 2, 120_000);
  await writeFolder(at("data"), effects, writer.snapshots);
  const made = await run(
    backup,
    at("data"),
    at("backups"),
    "--name",
    "one",
    "--genesis",
    at("genesis.json"),
    ...key(),
    "--report",
    at("report"),
  );
  expect(made).toMatchObject({ code: 0, error: "", out: expect.stringMatching(/^one: height \d+ of network/) });
});
afterAll(() => rmSync(folder, { recursive: true }));

const subrootOf = (chain: Parameters<typeof checkpointOf>[0], wanted: string): string =>
  toHex(present(checkpointOf(chain).subroots.find(({ name }) => name === wanted)?.root, "it is a subroot"));

test("a backup is checked by what the network certified, and tells what is in it", async () => {
  const checked = await run(checkBackup, at("backups"), "one", ...key(), "--chain-id", network.chainId);
  expect(checked).toMatchObject({ code: 0, error: "" });
  expect(checked.out).toMatch(/certified by +validators [0-9, ]+ of epoch \d+/);
  expect(checked.out).toMatch(/pending +2 transfers/);
  const { height, verified } = JSON.parse(readFileSync(at("report"), "utf8"));
  expect(height).toBeGreaterThan(30);
  expect(verified).toBe(undefined);
});

test("nothing of an account and no vote key can be read in it", () => {
  const ids = Buffer.alloc(16);
  ids.writeBigUInt64LE(account(1) & ((1n << 64n) - 1n));
  ids.writeBigUInt64LE(account(1) >> 64n, 8);
  const needles = [ids, Buffer.from(keyOf(60).publicKey), Buffer.from(keyOf(2).secretKey.subarray(0, 32))];
  const pieces = readdirSync(at("backups", "one")).map((name) => readFileSync(at("backups", "one", name)));
  for (const needle of needles) expect(pieces.some((bytes) => bytes.includes(needle))).toBe(false);
});

/** A copy of the backup with one of its files changed. */
function changed(name: string, file: string, change: (bytes: Buffer) => Buffer | undefined): string {
  cpSync(at("backups", "one"), at("backups", name), { recursive: true });
  const path = at("backups", name, file);
  const bytes = change(readFileSync(path));
  if (bytes === undefined) rmSync(path);
  else writeFileSync(path, bytes);
  return name;
}
const text = (from: string, to: string) => (bytes: Buffer) => Buffer.from(bytes.toString("utf8").replace(from, to));
const flip = (bytes: Buffer): Buffer => {
  bytes[100] = (bytes[100] ?? 0) ^ 1;
  return bytes;
};

test.each([
  ["a flipped bit", "piece-00000", flip, "piece-00000 is not what was written"],
  ["a torn piece", "piece-00000", (bytes: Buffer) => bytes.subarray(0, -9), "bytes, "],
  ["a missing piece", "piece-00000", () => undefined, "piece-00000 is missing"],
  ["no manifest", "manifest.json", () => undefined, "never finished"],
  ["half a manifest", "manifest.json", (bytes: Buffer) => bytes.subarray(0, 200), "not JSON"],
  ["another height", "manifest.json", text('"height": ', '"height": 1'), "not what was written with this key"],
] as const)("%s is found and named", async (name, file, change, why) => {
  const copy = changed(name.replaceAll(" ", "-"), file, change);
  expect(await run(checkBackup, at("backups"), copy, ...key())).toMatchObject({
    code: 1,
    out: "",
    error: expect.stringContaining(why),
  });
});

test("another key, another network and another name are refused", async () => {
  writeFileSync(at("other"), "a5".repeat(32));
  for (const [args, code, why] of [
    [["one", "--key", at("other")], 1, "was made with the key"],
    [["one", ...key(), "--chain-id", "ab".repeat(32)], 1, `not of ${"ab".repeat(32)}`],
    [["two", ...key()], 1, "no backup of this name"],
    [["../one", ...key()], 2, "no name of a backup"],
    [["one"], 2, "--key is missing"],
  ] as const) {
    const ran = await run(checkBackup, at("backups"), ...args);
    expect(ran).toMatchObject({ code, out: "", error: expect.stringContaining(why) });
  }
});

test("of a row of backups the last ones stay, and what does not belong to it", async () => {
  for (const name of ["row-1", "row-2", "row-3", "other-1"]) changed(name, "piece-00000", (bytes) => bytes);
  changed("row-0", "manifest.json", () => undefined);
  const forgotten = await run(forgetBackups, at("backups"), "--prefix", "row-", "--keep", "2");
  expect(forgotten).toMatchObject({ code: 0, error: "", out: "row-1: removed\n" });
  const left = readdirSync(at("backups")).filter((name) => /^(row|other)/.test(name));
  expect(left).toEqual(["other-1", "row-0", "row-2", "row-3"]);
  expect(await run(forgetBackups, at("backups"), "--prefix", "row-", "--keep", "0")).toMatchObject({ code: 2 });
});

test("the whole backups of a target, the newest state first, and whether a key fits", async () => {
  mkdirSync(at("listed"));
  const copy = (name: string, change: (manifest: Record<string, unknown>) => Record<string, unknown>) => {
    cpSync(at("backups", "one"), at("listed", name), { recursive: true });
    const path = at("listed", name, "manifest.json");
    writeFileSync(path, JSON.stringify(change(JSON.parse(readFileSync(path, "utf8")))));
  };
  copy("b-good", (manifest) => manifest);
  copy("a-later", (manifest) => ({ ...manifest, timeNs: `${BigInt(String(manifest.timeNs)) + 1n}` }));
  copy("c-other", (manifest) => ({ ...manifest, network: "other" }));
  copy("d-not", () => ({ format: "nothing" }));
  const listed = async (...more: string[]): Promise<readonly { name: string; key: string }[]> => {
    const ran = await run(listBackups, at("listed"), "--json", ...more);
    expect(ran).toMatchObject({ code: 0, error: "" });
    return JSON.parse(ran.out);
  };
  const names = async (...more: string[]) => (await listed(...more)).map(({ name, key: state }) => `${name} ${state}`);
  const { network: name } = network.genesis;
  expect((await names())[0]).toBe("a-later ");
  expect((await names()).toSorted()).toEqual(["a-later ", "b-good ", "c-other "]);
  expect(await names("--network", name, ...key())).toEqual(["a-later manifest_changed", "b-good fits"]);
  expect(await names("--last", "1", ...key())).toEqual(["a-later manifest_changed"]);
  expect(await names("--chain-id", "ab".repeat(32))).toEqual([]);
  const screen = await run(listBackups, at("listed"), "--network", name, ...key());
  expect(screen.out).toMatch(/^NAME +NETWORK .*\na-later .*manifest_changed\nb-good .*fits\n$/s);
  expect(await run(listBackups, at("listed"), "--last", "0")).toMatchObject({ code: 2 });
});

test("what a node waits with can be restored again and again, exchanged until a network has begun, and is left alone from then on", async () => {
  mkdirSync(at("again"));
  const asked = (name: string, ...more: string[]) =>
    run(restore, at("backups"), name, ...key(), "--data", at("again"), "--report", at("said"), ...more);
  const said = () => JSON.parse(readFileSync(at("said"), "utf8"));
  writeFileSync(`${restoredPath(at("again"))}.checked`, "half of it");
  expect(await asked("one")).toMatchObject({ code: 0, out: expect.stringContaining("the state after block") });
  const told = present(readRestored(at("again")), "it tells what it holds");
  expect(told).toMatchObject({ from: { chainId: network.chainId }, parameters: { epochLengthMs: 10_000 } });
  expect(told.validators.map(({ id, bond }) => [id, bond])).toEqual(NODES.map((id) => [id, "100000000"]));
  expect(await asked("one")).toMatchObject({ code: 0, out: expect.stringContaining("is there already") });
  expect(await asked("none")).toMatchObject({ code: 1 });
  expect(said()).toMatchObject({ fault: "Missing", detail: expect.stringContaining("no backup of this name") });
  expect(await asked("one", "--key", at("none"))).toMatchObject({ code: 2 });
  expect(said()).toMatchObject({ fault: "WrongKey" });
  writeRestored(at("again"), { ...told, from: { ...told.from, height: 1 } });
  expect(await asked(changed("torn", "piece-00000", flip))).toMatchObject({ code: 1 });
  expect(said()).toMatchObject({ fault: "Damaged" });
  expect(await asked("one", "--chain-id", "ab".repeat(32))).toMatchObject({ code: 1 });
  expect(said()).toMatchObject({ fault: "WrongNetwork" });
  expect(await asked("one")).toMatchObject({ code: 0, out: expect.stringContaining("the state after block") });
  expect(readRestored(at("again"))).toEqual(told);
  writeFileSync(at("again", "chain"), network.chainId);
  expect(await asked("none", "--key", at("none"))).toMatchObject({ code: 0, out: expect.stringContaining("already") });
});

test("a new network goes on from it: equal accounts and pending transfers, timers go on, old batches are refused", async () => {
  mkdirSync(at("new"));
  expect(await run(restore, at("backups"), "one", ...key(), "--data", at("new"))).toMatchObject({ code: 0, error: "" });
  const voteKey = (id: number): string => toHex(keyOf(100 + id).publicKey);
  const validators = NODES.flatMap((id) => ["--validator", `${id}:${voteKey(id)}`]);
  const nowMs = network.nowMs() + 30_000;
  const named = ["--restored", at("new"), "--network", "next", "--authority", toHex(keyOf(99).publicKey)];
  const time = ["--time", `${nowMs}000000`];
  const made = await run(genesis, ...named, ...time, ...validators, "--out", at("next.json"));
  expect(made).toMatchObject({ code: 0, error: "" });
  expect(made.out.trim()).not.toBe(network.chainId);
  const file: GenesisFile = JSON.parse(readFileSync(at("next.json"), "utf8"));
  expect(file.restoredFrom?.chainId).toBe(network.chainId);
  expect(file.parameters).toMatchObject({ epochLengthMs: 10_000, checkpointIntervalMs: 1_000 });
  const effects: NodeEffect[] = [];
  const restored = present(stateParts(restoredPath(at("new"))), "the state is there");
  const next = calmNetwork({
    ...{ genesis: file, restored, startMs: nowMs },
    watch: (id, effect) => id === 1 && effects.push(effect),
  });
  for (const id of NODES) next.start(id, { keyPair: keyOf(100 + id) });
  expect(subrootOf(next.chain(0), "accounts")).toBe(file.restoredFrom?.subroots.accounts);
  expect(subrootOf(next.chain(0), "pending")).toBe(file.restoredFrom?.subroots.pending);
  expect(subrootOf(next.chain(0), "accounts")).toBe(subrootOf(network.chain(0), "accounts"));
  // Two are left: the one of four seconds was over in the old network.
  expect(accountOf(next.chain(0), account(1))?.debitsPending).toBe(14n);
  next.feed(0, { type: "client-batch", request: 1, batch: oldBatch });
  expect(next.answers.get(1)).toMatchObject({ type: "refused", reason: "wrong_chain" });
  const again = pendingIn({ chainId: file.restoredFrom?.chainId ?? "" }, 9n, 0, nowMs);
  next.feed(0, { type: "client-batch", request: 2, batch: again });
  expect(next.answers.get(2)).toMatchObject({ type: "refused", reason: "wrong_chain" });
  const fresh = pendingIn(next, 1n, 0, nowMs);
  next.feed(0, { type: "client-batch", request: 3, batch: fresh });
  next.until(() => next.answers.has(3));
  expect(next.answers.get(3)).toMatchObject({ type: "committed", outcome: { failures: [] } });
  expect(accountOf(next.chain(0), account(1))?.debitsPending).toBe(21n);
  next.until(() => accountOf(next.chain(0), account(1))?.debitsPending === 14n, 2 * SECONDS * 1_000);
  expect(next.nowMs()).toBeGreaterThanOrEqual(beganMs + SECONDS * 1_000);
  // Its log is checked like any other's, from the state on that it began with.
  await writeFolder(at("next"), effects, []);
  cpSync(restoredPath(at("new")), restoredPath(at("next")));
  const verified = await run(verify, at("next"), "--genesis", at("next.json"));
  expect(verified).toMatchObject({ code: 0, error: "" });
  rmSync(restoredPath(at("next")));
  expect(await run(verify, at("next"), "--genesis", at("next.json"))).toMatchObject({
    code: 1,
    error: expect.stringContaining("is missing"),
  });
});
