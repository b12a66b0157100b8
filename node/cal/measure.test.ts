import { expect, test } from "vitest";
import { disorderPpm, variancePpm } from "./conduct.ts";
import { coherenceOf, type Evidence, type Measured, measure } from "./measure.ts";
import { alignmentPpm, OMEGA_NEWCOMER, OMEGA_ONE, type Omega, sizePpm } from "./omega.ts";
import { bandOf, psiPpm } from "./psi.ts";
import type { Report } from "./reports.ts";
import { conductFrom, flawlessConduct, flawlessEvidence } from "./test-evidence.ts";
import { weightedMedian } from "./weighted-median.ts";

const omega = (...parts: readonly [number, number, number, number, number]): Omega => {
  const [participationPpm, timelinessPpm, agreementPpm, meshPpm, availabilityPpm] = parts;
  return { participationPpm, timelinessPpm, agreementPpm, meshPpm, availabilityPpm };
};
const MILLION = 1_000_000;
const HALF_TIMELY = omega(MILLION, 500_000, MILLION, MILLION, MILLION);
const ZERO = omega(0, 0, 0, 0, 0);

test.each([
  // x·y = 4.5, larger square 5.
  [HALF_TIMELY, OMEGA_ONE, 900_000, 921_954],
  [OMEGA_NEWCOMER, OMEGA_ONE, 500_000, 500_000],
  // x·y = 2, squares 2 and 5: cos 2/√10, sizes' ratio √(2/5).
  [omega(MILLION, 0, MILLION, 0, 0), OMEGA_ONE, 400_000, 632_455],
  [omega(MILLION, 0, 0, 0, 0), omega(0, MILLION, 0, 0, 0), 0, 447_213],
  [ZERO, ZERO, 0, 0],
  [ZERO, OMEGA_ONE, 0, 0],
  [omega(1, 0, 0, 0, 0), omega(3, 0, 0, 0, 0), 333_333, 0],
])("alignment and size of vectors, %#", (x, y, alignment, size) => {
  expect([alignmentPpm(x, y), alignmentPpm(y, x), sizePpm(x)]).toEqual([alignment, alignment, size]);
});

const outcomes = (timely: number, late: number, missed: number, conflicting: number) =>
  conductFrom([
    ...Array.from({ length: timely }, () => "timely" as const),
    ...Array.from({ length: late }, () => "late" as const),
    ...Array.from({ length: missed }, () => "missed" as const),
    ...Array.from({ length: conflicting }, () => "conflicting" as const),
  ]);

test.each([
  [8, 0, 0, 0, 0],
  [0, 0, 8, 0, 0],
  [4, 4, 0, 0, 500_000],
  [2, 1, 1, 0, 750_000],
  [4, 4, 4, 4, MILLION],
  // −(3/4·log₂ 3/4 + 1/4·log₂ 1/4)/2 = 0.4056390622…
  [3, 1, 0, 0, 405_639],
  // As before, of 10⁵ blocks.
  [0, 75_000, 0, 25_000, 405_639],
  [0, 0, 0, 0, 0],
])("%d timely, %d late, %d missed, %d conflicting: H is %d", (timely, late, missed, conflicting, entropy) => {
  expect(disorderPpm(outcomes(timely, late, missed, conflicting))).toBe(entropy);
});

test.each([
  ["all in time", "tttttttt", 0],
  ["none", "mmmmmmmm", 0],
  ["one window of eight", "tttttttm", 437_500],
  ["the first half", "mmmmtttt", MILLION],
  ["nine blocks: the first window has two, one of them missed", "mtttttttt", 109_375],
  ["late is not timely", "llllllltt", 750_000],
  ["under eight blocks", "tttmmmm", 0],
])("V of %s: %s", (_, marks, variance) => {
  const named = { t: "timely", l: "late", m: "missed" } as const;
  expect(variancePpm(conductFrom([...marks].map((mark) => named[mark as keyof typeof named])))).toBe(variance);
});

test.each([
  [MILLION, 0, 0, MILLION],
  [900_000, 0, 0, 800_000],
  [900_000, 500_000, 100_000, 520_000],
  [900_000, 1, 1, 799_999],
  [500_000, 0, 0, 0],
  [0, MILLION, MILLION, 0],
])("A %d, H %d, V %d: Ψ is %d", (alignment, disorder, variance, psi) => {
  expect(psiPpm({ alignment, disorder, variance })).toBe(psi);
});

test("bands of Ψ̄ begin at 0.85, 0.65 and 0.35", () => {
  const bands = [850_000, 849_999, 650_000, 649_999, 350_000, 349_999, 0].map(bandOf);
  expect(bands).toEqual(["green", "yellow", "yellow", "red", "red", "critical", "critical"]);
});

test("a weighted median is the first value with half of the weight behind it; equal values go by id", () => {
  const of = (...voices: readonly (readonly [value: number, weight: number])[]) =>
    weightedMedian(voices.map(([value, weight], id) => ({ id, value, weight })));
  expect(of([5, 1])).toBe(5);
  expect(of([5, 1], [1, 1])).toBe(1);
  expect(of([5, 1], [1, 1], [9, 1])).toBe(5);
  expect(of([5, 3], [1, 1], [9, 1])).toBe(5);
  expect(of([5, 1], [1, 1], [9, 3])).toBe(9);
  expect(of([5, 1], [1, 2], [9, 1])).toBe(1);
});

test("flawless validators have Ψ = Ĉ = 1, whatever their weights", () => {
  const { validators, coherencePpm, meanPsiPpm, quorumCoherencePpm, reference } = measure(
    flawlessEvidence([1, 7, 4, 9]),
  );
  expect([coherencePpm, meanPsiPpm, quorumCoherencePpm, reference]).toEqual([MILLION, MILLION, MILLION, OMEGA_ONE]);
  expect([...validators.keys()]).toEqual([0, 1, 2, 3]);
  expect([...validators.values()][3]).toEqual({
    ...{ omega: OMEGA_ONE, sizePpm: MILLION, alignmentPpm: MILLION, disorderPpm: 0, variancePpm: 0, psiPpm: MILLION },
  });
});

test("as many validators as there can be add up exactly", () => {
  const all = flawlessEvidence(Array.from({ length: 100 }, () => MILLION));
  expect(measure(all)).toMatchObject({ coherencePpm: MILLION, meanPsiPpm: MILLION, quorumCoherencePpm: MILLION });
});

const changed = (evidence: Evidence, change: (report: Report) => Partial<Report>): Evidence => ({
  ...evidence,
  reports: evidence.reports.map((report) => ({ ...report, ...change(report) })),
});

test("one slow and half reachable validator of four: by hand", () => {
  const evidence = changed(flawlessEvidence([2, 2, 2, 2]), ({ subject }) =>
    subject === 3 ? { timelinessPpm: 500_000, availabilityPpm: 800_000 } : {},
  );
  const marks = Array.from({ length: 64 }, (_, at) => (at % 2 === 0 ? ("timely" as const) : ("late" as const)));
  const conduct = new Map([...evidence.conduct, [3, conductFrom(marks, 16)]]);
  const measured = measure({ ...evidence, conduct });
  // Ω = (1, 0.5, 0.75, 1, 0.8): x·ref = 4.05, x·x = 3.4525.
  const slow = measured.validators.get(3);
  expect(slow?.omega).toEqual(omega(MILLION, 500_000, 750_000, MILLION, 800_000));
  expect(slow?.sizePpm).toBe(830_963);
  // a = 0.81; A = ⌊0.81·830963⌋; H = ½ as two outcomes are alike often; V = 0 as each window is alike.
  expect(slow).toMatchObject({ alignmentPpm: 673_080, disorderPpm: 500_000, variancePpm: 0, psiPpm: 96_160 });
  // Three pairs of flawless ones, three of 0.81·0.830963 with the slow one.
  expect(measured.coherencePpm).toBe(836_540);
  expect(measured.meanPsiPpm).toBe(774_040);
  // The three others are a quorum.
  expect(measured.quorumCoherencePpm).toBe(MILLION);
});

test("a validator that did nothing and of which nothing is reported keeps what is not known", () => {
  const evidence = flawlessEvidence([1, 1, 1, 1]);
  const before = new Map([...evidence.before, [2, omega(1, 2, 3, 4, 5)]]);
  const conduct = new Map([...evidence.conduct, [2, outcomes(0, 0, 64, 0)]]);
  const reports = evidence.reports.filter(({ subject }) => subject !== 2);
  const at = measure({ ...evidence, before, conduct, reports }).validators.get(2);
  expect(at?.omega).toEqual(omega(0, 2, 3, 4, 5));
});

test("reports of two thirds of the weight move a value, of less they don't", () => {
  const evidence = changed(flawlessEvidence([4, 2, 3, 7]), () => ({ timelinessPpm: 300_000 }));
  const timelinessOf = (reporters: readonly number[]) =>
    measure({
      ...evidence,
      reports: evidence.reports.filter(({ reporter, subject }) => subject !== 3 || reporters.includes(reporter)),
    }).validators.get(3)?.omega.timelinessPpm;
  // The possible reporters about 3 weigh 4, 2 and 3.
  expect([[0, 1], [1, 2], [0], [], [0, 1, 2]].map(timelinessOf)).toEqual([
    ...[300_000, MILLION, MILLION, MILLION, 300_000],
  ]);
});

test("only validators that share a shard report on the mesh, and fewer than three of them say nothing", () => {
  const evidence = changed(flawlessEvidence([1, 1, 1, 1, 1]), ({ reporter, subject }) => ({
    meshPpm: subject === 4 ? 100_000 * (reporter + 1) : MILLION,
  }));
  const meshOf = (sharing: readonly number[], given = evidence) =>
    measure({ ...given, meshReporters: () => sharing }).validators.get(4)?.omega.meshPpm;
  // 4 itself and a stranger are no reporters of it.
  expect(meshOf([0, 1, 2, 3, 4, 9])).toBe(200_000);
  expect(meshOf([1, 2, 3])).toBe(300_000);
  expect(meshOf([0, 1, 4, 9])).toBe(MILLION);
  const silent = changed(evidence, ({ reporter }) => (reporter === 3 ? { meshPpm: undefined } : {}));
  expect(meshOf([1, 2, 3], silent)).toBe(200_000);
  const two = changed(silent, ({ reporter }) => (reporter === 2 ? { meshPpm: undefined } : {}));
  expect(meshOf([1, 2, 3], { ...two, before: new Map([[4, OMEGA_NEWCOMER]]) })).toBe(500_000);
});

test("without a pair of validators Ĉ and Ĉ_q stay what they were", () => {
  const alone = { ...flawlessEvidence([5]), last: { coherencePpm: 7, quorumCoherencePpm: 8 } };
  expect(measure(alone)).toMatchObject({ coherencePpm: 7, quorumCoherencePpm: 8, meanPsiPpm: MILLION });
  const heavy = { ...flawlessEvidence([5, 1]), last: { coherencePpm: 7, quorumCoherencePpm: 8 } };
  expect(measure(heavy)).toMatchObject({ coherencePpm: MILLION, quorumCoherencePpm: 8 });
  expect(coherenceOf([])).toBeUndefined();
});

test("the best quorum is the fewest with the best Ψ; of equals the lower ids", () => {
  const evidence = flawlessEvidence([1, 1, 1, 1, 1]);
  const conduct = new Map([...evidence.conduct, [1, outcomes(0, 0, 64, 0)], [2, outcomes(32, 0, 32, 0)]]);
  const unlike = measure({ ...evidence, conduct });
  // It has half of the votes, but none in the second half of the epoch; the first has none, in perfect order.
  expect([...unlike.validators.values()].map((standing) => standing.psiPpm)).toEqual([
    ...[MILLION, 431_082, 109_516, MILLION, MILLION],
  ]);
  const of = ({ validators }: Measured, ...ids: number[]) => coherenceOf(ids.flatMap((id) => validators.get(id) ?? []));
  expect(unlike.quorumCoherencePpm).toBe(of(unlike, 0, 1, 3, 4));

  const bad: Readonly<Record<number, Partial<Report>>> = {
    1: { availabilityPpm: 500_000 },
    2: { timelinessPpm: 500_000 },
    3: { availabilityPpm: 500_000 },
  };
  const alike = measure(changed(evidence, ({ subject }) => bad[subject] ?? {}));
  expect(new Set([1, 2, 3].map((id) => alike.validators.get(id)?.psiPpm)).size).toBe(1);
  expect(alike.quorumCoherencePpm).toBe(of(alike, 0, 1, 2, 4));
  expect(alike.quorumCoherencePpm).not.toBe(of(alike, 0, 1, 3, 4));
});

test("two thirds of the weight are no quorum yet", () => {
  const evidence = changed(flawlessEvidence([1, 1, 1]), ({ subject }) => (subject === 0 ? { timelinessPpm: 0 } : {}));
  const { coherencePpm, quorumCoherencePpm } = measure(evidence);
  expect(quorumCoherencePpm).toBe(coherencePpm);
  expect(coherencePpm).toBeLessThan(MILLION);
});

test.each([
  ["members out of order", (e: Evidence) => ({ ...e, members: e.members.toReversed() })],
  ["two reports of one", (e: Evidence) => ({ ...e, reports: [...e.reports, ...e.reports.slice(0, 1)] })],
  ["a report about itself", (e: Evidence) => changed(e, () => ({ subject: 0, reporter: 0 }))],
  ["a stranger's report", (e: Evidence) => changed(e, () => ({ reporter: 9 }))],
  ["a share over 1", (e: Evidence) => changed(e, () => ({ availabilityPpm: MILLION + 1 }))],
  ["a share that is not whole", (e: Evidence) => changed(e, () => ({ meshPpm: 0.5 }))],
  [
    "blocks without an outcome",
    (e: Evidence) => ({ ...e, conduct: new Map([[0, { ...flawlessConduct(64), blocks: 65 }]]) }),
  ],
])("what the chain never lets through is a broken invariant: %s", (_, spoil) => {
  expect(() => measure(spoil(flawlessEvidence([1, 1, 1, 1])))).toThrow("invariant broken");
});
