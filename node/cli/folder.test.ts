import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { present } from "../base/assert.ts";
import { epochOf } from "../chain/chain.ts";
import type { NodeEffect } from "../ports.ts";
import { realDisk } from "../storage/disk.ts";
import { type FoundEntry, openForReading } from "../storage/read-folder.ts";
import { account, batchOf, running } from "../test-network.ts";
import { checkProof } from "./check-proof.ts";
import { inspect } from "./inspect.ts";
import { prove } from "./prove.ts";
import { type LogEntry, run, type Snapshots, writeFolder } from "./test-folder.ts";
import { verify } from "./verify.ts";

/** The data folder of one of four nodes that went through epochs and snapshots, and a second one that begins at a snapshot. */
let folder = "";
/** The newest one. */
let epoch = 0;
let wholeSnapshots: Snapshots = [];
let wholeEffects: readonly NodeEffect[] = [];
const at = (...names: string[]): string => join(folder, ...names);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "hmn-folder-"));
  const effects: NodeEffect[] = [];
  const network = running({
    parameters: { epochLengthMs: 10_000, checkpointIntervalMs: 1_000 },
    snapshotPolicy: { everyBlocks: 8, everyBytes: 1e9 },
    watch: (id, effect) => id === 1 && effects.push(effect),
  });
  writeFileSync(at("genesis.json"), JSON.stringify(network.genesis));
  const writer = present(network.peers.get(1), "node 1 runs");
  let sequence = 0n;
  network.until(() => {
    if (sequence < 40n && network.view(0).height >= Number(sequence)) {
      sequence += 1n;
      network.feed(0, { type: "client-batch", request: Number(sequence), batch: batchOf(network, sequence) });
    }
    const { number, firstHeight } = epochOf(network.chain(1));
    epoch = number;
    return number >= 3 && network.view(1).height > firstHeight + 6 && writer.snapshots.length === 2;
  }, 120_000);
  const { snapshots } = writer;
  wholeSnapshots = snapshots;
  wholeEffects = effects;
  await writeFolder(at("whole"), effects, snapshots);
  const [oldest] = snapshots;
  await rewritten("young", youngerThan(oldest?.height ?? 0), snapshots);
});
afterAll(() => rmSync(folder, { recursive: true }));

const youngerThan =
  (height: number) =>
  (entry: LogEntry): LogEntry | undefined =>
    entry.kind === "car" || entry.height > height ? entry : undefined;

const genesis = (): string[] => ["--genesis", at("genesis.json")];

test("a node's folder verifies from genesis, over epochs and beside its snapshots", async () => {
  const ran = await run(verify, at("whole"), ...genesis());
  expect(ran).toMatchObject({ code: 0, error: "" });
  expect(ran.out).toMatch(new RegExp(`started from +genesis\\nheights +1 to \\d+\\nepochs +1 to ${epoch}\\n`));
  expect(ran.out).toMatch(/\n\d+ blocks, 40 transfers, every certificate and root is right\n$/);
  expect(ran.out).toMatch(/snapshots +of height \d+ and \d+\n/);
});

test("a folder whose first blocks were released verifies from its oldest snapshot, and says so", async () => {
  const ran = await run(verify, at("young"), ...genesis());
  expect(ran).toMatchObject({ code: 0, error: "" });
  expect(ran.out).toMatch(/started from +the snapshot of height \d+, whose certificate leads back to genesis\n/);
});

const entries = (path: string): FoundEntry[] =>
  [...openForReading(realDisk, path).entries].filter((found) => found.type === "entry");

/** A copy of the whole folder with one byte of a file flipped. */
function flipped(name: string, file: string, offset: number): string {
  const copy = at(`flipped-${name}`);
  cpSync(at("whole"), copy, { recursive: true });
  const path = file.replace(at("whole"), copy);
  const bytes = readFileSync(path);
  bytes[offset] = (bytes[offset] ?? 0) ^ 1;
  writeFileSync(path, bytes);
  return copy;
}

test.each([
  ["block", 10],
  ["block", 100],
  ["car", 30],
  ["car", 150],
  ["note", 0],
] as const)("a flipped byte in a %s is named with its file and place", async (kind, within) => {
  const victim = present(
    entries(at("whole")).find(({ key, bytes }) => key.kind === kind && bytes.length > within),
    "there is one",
  );
  const copy = flipped(`${kind}-${within}`, victim.path, victim.offset + within);
  const ran = await run(verify, copy, ...genesis());
  expect(ran).toMatchObject({ code: 1, out: "" });
  expect(ran.error).toContain(
    `file    ${victim.path.replace(at("whole"), copy)}\n  offset  ${victim.offset}\n  do      start`,
  );
  expect(ran.error).toContain(kind);
});

test("a flipped byte in a certificate or a snapshot is named", async () => {
  const block = present(
    entries(at("whole")).find(({ key }) => key.kind === "block"),
    "there is a block",
  );
  const certificate = await run(
    verify,
    flipped("certificate", block.path, block.offset + block.bytes.length - 5),
    ...genesis(),
  );
  expect(certificate).toMatchObject({ code: 1, error: expect.stringContaining(`offset  ${block.offset}\n`) });
  const name = present(
    realDisk.list(at("whole")).find((one) => one.endsWith(".snap")),
    "there is a snapshot",
  );
  const snapshot = await run(verify, flipped("snapshot", at("whole", name), 9_000), ...genesis());
  expect(snapshot).toMatchObject({ code: 1, error: expect.stringContaining(name) });
  expect(snapshot.error).toMatch(/offset {2}\d+\n/);
});

/** The whole folder's entries written again with one changed, so that every checksum is right. */
async function rewritten(
  name: string,
  change: (entry: LogEntry) => LogEntry | undefined,
  snapshots: Snapshots = [],
): Promise<string> {
  const log = wholeEffects.flatMap((effect) => {
    if (effect.type !== "persist" || effect.stream !== "log") return effect;
    const entry = change(effect.entry);
    return entry === undefined ? [] : { ...effect, entry };
  });
  await writeFolder(at(name), log, snapshots);
  return at(name);
}
function withByte(bytes: Uint8Array, index: number): Uint8Array {
  const changed = new Uint8Array(bytes);
  const place = index < 0 ? bytes.length + index : index;
  changed[place] = (changed[place] ?? 0) ^ 1;
  return changed;
}

test("what somebody changed and sealed again is found by hashes and signatures", async () => {
  const certificate = await rewritten("certificate", (entry) =>
    entry.kind === "block" && entry.height === 12 ? { ...entry, bytes: withByte(entry.bytes, -3) } : entry,
  );
  const signed = await run(verify, certificate, ...genesis());
  expect(signed).toMatchObject({ code: 1, error: expect.stringContaining("certificate of block 12: a signature") });
  expect(signed.error).toContain("do      run no node on this folder");
  const dropped = await rewritten("dropped", (entry) =>
    entry.kind === "car" ? { ...entry, bytes: withByte(entry.bytes, 3) } : entry,
  );
  expect(await run(verify, dropped, ...genesis())).toMatchObject({ code: 1, error: expect.stringContaining("digest") });
  const header = await rewritten("header", (entry) =>
    entry.kind === "block" && entry.height === 5 ? { ...entry, bytes: withByte(entry.bytes, 9) } : entry,
  );
  expect(await run(verify, header, ...genesis())).toMatchObject({ code: 1, error: expect.stringContaining("block 5") });
});

test("a snapshot that somebody changed is found by executing up to it, or by the results after it", async () => {
  const [oldest = { height: 0, parts: [] }] = wholeSnapshots;
  // Ids that were seen, kept by the minute: no form says that one of them is wrong, only the state root does.
  const ids = present(
    oldest.parts.findLastIndex((part) => part.length > 500),
    "ids are kept",
  );
  const changed = wholeSnapshots.map((snapshot) => ({
    ...snapshot,
    parts: snapshot.parts.map((part, at) => (at === ids ? withByte(part, -30) : part)),
  }));
  const behind = await run(verify, await rewritten("state", (entry) => entry, changed), ...genesis());
  expect(behind).toMatchObject({ code: 1, out: "" });
  expect(behind.error).toContain(`the snapshot of height ${oldest.height} holds another state than executing gives`);
  const before = await run(verify, await rewritten("begun", youngerThan(oldest.height), changed), ...genesis());
  expect(before).toMatchObject({ code: 1, out: "" });
  expect(before.error).toMatch(/block \d+ is final with results \w+ of height \d+, executing gives \w+: state root/);
});

test("another network's genesis and a folder without a log are refused", async () => {
  const other = { ...JSON.parse(readFileSync(at("genesis.json"), "utf8")), network: "other" };
  writeFileSync(at("other.json"), JSON.stringify(other));
  const ran = await run(verify, at("whole"), "--genesis", at("other.json"));
  expect(ran).toMatchObject({ code: 1, error: expect.stringContaining("block 1 is of network") });
  expect(await run(verify, at("nowhere"), ...genesis())).toMatchObject({ code: 1 });
  mkdirSync(at("empty"));
  expect(await run(verify, at("empty"), ...genesis())).toMatchObject({
    code: 1,
    error: expect.stringContaining("holds no block"),
  });
});

/** The first block with a batch in it. */
async function blockWithBatch(): Promise<{ height: number; id: string }> {
  for (let height = 1; ; height++) {
    const { out } = await run(inspect, at("whole"), "block", `${height}`, "--json", ...genesis());
    const [batch] = JSON.parse(out).batches;
    if (batch !== undefined) return { height, id: batch.id };
  }
}

test("inspect shows a block, its certificate, an account, the epoch; and says what it has not", async () => {
  const { height, id } = await blockWithBatch();
  const block = await run(inspect, at("whole"), "block", `${height}`, ...genesis());
  expect(block).toMatchObject({ code: 0, error: "" });
  expect(block.out).toMatch(new RegExp(`^block +${height}, normal\n`));
  expect(block.out).toMatch(new RegExp(`batch 0 +${id} transfers, 1 records`));
  const certificate = await run(inspect, at("whole"), "certificate", `${height}`, ...genesis());
  expect(certificate.out).toMatch(/validator \d +[0-9a-f]{128}\n/);
  const shown = await run(inspect, at("whole"), "account", `${account(1)}`, ...genesis());
  expect(shown.out).toMatch(/balance +999999960 millionths of FLX\n/);
  const newest = await run(inspect, at("young"), "epoch", "--json", ...genesis());
  expect(JSON.parse(newest.out)).toMatchObject({ epoch, members: [{ id: 0 }, { id: 1 }, { id: 2 }, { id: 3 }] });
  for (const [args, code, error] of [
    [["block", "100000"], 1, "holds no block 100000"],
    [["account", "7"], 1, "there is no account 7"],
    [["block"], 2, "a decimal number has to follow"],
    [["epoch", "3"], 2, "3 is one argument too many"],
    [["view", "3"], 2, "one of block, certificate, account, epoch"],
  ] as const)
    expect(await run(inspect, at("whole"), ...args, ...genesis())).toMatchObject({
      code,
      error: expect.stringContaining(error),
    });
});

test("a batch is proved by the folder and checked without it; no other outcome is", async () => {
  const { height, id } = await blockWithBatch();
  const out = at("batch.proof");
  expect(await run(prove, at("whole"), "batch", `${height}`, "0", "--out", out, ...genesis())).toMatchObject({
    code: 0,
  });
  const checked = await run(checkProof, out, ...genesis());
  expect(checked).toMatchObject({ code: 0, error: "" });
  expect(checked.out).toMatch(new RegExp(`^proved +what became of batch ${id}\nexecuted in +block ${height}\n`));
  expect(checked.out).toMatch(/outcome +all 1 records done\n/);

  const proof = JSON.parse(readFileSync(out, "utf8"));
  for (const [changed, why] of [
    [{ ...proof, outcome: { count: 2, failures: [] } }, "the batch with this outcome is not in the block's results"],
    [{ ...proof, before: "0".repeat(64) }, "do not lead to those that the final block names"],
    [{ ...proof, chainId: "0".repeat(64) }, "of another network"],
    [{ ...proof, final: { ...proof.final, certificate: "00" } }, "the file is no proof"],
  ] as const) {
    writeFileSync(at("changed.proof"), JSON.stringify(changed));
    const ran = await run(checkProof, at("changed.proof"), ...genesis());
    expect(ran).toMatchObject({ code: 1, out: "", error: expect.stringContaining(why) });
  }
  for (const [args, error] of [
    [["batch", `${height}`, "9"], "batches"],
    [["batch", "100000", "0"], "block 100000 is not executed here"],
  ] as const)
    expect(await run(prove, at("whole"), ...args, "--out", at("none"), ...genesis())).toMatchObject({
      code: 1,
      error: expect.stringContaining(error),
    });
  expect(await run(prove, at("whole"), "batch", `${height}`, "0", "--out", out, ...genesis())).toMatchObject({
    code: 2,
  });
});

test("an account is proved at the newest certified checkpoint, from genesis' set or a later one", async () => {
  for (const name of ["whole", "young"]) {
    const out = at(`${name}.proof`);
    const made = await run(prove, at(name), "account", `${account(2)}`, "--out", out, ...genesis());
    expect(made).toMatchObject({ code: 0, error: "" });
    const checked = await run(checkProof, out, ...genesis());
    expect(checked).toMatchObject({ code: 0, error: "" });
    expect(checked.out).toMatch(new RegExp(`^proved +how account ${account(2)} stood after block \\d+, at 2025`));
    expect(checked.out).toMatch(/balance +10000000[1-4]\d millionths of FLX\n/);
    expect(checked.out).toMatch(/over the ends of \d epochs\n/);
  }
  const proof = JSON.parse(readFileSync(at("whole.proof"), "utf8"));
  const tampered = { ...proof, bucket: proof.bucket.replace(/[1-9a-f]/, "0") };
  writeFileSync(at("changed.proof"), JSON.stringify(tampered));
  expect(await run(checkProof, at("changed.proof"), ...genesis())).toMatchObject({
    code: 1,
    error: expect.stringContaining("the account's data is not in the certified state"),
  });
  // The set of the newest epoch alone is enough for what one of its blocks makes final.
  const { out } = await run(inspect, at("whole"), "epoch", "--json", ...genesis());
  writeFileSync(at("set.json"), out);
  const checked = await run(checkProof, at("whole.proof"), "--validators", at("set.json"));
  expect(checked).toMatchObject({ code: 0, out: expect.stringContaining(`the validator set of epoch ${epoch}`) });
  const weaker = { ...JSON.parse(out), members: JSON.parse(out).members.slice(0, 2) };
  writeFileSync(at("set.json"), JSON.stringify(weaker));
  expect(await run(checkProof, at("whole.proof"), "--validators", at("set.json"))).toMatchObject({ code: 1 });
  expect(await run(checkProof, at("whole.proof"))).toMatchObject({ code: 2 });
  const none = await run(prove, at("whole"), "account", "7", "--out", at("none"), ...genesis());
  expect(none).toMatchObject({ code: 1, error: expect.stringContaining("account 7 stands in no checkpoint") });
});
