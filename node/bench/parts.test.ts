import { expect, test } from "vitest";
import type { SendResult } from "../client/client.ts";
import { commitFor } from "./baseline.ts";
import { benchCoherence, parseCoherence } from "./coherence-bench.ts";
import { COHERENCE_ROWS } from "./coherence-rows.ts";
import { type Costs, limitOf } from "./limit.ts";
import { cpuOf, residentMb, threadCpuOf } from "./machine.ts";
import { appliedBy, faultOf, type Kind, type Sending } from "./mix.ts";
import { parseBench } from "./options.ts";
import { binaryArray, ELEMENTS } from "./postgres-wire.ts";
import { joinStages, type Profile, stagesOf } from "./profile.ts";
import { parseAnswer } from "./redis.ts";
import { figure, markdownTable, replaceMarked, standing, textTable } from "./report.ts";
import { median, samples } from "./results.ts";

test("a figure is the median of its runs, with the least, the most and its target", () => {
  const all = samples();
  for (const value of [5, 1, 4]) all.add("rate", { unit: "1/s", better: "higher", floor: 4, aim: 6 }, value);
  all.add("memory", { unit: "MB", better: "lower" }, 7);
  expect(all.results()).toEqual([
    { name: "rate", value: 4, unit: "1/s", better: "higher", min: 1, max: 5, runs: 3, target: 4, aim: 6 },
    { name: "memory", value: 7, unit: "MB", better: "lower", min: 7, max: 7, runs: 1, target: null, aim: null },
  ]);
  expect(median([1, 2, 4, 100])).toBe(3);
});

test("a target is met from its own side", () => {
  const result = { name: "x", unit: "s", min: 1, max: 1, runs: 1 } as const;
  const told = (better: "higher" | "lower", value: number, target: number | null) =>
    standing({ ...result, better, value, target });
  expect([told("higher", 4, 4), told("higher", 3, 4), told("lower", 4, 4), told("lower", 5, 4)]).toEqual([
    ...["met", "missed", "met", "missed"],
  ]);
  expect(told("lower", 5, null)).toBe("");
});

test("figures keep three digits, and the tables have a line for each result", () => {
  expect([0.012345, 12.345, 999.4, 1_234_567.8].map(figure)).toEqual(["0.0123", "12.3", "999", "1 234 568"]);
  const results = [
    { name: "a", value: 1, unit: "s", better: "lower" as const, min: 1, max: 2, runs: 3, target: 4, aim: null },
  ];
  expect(markdownTable(results).split("\n")).toHaveLength(3);
  expect(markdownTable(results)).toContain("| a | 1 | 1 … 2 | s | 3 | 4 |  | met |");
  expect(textTable(results).split("\n")[1]).toMatch(/^a +1 +1 … 2 +s +3 +4 +met$/);
});

test("a document keeps everything outside of a subject's marks", () => {
  const section = (subject: string, text: string) =>
    `<!-- begin: written by \`npm run bench -- ${subject} --write-docs\` -->\n${text}\n<!-- end -->\n`;
  const document = (node: string, coherence: string) =>
    `before\n${section("node", node)}between\n${section("coherence", coherence)}after\n`;
  expect(replaceMarked(document("old", "old"), "node", "new")).toBe(document("new", "old"));
  expect(replaceMarked(document("old", "old"), "coherence", "new")).toBe(document("old", "new"));
  expect(() => replaceMarked("no marks", "node", "new")).toThrow("lacks the marks");
});

test("a row of coherence gives its figures, beside its floor where an earlier implementation did the same", () => {
  const told: string[] = [];
  const parts = ["parity, unsigned, in process: CAL", "parity, unsigned, in process: mint", "RΦV"];
  const results = benchCoherence({ runs: 2, measureMs: 1, only: parts }, (line) => void told.push(line)).results();
  expect(told).toHaveLength(2);
  const asked = COHERENCE_ROWS.map(({ name }) => name).filter((name) => parts.some((part) => name.includes(part)));
  expect(asked).toHaveLength(3);
  expect(results.map(({ name }) => name)).toEqual(asked);
  expect(results.every(({ value, runs }) => value > 0 && runs === 2)).toBe(true);
  expect(results.map(({ target }) => target)).toEqual([648_000, 1_314_000, null]);
});

test("the limit adds up what four validators and four hops cost", () => {
  const costs: Costs = { sha256: 0.001, verify: 100, tls: 0.002, log: 0.0005, execute: 0.3 };
  const { parts, perSecond } = limitOf(costs, 100, 2);
  expect(parts.sha256).toBeCloseTo(0.512);
  expect(parts.verify).toBeCloseTo(4);
  expect(parts.tls).toBeCloseTo(1.024);
  expect(parts.log).toBeCloseTo(0.256);
  expect(parts.execute).toBeCloseTo(1.2);
  expect(perSecond).toBeCloseTo(2e6 / 6.992);
});

test("time counts for the innermost room of the node on the stack, for native code beside it, and not when idle", () => {
  const node = (id: number, functionName: string, url: string, ...children: number[]) => ({
    ...{ id, callFrame: { functionName, url } },
    ...(children.length === 0 ? {} : { children }),
  });
  const profile: Profile = {
    nodes: [
      node(1, "(root)", "", 2, 6, 7, 8),
      node(2, "turn", "file:///x/node/shell-engine.js", 3),
      node(3, "sha256", "file:///x/node/codec/hash.js", 4, 5),
      node(4, "update", "node:internal/crypto/hash"),
      node(5, "verify", "file:///x/node_modules/@some/sodium/index.js"),
      node(6, "(garbage collector)", ""),
      node(7, "(idle)", ""),
      node(8, "onread", "node:internal/stream_base_commons"),
    ],
    samples: [2, 3, 4, 5, 6, 7, 8],
    timeDeltas: [1, 2, 4, 8, 16, 32, 64],
  };
  expect(Object.fromEntries(stagesOf(profile))).toEqual({
    node: 1,
    "node/codec": 6,
    "package @some/sodium": 8,
    "garbage collection": 16,
    "Node.js and native code": 64,
  });
  expect(stagesOf(profile, "file").get("node/codec/hash")).toBe(6);
  const twice = joinStages([stagesOf(profile), stagesOf(profile)]);
  expect([...twice][0]).toEqual(["Node.js and native code", 128]);
});

test("what a batch has to get depends on its kind", () => {
  const sending = (kind: Kind): Sending => ({
    ...{ kind, transfers: 2 },
    signed: {
      ...{ type: "transfers", payload: new Uint8Array(), batch: new Uint8Array() },
      keyPair: { publicKey: new Uint8Array(), secretKey: new Uint8Array() },
    },
  });
  const committed = (...codes: ("exceeds_credits" | "id_expired")[]): SendResult => ({
    type: "committed",
    ...{ height: 1, target: 0, failures: codes.map((code, index) => ({ index, code })) },
  });
  const refused = (reason: string) => ({ type: "refused", reason }) as const;
  expect(faultOf(sending("good"), committed())).toBeUndefined();
  expect(faultOf(sending("good"), committed("id_expired"))).toBe("good: 1 failures");
  expect(faultOf(sending("good"), { type: "unknown", reason: "silence" })).toBe("good: unknown: silence");
  expect(faultOf(sending("bad-signature"), refused("signature_invalid"))).toBeUndefined();
  expect(faultOf(sending("bad-signature"), committed())).toBe("bad-signature: 0 failures");
  expect(faultOf(sending("overdraft"), committed("exceeds_credits", "exceeds_credits"))).toBeUndefined();
  expect(faultOf(sending("overdraft"), committed("exceeds_credits"))).toBe("overdraft: 1 failures");
  expect([appliedBy(sending("good"), committed("id_expired")), appliedBy(sending("repeat"), committed())]).toEqual([
    1, 0,
  ]);
});

test("arguments", () => {
  expect(parseBench([])).toMatchObject({ ok: true, value: { runs: 5, accounts: 100_000, million: true } });
  expect(parseBench(["--quick", "--runs", "3", "--only", "a,b"])).toMatchObject({
    ok: true,
    value: { runs: 3, measureMs: 2_000, million: false, only: ["a", "b"], profileRow: "closed/1000" },
  });
  expect(parseBench(["--profile", "none"])).toMatchObject({ ok: true, value: { profileRow: undefined } });
  for (const args of [["--runs", "0"], ["--profile", "nothing"], ["--surprise"], ["extra"]])
    expect(parseBench(args)).toMatchObject({ ok: false, reason: "usage" });
});

test("arguments of coherence", () => {
  expect(parseCoherence([])).toMatchObject({
    ok: true,
    value: { runs: 5, measureMs: 1_000, only: [], writeDocs: false },
  });
  expect(parseCoherence(["--only", "a,b", "--write-docs"])).toMatchObject({
    ok: true,
    value: { only: ["a", "b"], writeDocs: true },
  });
  for (const args of [["--runs", "0"], ["--seconds", "x"], ["--surprise"], ["extra"]])
    expect(parseCoherence(args)).toMatchObject({ ok: false, reason: "usage" });
});

test("a closed loop counts what is committed within its window", async () => {
  let now = 0;
  const sent: number[] = [];
  const perSecond = await commitFor({ warmMs: 20, measureMs: 1_500 }, 10, 2, {
    make: () => now++,
    send: async (made) => {
      sent.push(made);
      await new Promise((resolve) => setTimeout(resolve, 1));
    },
  });
  expect(new Set(sent).size).toBe(sent.length);
  expect(perSecond).toBeGreaterThan(0);
  expect(perSecond).toBeLessThanOrEqual((sent.length * 10 * 1_000) / 1_500);
});

test("PostgreSQL's binary arrays and Redis's answers", () => {
  const array = binaryArray(ELEMENTS.bigint, 2, (bytes, at, index) => bytes.writeBigInt64BE(BigInt(index + 5), at));
  expect(toHexOf(array)).toBe(
    "00000001 00000000 00000014 00000002 00000001 00000008 0000000000000005 00000008 0000000000000006".replaceAll(
      " ",
      "",
    ),
  );
  const parse = (text: string) => parseAnswer(Buffer.from(text), 0);
  expect(parse("*2\r\n:7\r\n$3\r\nabc\r\n")).toEqual({ value: [7, "abc"], end: 17 });
  expect(parse("$-1\r\n")).toEqual({ value: undefined, end: 5 });
  expect(parse("-ERR no\r\n")?.value).toEqual(new Error("Redis: ERR no"));
  expect([parse("$3\r\nab"), parse("*2\r\n:7\r\n"), parse("+O")]).toEqual([undefined, undefined, undefined]);
});

test("reads this process's own CPU time and memory", () => {
  const { user, system } = cpuOf(process.pid);
  expect(user + system).toBeGreaterThan(0);
  expect([...threadCpuOf(process.pid).values()].reduce((sum, us) => sum + us, 0)).toBeGreaterThan(0);
  expect(residentMb(process.pid)).toBeGreaterThan(10);
});

const toHexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
