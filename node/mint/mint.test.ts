import { expect, test } from "vitest";
import { sha256Hex } from "../codec/hash.ts";
import { mintBudget, mintDue } from "./budget.ts";
import { type Candidate, type MintInput, mint } from "./mint.ts";
import { mintId } from "./mint-id.ts";
import { divide } from "./share.ts";

const MILLION = 1_000_000;
const READY = { measuredEpochs: 3, emergency: false };

test.each([
  [900_001, 800_001, 2],
  [900_000, 800_001, 3],
  [900_001, 800_000, 3],
  [800_001, 600_001, 3],
  [800_001, 600_000, 5],
  [800_000, MILLION, 5],
  [800_000, 300_000, 5],
  [799_999, MILLION, 10],
  [0, 300_000, 10],
])("with Ĉ %d and λ %d a mint is due %d epochs after the last", (coherencePpm, lambdaPpm, epochs) => {
  const due = (epochsSinceLast: number, than = READY) => mintDue({ epochsSinceLast, coherencePpm, lambdaPpm, ...than });
  expect([due(epochs - 1), due(epochs), due(epochs + 1)]).toEqual([false, true, true]);
  expect(due(epochs, { ...READY, emergency: true })).toBe(false);
  expect(due(epochs, { ...READY, measuredEpochs: 2 })).toBe(false);
});

test.each([
  // 0.4·Ĉ/0.8 + 0.3·λ/0.7 + 0.3·Ψ̄/0.9 of 100 FLX
  [800_000, 700_000, 900_000, 100_000_000n],
  [MILLION, MILLION, MILLION, 126_190_476n],
  [0, 300_000, 0, 50_000_000n],
  [600_000, 350_000, 150_000, 50_000_000n],
  [600_000, 350_000, 150_001, 50_000_033n],
])("the budget of Ĉ %d, λ %d, Ψ̄ %d is %s", (coherencePpm, lambdaPpm, meanPsiPpm, budget) => {
  expect(mintBudget({ coherencePpm, lambdaPpm, meanPsiPpm })).toBe(budget);
});

test("what flooring leaves goes to the largest remainders, and of equal ones to the lowest ids", () => {
  const amounts = (total: bigint, claims: readonly bigint[]) =>
    divide(
      total,
      claims.map((claim, at) => ({ id: at, claim })),
    ).map(({ amount }) => amount);
  expect(amounts(10n, [1n, 1n, 1n])).toEqual([4n, 3n, 3n]);
  expect(amounts(11n, [1n, 1n, 1n])).toEqual([4n, 4n, 3n]);
  // 7·(1, 2, 3)/6 = 1 1/6, 2 2/6, 3 3/6.
  expect(amounts(7n, [1n, 2n, 3n])).toEqual([1n, 2n, 4n]);
  expect(amounts(1n, [0n, 5n])).toEqual([0n, 1n]);
  expect(amounts(0n, [1n, 1n])).toEqual([0n, 0n]);
  expect(amounts(5n, [0n, 0n])).toEqual([]);
  const byId = divide(1n, [
    { id: 7, claim: 1n },
    { id: 3, claim: 1n },
  ]);
  expect(byId.map(({ amount }) => amount)).toEqual([0n, 1n]);
});

const candidate = (id: number, of: Partial<Candidate> = {}): Candidate => ({
  ...{ id, weight: 100_000, psiPpm: MILLION, recentChr: 0n },
  ...of,
});
const AMPLE = { FLX: 10n ** 30n, CHR: 10n ** 30n, ATR: 10n ** 30n, PSY: 10n ** 30n, RES: 10n ** 30n };
/** The measure whose budget is 100 FLX. */
const INPUT: MintInput = {
  ...{ coherencePpm: 800_000, lambdaPpm: 700_000, meanPsiPpm: 900_000, highestRecentChr: 0n, headroom: AMPLE },
  candidates: [candidate(0), candidate(1)],
};
const told = (input: Partial<MintInput>) =>
  Object.fromEntries(
    mint({ ...INPUT, ...input }).issues.map(({ token, shares }) => [
      token,
      shares.map(({ id, amount }) => [id, amount]),
    ]),
  );

test("the first mint: each token by its part of the budget, among all alike", () => {
  expect(mint(INPUT)).toMatchObject({ budget: 100_000_000n });
  expect(mint(INPUT).issues.map(({ token, total }) => [token, total])).toEqual([
    ["FLX", 100_000_000n],
    ["CHR", 50_000_000n],
    ["ATR", 25_000_000n],
    ["PSY", 10_000_000n],
    ["RES", 5_000_000n],
  ]);
  const half = (amount: bigint) => [0, 1].map((id) => [id, amount]);
  expect(told({})).toEqual({
    ...{ FLX: half(50_000_000n), CHR: half(25_000_000n), ATR: half(12_500_000n), PSY: half(5_000_000n) },
    RES: half(2_500_000n),
  });
});

test("through the gate come Ψ ≥ 0.75 with r ≥ 0.6; CHR goes to all with Ψ ≥ 0.75, by Ψ alone", () => {
  const candidates = [
    candidate(0, { recentChr: 1_000n }),
    candidate(1, { recentChr: 600n, psiPpm: 750_000, weight: 200_000 }),
    candidate(2, { recentChr: 599n }),
    candidate(3, { recentChr: 0n, psiPpm: 750_000 }),
    candidate(4, { recentChr: 1_000n, psiPpm: 749_999 }),
  ];
  const shares = told({ candidates, highestRecentChr: 1_000n });
  // Claims by w·(0.5 + 0.5Ψ)·(0.8 + 0.4r): 1·1·1.2 and 2·0.875·1.04, so 1.2 and 1.82 of 3.02.
  expect(shares.FLX).toEqual([
    [0, 39_735_099n],
    [1, 60_264_901n],
  ]);
  // By Ψ: 1, 0.75, 1, 0.75 of 3.5.
  expect(shares.CHR).toEqual([
    [0, 14_285_714n],
    [1, 10_714_286n],
    [2, 14_285_714n],
    [3, 10_714_286n],
  ]);
});

test("r is relative to the highest among present members, candidates or not", () => {
  const candidates = [candidate(0, { recentChr: 600n }), candidate(1, { recentChr: 599n })];
  const ids = (highestRecentChr: bigint) => told({ candidates, highestRecentChr }).FLX?.map(([id]) => id);
  expect([ids(600n), ids(1_000n), ids(1_001n)]).toEqual([[0, 1], [0], undefined]);
  expect(() => ids(599n)).toThrow("nobody has more than the highest");
});

test("with nobody through the gate only CHR is issued, with nobody steady nothing", () => {
  const late = [candidate(0, { recentChr: 1n })];
  expect(Object.keys(told({ candidates: late, highestRecentChr: 100n }))).toEqual(["CHR"]);
  expect(told({ candidates: [candidate(0, { psiPpm: 749_999 })] })).toEqual({});
  expect(told({ candidates: [] })).toEqual({});
});

test("a cap takes away what is over it, and a full one the whole token", () => {
  const headroom = { ...AMPLE, FLX: 3n, ATR: 0n };
  const issues = mint({ ...INPUT, headroom }).issues;
  expect(issues.map(({ token, total }) => [token, total])).toEqual([
    ["FLX", 3n],
    ["CHR", 50_000_000n],
    ["PSY", 10_000_000n],
    ["RES", 5_000_000n],
  ]);
  expect(issues[0]?.shares).toEqual([
    { id: 0, amount: 2n },
    { id: 1, amount: 1n },
  ]);
});

test("an id names the mint of one epoch of one network", () => {
  const [here, elsewhere] = [sha256Hex(new Uint8Array([1])), sha256Hex(new Uint8Array([2]))];
  const ids = [mintId(here, 7), mintId(here, 8), mintId(elsewhere, 7)];
  expect(new Set(ids).size).toBe(3);
  expect(mintId(here, 7)).toBe(ids[0]);
  expect(ids[0]).toMatch(/^[0-9a-f]{64}$/);
});
