import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startControlServer } from "../api/control-server.ts";
import { createMetrics } from "../api/metrics.ts";
import { toHex } from "../base/bytes.ts";
import { refuse } from "../base/result.ts";
import { keyOf, publicKeyOf, TREASURY, testChain, testGenesis } from "../chain/test-genesis.ts";
import { journalOf } from "../chain/test-journal.ts";
import { type TestNode, testNode } from "../client/test-node.ts";
import type { Behaviour } from "../client/test-server.ts";
import { sha256 } from "../codec/hash.ts";
import { type Facts, healthOf, readinessOf, statusOf } from "../shell-status.ts";
import { watchCredentials } from "../transport/credentials.ts";
import { testAuthority, writeMaterial } from "../transport/test-authority.ts";
import { account } from "./account.ts";
import { backup } from "./backup.ts";
import { bench } from "./bench.ts";
import { checkBackup } from "./check-backup.ts";
import { checkProof } from "./check-proof.ts";
import { coherence } from "./coherence.ts";
import type { Command } from "./command.ts";
import { forgetBackups } from "./forget-backups.ts";
import { genesis } from "./genesis.ts";
import { health } from "./health.ts";
import { inspect } from "./inspect.ts";
import { keygen } from "./keygen.ts";
import { listBackups } from "./list-backups.ts";
import { parseMetrics, quantileOf } from "./metrics-text.ts";
import { prove } from "./prove.ts";
import { restore } from "./restore.ts";
import { stats } from "./stats.ts";
import { status } from "./status.ts";
import { supply } from "./supply.ts";
import { transfer } from "./transfer.ts";
import { verify } from "./verify.ts";

let folder = "";
const ending: (() => unknown)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hmn-cli-"));
});
afterEach(async () => {
  for (const end of ending.splice(0).toReversed()) await end();
  rmSync(folder, { recursive: true });
});

type Ran = { readonly code: number; readonly out: string; readonly error: string };
async function run(command: Command, line: string, environment: NodeJS.ProcessEnv = {}): Promise<Ran> {
  let [out, error] = ["", ""];
  const code = await command(line === "" ? [] : line.split(" "), {
    environment,
    out: (text) => {
      out += text;
    },
    error: (text) => {
      error += text;
    },
  });
  return { code, out, error };
}

test("keygen makes a key for its owner only, never over another one, and shows its public part", async () => {
  const file = join(folder, "owner.key");
  const made = await run(keygen, file);
  expect(made).toMatchObject({ code: 0, error: "", out: expect.stringMatching(/^[0-9a-f]{64}\n$/) });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const seed = readFileSync(file, "utf8");
  expect(await run(keygen, file)).toMatchObject({ code: 2, error: expect.stringContaining("EEXIST") });
  expect(readFileSync(file, "utf8")).toBe(seed);
  expect(await run(keygen, `--public ${file}`)).toEqual({ code: 0, out: made.out, error: "" });
  writeFileSync(join(folder, "bad"), "zz");
  expect(await run(keygen, `--public ${join(folder, "bad")}`)).toMatchObject({ code: 2 });
});

const [vote, owner] = [publicKeyOf("vote"), publicKeyOf("owner")];
const validators = [0, 1, 2, 3]
  .map((id) => `--validator ${id}:${publicKeyOf(`vote ${id}`)}:${owner}:1000000000`)
  .join(" ");
const wanted = `--network payments --time 1800000000000000000 --authority ${owner} ${validators} --account ${TREASURY}:${owner}:FLX:500`;

test("genesis: made from flags, checked, written once; its chain id is that of the file", async () => {
  const out = join(folder, "genesis.json");
  const made = await run(genesis, `${wanted} --out ${out}`);
  expect(made).toMatchObject({ code: 0, error: "", out: expect.stringMatching(/^[0-9a-f]{64}\n$/) });
  expect(JSON.parse(readFileSync(out, "utf8"))).toMatchObject({
    authority: { publicKeys: [owner], threshold: 1 },
    accounts: [{ id: `${TREASURY}`, ownerKey: owner, ledger: 1, balance: "500" }],
  });
  expect(await run(genesis, `--base ${out}`)).toEqual({ code: 0, error: "", out: made.out });
  expect(await run(genesis, `${wanted} --out ${out}`)).toMatchObject({
    code: 2,
    error: expect.stringContaining("EEXIST"),
  });
  const other = await run(genesis, `--base ${out} --network savings`);
  expect(other.code).toBe(0);
  expect(other.out).not.toBe(made.out);
  writeFileSync(out, JSON.stringify(testGenesis()));
  expect((await run(genesis, `--base ${out}`)).code).toBe(0);
});

test.each([
  ["", "network"],
  [`${wanted} --threshold 2`, "threshold"],
  [`${wanted} --account 5:${owner}:FLX:1`, "account id 5"],
  [`${wanted} --account ${TREASURY}:${owner}:FLX:1`, "account id"],
  [`${wanted} --account x`, "--account: number 2"],
  [`${wanted} --validator 4:${vote}:${owner}`, "--validator: number 5"],
  [`${wanted} --validator 3:${vote}:${owner}:1000000000`, "validator id 3"],
  [`${wanted} --authority zz`, "authority.publicKeys"],
  ["--base /nowhere.json", "--base: /nowhere.json"],
  ["--netwrok x", "unknown flag --netwrok; known are --base, --network"],
  ["more", "more is one argument too many"],
])("genesis %s is refused and says why", async (line, why) => {
  expect(await run(genesis, line)).toMatchObject({ code: 2, out: "", error: expect.stringContaining(why) });
});

test.each([
  ["status", status],
  ["health", health],
  ["stats", stats],
  ["coherence", coherence],
  ["supply", supply],
  ["account", account],
  ["transfer", transfer],
  ["bench", bench],
  ["keygen", keygen],
  ["genesis", genesis],
  ["verify", verify],
  ["inspect", inspect],
  ["prove", prove],
  ["check-proof", checkProof],
  ["backup", backup],
  ["check-backup", checkBackup],
  ["list-backups", listBackups],
  ["forget-backups", forgetBackups],
  ["restore", restore],
] as const)("%s tells its flags, and names one that it does not know", async (name, command) => {
  const help = await run(command, "--help");
  expect(help).toMatchObject({ code: 0, error: "", out: expect.stringContaining(`hmn-node ${name}`) });
  const wrong = await run(command, "--nonsense");
  expect(wrong).toMatchObject({ code: 2, out: "", error: expect.stringContaining("unknown flag --nonsense") });
  expect(wrong.error).toContain(help.out);
});

const facts: Facts = {
  ...{ version: "1.0.0", network: "test", validator: 0, publicKey: "bc".repeat(32), chainId: null },
  ...{
    waitingFor: "waiting for genesis",
    restored: undefined,
    stopping: false,
    chain: undefined,
    readOnly: undefined,
    damage: undefined,
    freeBytes: 5_000_000,
  },
  ...{
    connectedPeers: [],
    connectedObservers: [],
    refusedPeers: [],
    services: undefined,
    caBundleHash: "f0".repeat(32),
    certificateHash: "0f".repeat(32),
    governance: undefined,
    faults: [],
    silent: false,
  },
};

test("status, health and stats of a node, over its control port, also from inside its container", async () => {
  const authority = await testAuthority();
  const tls = join(folder, "tls");
  writeMaterial(tls, await authority.issue("0.test"));
  const credentials = watchCredentials(tls, () => {});
  const metrics = createMetrics();
  metrics.batchAnswered("accepted");
  metrics.batchRefused("expired");
  metrics.latency(0.004);
  const server = await startControlServer({
    ...{ listen: { host: "127.0.0.1", port: 0 }, credentials, registry: metrics.registry, onRefused: () => {} },
    ...{ status: () => statusOf(facts), readiness: () => readinessOf(facts), health: () => healthOf(facts) },
    operator: "operator.test",
    countersign: () => refuse("order_malformed"),
  });
  ending.push(
    () => server.close(),
    () => credentials.close(),
  );
  const reach = `--node 127.0.0.1:${server.port}/0.test --tls ${tls}`;
  const shown = await run(status, reach);
  expect(shown).toMatchObject({ code: 1, error: "", out: expect.stringContaining("WaitingForGenesis") });
  expect(JSON.parse((await run(status, `${reach} --json`)).out)).toMatchObject({ validator: 0, ready: false });
  const well = await run(health, reach);
  expect(well).toMatchObject({
    code: 1,
    out: expect.stringMatching(/ready +no +waiting for genesis\nledger +waiting/),
  });
  const read = await run(stats, `${reach} --json`);
  expect(JSON.parse(read.out)).toMatchObject({
    batches: { accepted: 1, refused: 0, failed: 0 },
    refusals: { expired: 1 },
    latencyMs: { p50: 3.5 },
  });
  const human = await run(stats, reach);
  expect(human).toMatchObject({ code: 0, out: expect.stringMatching(/batches +1 accepted, 0 refused, 0 failed\n/) });
  // Inside a container the environment and network.json say it all.
  writeFileSync(join(folder, "network.json"), JSON.stringify({ network: "test", peers: [] }));
  const inside = { HMN_VALIDATOR: "0", HMN_CONFIG: folder, HMN_TLS: tls };
  await expect(run(health, "", inside)).rejects.toThrow(/^0\.test at 127\.0\.0\.1:8000: /);
  expect(await run(health, "")).toMatchObject({ code: 2, error: expect.stringContaining("--node is needed") });
  expect(await run(status, "--node nonsense")).toMatchObject({
    code: 2,
    error: expect.stringContaining("HOST:PORT/NAME"),
  });
  const ca = join(folder, "ca.crt");
  writeFileSync(ca, authority.ca);
  const anybody = `--node 127.0.0.1:${server.port}/0.test --ca ${ca}`;
  expect((await run(health, anybody)).code).toBe(1);
  await expect(run(status, anybody)).rejects.toThrow("401");
  await expect(run(health, anybody.replace("0.test", "7.test"))).rejects.toThrow("altnames");
});

test("one transfer by hand, and the account afterwards", async () => {
  const authority = await testAuthority();
  const chain = testChain({
    timeNs: `${Date.now() - 1_000}000000`,
    accounts: [0n, 1n].map((index) => ({
      ...{ id: `${TREASURY + index}`, ownerKey: publicKeyOf("treasury"), ledger: 1, balance: "1000" },
    })),
  });
  const node: TestNode = await testNode({ validator: 0, chain, material: await authority.issue("0.test") });
  ending.push(() => node.close());
  const [ca, key] = [join(folder, "ca.crt"), join(folder, "key")];
  writeFileSync(ca, authority.ca);
  writeFileSync(key, toHex(sha256(new TextEncoder().encode("treasury"))));
  expect((await run(keygen, `--public ${key}`)).out.trim()).toBe(toHex(keyOf("treasury").publicKey));
  const client = `--node 127.0.0.1:${node.address.port}/0.test --ca ${ca} --key ${key}`;
  const pay = `${client} --debit ${TREASURY} --credit ${TREASURY + 1n}`;
  const paid = await run(transfer, `${pay} --amount 7`);
  expect(paid).toMatchObject({ code: 0, out: expect.stringMatching(/^[0-9]+ applied in block 1\n$/) });
  // The same id again is the same transfer.
  const [id = ""] = paid.out.split(" ");
  expect(await run(transfer, `${pay} --amount 7 --id ${id}`)).toMatchObject({ code: 0 });
  expect(await run(transfer, `${pay} --amount 8 --id ${id}`)).toMatchObject({
    code: 1,
    out: `${id} refused: exists_with_different_fields\n`,
  });
  for (const [line, why] of [
    [pay, "--amount is missing"],
    [`${pay} --amount 1.5`, "--amount: a whole number"],
    [`${pay} --amount 1 --token EUR`, "--token: one of FLX"],
    [`${pay} --amount 1 --code 70000`, "--code: a whole number up to 65535"],
    [`${pay} --amount 1`.replace(key, "/nowhere"), "--key: "],
  ] as const) {
    expect(await run(transfer, line), line).toMatchObject({ code: 2, error: expect.stringContaining(why) });
  }
  const api = `--node 127.0.0.1:${node.address.apiPort}/0.test --ca ${ca}`;
  const shown = await run(account, `${TREASURY + 1n} ${api} --history 5`);
  expect(shown.out).toMatch(/balance +1007 millionths of FLX\n/);
  expect(shown.out).toMatch(new RegExp(`1 +transfer +${TREASURY} +${TREASURY + 1n} +7 +${id}\n`));
  expect(JSON.parse((await run(account, `${TREASURY} ${api} --json`)).out)).toMatchObject({
    account: { debitsPosted: "7" },
  });
  expect(await run(account, `77 ${api}`)).toMatchObject({ code: 1, error: expect.stringContaining("no account 77") });
  expect(await run(account, `x ${api}`)).toMatchObject({ code: 2 });
  expect(await run(account, api)).toMatchObject({ code: 2, error: expect.stringContaining("ID is missing") });
});

test("bench: loads a network in both loops, counts what was applied, and names what failed", async () => {
  const authority = await testAuthority();
  const balance = 10n ** 15n;
  const chain = testChain({
    timeNs: `${Date.now() - 1_000}000000`,
    accounts: [{ id: `${TREASURY}`, ownerKey: publicKeyOf("treasury"), ledger: 1, balance: `${balance}` }],
  });
  const nodes: TestNode[] = [];
  for (const validator of [0, 1]) {
    const material = await authority.issue(`${validator}.test`);
    // The second one takes nothing from some point on.
    let left = 30;
    const behaviour: Behaviour = ({ answer }) => {
      left -= 1;
      return validator === 1 && left < 0 ? { type: "refused", reason: "wrong_chain", retryable: false } : answer();
    };
    const node = await testNode({ validator, chain, material, behaviour });
    nodes.push(node);
    ending.push(() => node.close());
  }
  const [ca, key] = [join(folder, "ca.crt"), join(folder, "key")];
  writeFileSync(ca, authority.ca);
  writeFileSync(key, toHex(sha256(new TextEncoder().encode("treasury"))));
  const [one, two] = nodes.map(({ address }, id) => `--node 127.0.0.1:${address.port}/${id}.test`);
  const small = `--ca ${ca} --key ${key} --treasury ${TREASURY} --accounts 20 --owners 2 --batch 5 --seconds 2`;
  const closed = await run(bench, `${one} ${small} --clients 2 --json`);
  expect(closed).toMatchObject({ code: 0, error: "" });
  const told = JSON.parse(closed.out);
  expect(told).toMatchObject({ loop: "closed, 2 on their way", errors: 0, reasons: {} });
  expect(told.transfersApplied).toBe(5 * told.batchesAccepted);
  expect(told.batchesAccepted).toBeGreaterThan(0);
  expect(told.latencyMs.p50).toBeGreaterThan(0);
  // It claims no more than the ledger has executed: everything before the window and after it is in there too.
  const executed = () => journalOf(chain).filter(({ kind, debit }) => kind === "transfer" && debit !== TREASURY).length;
  expect(told.transfersApplied).toBeLessThanOrEqual(executed());
  const open = await run(bench, `${one} ${two} ${small} --rate 40`);
  expect(open).toMatchObject({ code: 1, out: expect.stringMatching(/open, 40 batches\/s offered/) });
  expect(open.out).toMatch(/errors +[1-9][0-9]*, refused: wrong_chain [1-9]/);
  for (const [line, why] of [
    [`${one} ${small} --owners 3`, "--owners: a divisor"],
    [`${one} ${small} --rate 5 --clients 2`, "one of them"],
    [`${one} ${small} --batch 9000`, "--batch: 1 to 8190"],
    [`${one} ${small.replace(`${TREASURY}`, "x")}`, "--treasury"],
    [`${one} --node x ${small}`, "--node"],
  ] as const) {
    expect(await run(bench, line), line).toMatchObject({ code: 2, error: expect.stringContaining(why) });
  }
  await expect(run(bench, `${one} ${small.replace(`${TREASURY}`, `${TREASURY + 9n}`)}`)).rejects.toThrow(
    "debit_account_not_found",
  );
});

test("metrics are read back, and quantiles lie between a bucket's bounds", () => {
  const samples = parseMetrics(
    [
      "# HELP a b",
      "a 3",
      'h_bucket{le="1"} 2',
      'h_bucket{le="2"} 4',
      'h_bucket{le="+Inf"} 5',
      'x{y="a\\"b",z="c"} +Inf',
    ].join("\n"),
  );
  expect(samples[0]).toEqual({ name: "a", labels: {}, value: 3 });
  expect(samples.at(-1)).toEqual({ name: "x", labels: { y: 'a\\"b', z: "c" }, value: Number.POSITIVE_INFINITY });
  expect([0.4, 0.6, 1].map((quantile) => quantileOf(samples, "h", quantile))).toEqual([1, 1.5, 2]);
  expect(quantileOf(samples, "none", 0.5)).toBeUndefined();
});
