import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { present } from "../base/assert.ts";
import { toHex } from "../base/bytes.ts";
import { accountOf, type Chain, totalsOf, transferOf } from "../chain/chain.ts";
import { TREASURY, testChain } from "../chain/test-genesis.ts";
import { keyPairFromSeed } from "../codec/signature.ts";
import { testAuthority } from "../transport/test-authority.ts";
import { runLoad } from "./load.ts";
import { parseLoadArguments } from "./load-options.ts";
import { accountBase, fundingOf, plannedPayment } from "./load-plan.ts";
import { quantiles } from "./load-report.ts";
import { testServer } from "./test-server.ts";

const authority = await testAuthority();
const seed = new Uint8Array(32).fill(7);
const folder = mkdtempSync(join(tmpdir(), "hmn-load-"));
const ending: (() => unknown)[] = [() => rmSync(folder, { recursive: true })];
afterEach(async () => {
  for (const end of ending.splice(1).toReversed()) await end();
});

const treasuryAccount = { id: `${TREASURY}`, ownerKey: toHex(keyPairFromSeed(seed).publicKey), ledger: 1 };
const chainNow = (): Chain =>
  testChain({
    timeNs: `${Date.now() - 1_000}000000`,
    accounts: [{ ...treasuryAccount, balance: "1000000000000" }],
  });

type Line = {
  process: string;
  op: number;
  type: string;
  f?: string;
  number?: number;
  firstId?: string;
  count?: number;
};
const linesOf = (file: string): string[] => readFileSync(file, "utf8").split("\n").slice(0, -1);
const historyOf = (lines: readonly string[]): Line[] => lines.map((line) => JSON.parse(line));
const invocations = (file: string): number => linesOf(file).filter((line) => line.includes('"f":"transfer"')).length;

async function load(chain: Chain, name: string, batches: number): Promise<{ file: string; printed: string[] }> {
  const servers = [];
  for (const id of [0, 1]) servers.push(await testServer({ chain, material: await authority.issue(`${id}.test`) }));
  ending.push(...servers.map((server) => () => server.close()));
  const caFile = join(folder, "ca.crt");
  writeFileSync(caFile, authority.ca);
  const file = join(folder, name);
  const parsed = parseLoadArguments(
    `--targets ${servers.map((server, id) => `127.0.0.1:${server.port}/${id}.test`).join()} --ca ${caFile} --seed ${toHex(seed)} --treasury ${TREASURY} --accounts 5 --rate 200 --batch 10 --history ${file}`.split(
      " ",
    ),
  );
  const options = present(parsed.ok ? parsed.value : undefined, "arguments are good");
  const stop = new AbortController();
  const printed: string[] = [];
  const before = existsSync(file) ? invocations(file) : 0;
  const running = runLoad(options, { stop: stop.signal, print: (line) => printed.push(line) });
  await expect.poll(() => invocations(file), { timeout: 20_000 }).toBeGreaterThanOrEqual(before + batches);
  stop.abort();
  await running;
  return { file, printed };
}

test("sends its plan, and the history explains every balance", async () => {
  const chain = chainNow();
  const { file, printed } = await load(chain, "one.jsonl", 23);
  const lines = historyOf(linesOf(file));
  const invoked = lines.filter((line) => line.type === "invoke");
  expect(lines.filter((line) => line.type === "ok")).toHaveLength(invoked.length);
  const funded = fundingOf({ batch: 10 });
  const balances = [funded, funded, funded, funded, funded];
  for (const { f, number = 0, firstId = "", count = 0 } of invoked) {
    if (f !== "transfer") continue;
    for (let index = 0; index < count; index++) {
      const { payer, payee, amount } = plannedPayment({ number, index, accounts: 5 });
      balances[payer] = (balances[payer] ?? 0n) - BigInt(amount);
      balances[payee] = (balances[payee] ?? 0n) + BigInt(amount);
      expect(transferOf(chain, BigInt(firstId) + BigInt(index))).toBeDefined();
    }
  }
  const base = accountBase(seed);
  const held = balances.map((_, index) => {
    const account = present(accountOf(chain, base + BigInt(index)), "account was opened");
    return account.creditsPosted - account.debitsPosted;
  });
  expect(held).toEqual(balances);
  expect(printed.at(-1)).toMatch(/refused=0 unknown=0 shed=0 outstanding=0 refusedTransfers=0 p50/);
  expect(printed.at(-1)).toMatch(/0\.test \d+ p50.*1\.test \d+ p50/);
  const { held: total, issued } = totalsOf(chain).FLX;
  expect(total).toBe(issued);
});

test("goes on after a restart, behind half a line of history", async () => {
  const chain = chainNow();
  await load(chain, "two.jsonl", 3);
  const file = join(folder, "two.jsonl");
  const base = accountBase(seed);
  const opened = present(accountOf(chain, base), "account was opened");
  const half = '{"process":"ha';
  writeFileSync(file, half, { flag: "a" });
  const { printed } = await load(chain, "two.jsonl", 8);
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  expect(lines).toContain(half);
  const whole = historyOf(lines.filter((line) => line !== half));
  expect(new Set(whole.map((line) => line.process)).size).toBe(2);
  expect(whole.every((line) => line.type === "invoke" || line.type === "ok")).toBe(true);
  expect(printed.at(-1)).toMatch(/refused=0 .*refusedTransfers=0/);
  const after = present(accountOf(chain, base), "account was opened");
  expect(after.createdAt).toBe(opened.createdAt);
  expect(after.creditsPosted).toBeGreaterThanOrEqual(opened.creditsPosted + fundingOf({ batch: 10 }));
});

test("being stopped before a node answers is no failure", async () => {
  const stop = new AbortController();
  const caFile = join(folder, "ca.crt");
  writeFileSync(caFile, authority.ca);
  const parsed = withArguments({ targets: "127.0.0.1:1/0.test", ca: caFile, history: join(folder, "none.jsonl") });
  const options = present(parsed.ok ? parsed.value : undefined, "arguments are good");
  const running = runLoad(options, { stop: stop.signal, print: () => undefined });
  stop.abort();
  await running;
  expect(readFileSync(join(folder, "none.jsonl"), "utf8")).toBe("");
});

test("the plan pays everybody as much as they pay, over a round", () => {
  const accounts = 7;
  const net = Array.from({ length: accounts }, () => 0);
  for (let number = 21; number < 21 + accounts; number++)
    for (let index = 0; index < 11; index++) {
      const { payer, payee, amount } = plannedPayment({ number, index, accounts });
      expect(payee).not.toBe(payer);
      net[payer] = (net[payer] ?? 0) - amount;
      net[payee] = (net[payee] ?? 0) + amount;
    }
  expect(net).toEqual(net.map(() => 0));
});

const good = {
  targets: "10.0.0.1:8001/0.net,[::1]:8001/1.net",
  ca: "ca.crt",
  seed: "00".repeat(32),
  treasury: "18446744073709551616",
  accounts: "10",
  rate: "0.5",
  batch: "100",
  history: "h.jsonl",
};
const withArguments = (fields: Record<string, string>) =>
  parseLoadArguments(Object.entries({ ...good, ...fields }).flatMap(([name, value]) => [`--${name}`, value]));

test("reads its arguments", () => {
  expect(withArguments({})).toMatchObject({
    ok: true,
    value: { targets: [{ host: "10.0.0.1" }, { host: "::1", port: 8001, servername: "1.net" }], rate: 0.5 },
  });
});

test.each([
  ["targets", "10.0.0.1:8001"],
  ["targets", "10.0.0.1:0/x"],
  ["ca", ""],
  ["seed", "00"],
  ["treasury", "abc"],
  ["accounts", "1"],
  ["rate", "0"],
  ["batch", "9000"],
  ["history", ""],
  ["seconds", "no"],
  ["surprise", "1"],
])("refuses --%s %s and names it", (name, value) => {
  const parsed = withArguments({ [name]: value });
  expect(parsed).toMatchObject({ ok: false, reason: "usage", detail: expect.stringContaining(name) });
});

test("quantiles are values at their rank", () => {
  expect(quantiles([])).toBe("p50/p95/p99=-");
  expect(quantiles(Array.from({ length: 100 }, (_, index) => 100 - index))).toBe("p50/p95/p99=50.0/95.0/99.0ms");
});
