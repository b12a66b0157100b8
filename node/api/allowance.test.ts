import { expect, test } from "vitest";
import { allowanceWith, createAllowance } from "./allowance.ts";
import { createHoldings } from "./holdings.ts";

const RES = 1_000_000n;

test.each([
  [0n, 50_000],
  [1n * RES, 50_050],
  [500n * RES, 75_000],
  [1_000n * RES, 100_000],
  [1_000_000n * RES, 100_000],
])("%s millionths of RES allow %i transfers a second", (res, perSecond) => {
  expect(allowanceWith(50_000, res)).toBe(perSecond);
});

test("a burst of a second's worth, then the rate, and debt is paid back by waiting", () => {
  let nowMs = 0;
  const allowance = createAllowance({ perSecond: 1_000, nowMs: () => nowMs, resOf: () => 0n });
  allowance.spend("a", 999);
  expect(allowance.allows("a", 0)).toBe(true);
  expect(allowance.allows("a", 1)).toBe(false);
  allowance.spend("a", 4_001);
  expect(allowance.allows("b", 0)).toBe(true);
  nowMs = 4_000;
  expect(allowance.allows("a", 0)).toBe(false);
  nowMs = 4_001;
  expect(allowance.allows("a", 0)).toBe(true);
  nowMs = 6_000;
  expect(allowance.allows("a", 0)).toBe(true);
  expect(allowance.keys()).toBe(0);
});

test("RES raises the rate of the key that holds it, and nobody is asked about before it matters", () => {
  let nowMs = 0;
  const asked: string[] = [];
  const allowance = createAllowance({
    perSecond: 1_000,
    nowMs: () => nowMs,
    resOf: (key) => {
      asked.push(key);
      return key === "rich" ? 1_000n * RES : 0n;
    },
  });
  for (const key of ["rich", "poor"]) allowance.spend(key, 999);
  expect([allowance.allows("rich", 0), allowance.allows("poor", 0), asked]).toEqual([true, true, []]);
  for (const key of ["rich", "poor"]) allowance.spend(key, 900);
  expect([allowance.allows("rich", 0), allowance.allows("poor", 0)]).toEqual([true, false]);
  expect(asked).toEqual(["rich", "poor"]);
  for (const key of ["rich", "poor"]) allowance.spend(key, 2_100);
  nowMs = 1_500;
  expect([allowance.allows("rich", 0), allowance.allows("poor", 0)]).toEqual([true, false]);
});

test("keys in debt are remembered up to a bound, the quietest is forgotten first", () => {
  const allowance = createAllowance({ perSecond: 1, nowMs: () => 0, resOf: () => 0n });
  for (let key = 0; key <= 65_536; key++) allowance.spend(`${key}`, 5);
  expect(allowance.keys()).toBe(65_536);
  expect([allowance.allows("0", 0), allowance.allows("1", 0)]).toEqual([true, false]);
});

test("holdings are summed by owner over all accounts, in pieces, only when asked for, and not again at once", () => {
  let nowMs = 0;
  const sums = { creditsPosted: 10n, debitsPosted: 3n, debitsPending: 2n };
  const accounts = Array.from({ length: 2_500 }, (_, index) => ({
    id: BigInt(index + 1),
    owner: index === 7 ? undefined : index % 2 === 0 ? "even" : "odd",
    ledger: index < 100 ? 5 : 1,
    ...sums,
  }));
  const pages: bigint[] = [];
  const holdings = createHoldings({
    ledger: 5,
    accountsAfter: (after, limit) => {
      pages.push(after);
      return accounts.filter(({ id }) => id > after).slice(0, limit);
    },
    nowMs: () => nowMs,
  });
  expect(holdings.sweep(0)).toBe(false);
  expect(holdings.of("even")).toBe(0n);
  let turns = 0;
  while (holdings.sweep(0)) turns += 1;
  expect([turns, pages]).toEqual([3, [0n, 1_000n, 2_000n]]);
  expect([holdings.of("even"), holdings.of("odd")]).toEqual([50n * 5n, 49n * 5n]);
  expect(holdings.sweep(0)).toBe(false);
  nowMs = 30_000;
  holdings.of("even");
  expect(holdings.sweep(0)).toBe(true);
});
