import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { present } from "../base/assert.ts";
import { toHex } from "../base/bytes.ts";
import { accountOf, type Chain, totalsOf } from "../chain/chain.ts";
import { TREASURY, testChain } from "../chain/test-genesis.ts";
import { transferOf } from "../chain/test-journal.ts";
import { keyPairFromSeed } from "../codec/signature.ts";
import { encodeTransfers, newTransfer } from "../codec/transfer.ts";
import { testAuthority } from "../transport/test-authority.ts";
import { runLoad } from "./load.ts";
import { openHistory } from "./load-history.ts";
import { parseLoadArguments } from "./load-options.ts";
import { accountBase, encodePayments, fundingOf, type Plan, plannedPayment, plannedPayments } from "./load-plan.ts";
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
  process: number;
  type: string;
  f: string;
  value: { firstId: string; moves: [number, number, number][] };
  time: number;
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
  await expect.poll(() => invocations(file)).toBeGreaterThanOrEqual(before + batches);
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
  for (const { f, value } of invoked) {
    if (f !== "transfer") continue;
    for (const [index, [payer, payee, amount]] of value.moves.entries()) {
      balances[payer] = (balances[payer] ?? 0n) - BigInt(amount);
      balances[payee] = (balances[payee] ?? 0n) + BigInt(amount);
      expect(transferOf(chain, BigInt(value.firstId) + BigInt(index))).toBeDefined();
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
  // The processes of the second run are none of the first one's.
  const second = linesOf(file).indexOf(half);
  const processes = (of: readonly string[]) => new Set(historyOf(of).map((line) => line.process));
  expect(processes(lines.slice(0, second)).intersection(processes(lines.slice(second + 1))).size).toBe(0);
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

const even: Plan = { accounts: 7, owners: 7, spread: "even", batch: 11 };

test("the even plan pays everybody as much as they pay, over a round", () => {
  const net = Array.from({ length: even.accounts }, () => 0);
  for (let number = 21; number < 21 + even.accounts; number++)
    for (const { payer, payee, amount } of plannedPayments(even, number)) {
      expect(payee).not.toBe(payer);
      net[payer] = (net[payer] ?? 0) - amount;
      net[payee] = (net[payee] ?? 0) + amount;
    }
  expect(net).toEqual(net.map(() => 0));
});

test.each(["even", "random", "zipf"] as const)(
  "%s: a batch debits accounts of its signer and of nobody else",
  (spread) => {
    const plan: Plan = { accounts: 60, owners: 6, spread, batch: 500 };
    const payees = Array.from({ length: plan.accounts }, () => 0);
    for (let number = 0; number < 12; number++)
      for (const { payer, payee, amount } of plannedPayments(plan, number)) {
        expect([payer % plan.owners, payee === payer, amount >= 1 && amount <= 5]).toEqual([number % 6, false, true]);
        payees[payee] = (payees[payee] ?? 0) + 1;
      }
    // Of 6 000 payments to 60 accounts: 100 each, or for the first account by Zipf ln 2/ln 61 of all, about a sixth.
    const [first = 0] = payees;
    expect(Math.min(...payees)).toBeGreaterThan(0);
    if (spread === "zipf") expect(first).toBeGreaterThan(800);
    else expect(Math.max(...payees)).toBeLessThan(160);
    expect(plannedPayment(plan, 5, 7)).toEqual(plannedPayment(plan, 5, 7));
  },
);

test("payments encoded in place are the records of their transfers", () => {
  const payments = plannedPayments({ ...even, spread: "random" }, 3);
  const base = accountBase(seed);
  const firstId = (1n << 127n) + 0xffff_ffff_ffff_fffan;
  const transfers = payments.map(({ payer, payee, amount }, index) =>
    newTransfer({
      id: firstId + BigInt(index),
      debit: base + BigInt(payer),
      credit: base + BigInt(payee),
      amount: BigInt(amount),
      ledger: 1,
      code: 1,
    }),
  );
  expect(encodePayments(payments, { firstId, base })).toEqual(encodeTransfers(transfers));
});

test("a process has one operation open, and none after one whose end is unknown", () => {
  const file = join(folder, "processes.jsonl");
  const history = openHistory({ file, nowNs: () => 1_700_000_000_123_456_789n });
  const operation = { f: "open", value: { base: "1", count: 1, payer: "2" } } as const;
  const [first, second] = [history.invoke(operation), history.invoke(operation)];
  history.complete(first, { type: "fail", value: { reason: "busy" } });
  history.complete(second, { type: "info", value: { reason: "ended" } });
  const after = [history.invoke(operation), history.invoke(operation)];
  history.close();
  expect([first, second, ...after]).toEqual([0, 1, 0, 2]);
  expect(linesOf(file)[1]).toBe(
    '{"process":1,"type":"invoke","f":"open","value":{"base":"1","count":1,"payer":"2"},"time":1700000000123456789}',
  );
  expect(historyOf(linesOf(file)).map(({ type }) => type)).toEqual([
    ...["invoke", "invoke", "fail", "info", "invoke", "invoke"],
  ]);
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
  ["owners", "3"],
  ["spread", "wide"],
  ["seed-file", "beside --seed"],
  ["seconds", "no"],
  ["surprise", "1"],
])("refuses --%s %s and names it", (name, value) => {
  const parsed = withArguments({ [name]: value });
  expect(parsed).toMatchObject({ ok: false, reason: "usage", detail: expect.stringContaining(name) });
});

test("the seed may come from a file", () => {
  const file = join(folder, "seed");
  writeFileSync(file, `${"ab".repeat(32)}\n`);
  const { seed: _, ...others } = good;
  const parse = (path: string) =>
    parseLoadArguments(
      Object.entries({ ...others, "seed-file": path }).flatMap(([name, value]) => [`--${name}`, value]),
    );
  expect(parse(file)).toMatchObject({ ok: true, value: { seed: new Uint8Array(32).fill(0xab) } });
  expect(parse(join(folder, "no-such"))).toMatchObject({ ok: false, detail: expect.stringContaining("--seed-file") });
});

test("quantiles are values at their rank", () => {
  expect(quantiles([])).toBe("p50/p95/p99=-");
  expect(quantiles(Array.from({ length: 100 }, (_, index) => 100 - index))).toBe("p50/p95/p99=50.0/95.0/99.0ms");
});
