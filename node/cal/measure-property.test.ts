import { expect, test } from "vitest";
import { fc } from "../base/test-property.ts";
import type { Conduct } from "./conduct.ts";
import { type Evidence, measure } from "./measure.ts";
import { OMEGA_NEWCOMER, OMEGA_ONE, type Omega } from "./omega.ts";
import type { Report } from "./reports.ts";
import { conductFrom, flawlessConduct, flawlessEvidence } from "./test-evidence.ts";

const MILLION = 1_000_000;
const ppm = fc.oneof(fc.integer({ min: 0, max: MILLION }), fc.constantFrom(0, 1, MILLION - 1, MILLION));
const weight = fc.oneof(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: MILLION }));

const omega: fc.Arbitrary<Omega> = fc.record({
  ...{ participationPpm: ppm, timelinessPpm: ppm, agreementPpm: ppm, meshPpm: ppm, availabilityPpm: ppm },
});

const conduct: fc.Arbitrary<Conduct> = fc
  .array(fc.constantFrom("timely" as const, "late" as const, "missed" as const, "conflicting" as const), {
    maxLength: 40,
  })
  .chain((outcomes) => {
    const { timely, late } = conductFrom(outcomes);
    return fc.nat({ max: timely + late }).map((dissenting) => conductFrom(outcomes, dissenting));
  });

/** Any epoch that the chain could have counted. */
const evidence: fc.Arbitrary<Evidence> = fc
  .tuple(fc.array(weight, { minLength: 1, maxLength: 9 }), fc.nat({ max: 20 }))
  .chain(([weights, first]) => {
    const members = weights.map((own, at) => ({ id: first + 3 * at, weight: own }));
    const ids = members.map(({ id }) => id);
    const pairs = ids.flatMap((reporter) =>
      ids.filter((id) => id !== reporter).map((subject) => ({ reporter, subject })),
    );
    const forEach = <T>(value: fc.Arbitrary<T>) =>
      fc.array(value, { minLength: ids.length, maxLength: ids.length }).map((values) => {
        return new Map(ids.flatMap((id, at) => values.slice(at, at + 1).map((one) => [id, one] as const)));
      });
    const said = fc.record({ timelinessPpm: ppm, availabilityPpm: ppm, meshPpm: fc.option(ppm, { nil: undefined }) });
    return fc.record({
      members: fc.constant(members),
      conduct: forEach(conduct),
      reports: fc
        .array(fc.option(said, { nil: undefined, freq: 4 }), { minLength: pairs.length, maxLength: pairs.length })
        .map((all) =>
          all.flatMap((one, at) =>
            one === undefined ? [] : pairs.slice(at, at + 1).map((pair) => ({ ...pair, ...one })),
          ),
        ),
      meshReporters: fc.subarray(ids).map((sharing) => () => sharing),
      before: forEach(omega),
      last: fc.record({ coherencePpm: ppm, quorumCoherencePpm: ppm }),
    });
  });

test("whatever happened, every number is a share, and Ψ̄ lies between the least and the greatest Ψ", () => {
  fc.assert(
    fc.property(evidence, (given) => {
      const { validators, reference, ...network } = measure(given);
      expect([...validators.keys()]).toEqual(given.members.map(({ id }) => id));
      const standings = [...validators.values()];
      const shares = standings.flatMap(({ omega: own, ...numbers }) => [
        ...Object.values(own),
        ...Object.values(numbers),
      ]);
      for (const share of [...shares, ...Object.values(reference), ...Object.values(network)])
        expect(Number.isInteger(share) && share >= 0 && share <= MILLION).toBe(true);
      const psis = standings.map(({ psiPpm }) => psiPpm);
      expect(network.meanPsiPpm).toBeGreaterThanOrEqual(Math.min(...psis));
      expect(network.meanPsiPpm).toBeLessThanOrEqual(Math.max(...psis));
    }),
    { numRuns: 400 },
  );
});

test("the order in which things came in changes nothing", () => {
  fc.assert(
    fc.property(evidence, fc.nat(), (given, turn) => {
      const turned = <T>(all: readonly T[]): readonly T[] => {
        const at = all.length === 0 ? 0 : turn % all.length;
        return [...all.slice(at), ...all.slice(0, at)].toReversed();
      };
      const other: Evidence = {
        ...given,
        reports: turned(given.reports),
        conduct: new Map(turned([...given.conduct])),
        before: new Map(turned([...given.before])),
        meshReporters: (subject) => turned(given.meshReporters(subject)),
      };
      expect(measure(other)).toEqual(measure(given));
    }),
  );
});

test("liars under a third of the weight of the possible reporters never move a value past what the honest say or it was", () => {
  const lie = fc.record({ timelinessPpm: ppm, availabilityPpm: ppm, meshPpm: ppm, silent: fc.boolean() });
  const input = fc.record({
    weights: fc.array(weight, { minLength: 4, maxLength: 9 }),
    honest: fc.array(fc.option(ppm, { nil: undefined, freq: 8 }), { minLength: 9, maxLength: 9 }),
    lies: fc.array(lie, { minLength: 9, maxLength: 9 }),
    last: ppm,
    order: fc.nat(),
  });
  fc.assert(
    fc.property(input, ({ weights, honest, lies, last, order }) => {
      const base = flawlessEvidence(weights);
      const [subject = 0, ...others] = base.members.map(({ id }) => id);
      const total = others.reduce((sum, id) => sum + (weights[id] ?? 0), 0);
      // As many of the others as stay under a third, beginning anywhere.
      const liars = new Set<number>();
      let lying = 0;
      for (let at = 0; at < others.length; at++) {
        const id = others[(at + order) % others.length] ?? 0;
        if (3 * (lying + (weights[id] ?? 0)) >= total) continue;
        lying += weights[id] ?? 0;
        liars.add(id);
      }
      const reports = base.reports.flatMap((report): readonly Report[] => {
        if (report.subject !== subject) return [report];
        const { reporter } = report;
        const { silent = false, ...lied } = lies[reporter] ?? {};
        if (liars.has(reporter)) return silent ? [] : [{ ...report, ...lied }];
        const value = honest[reporter];
        if (value === undefined) return [];
        return [{ reporter, subject, timelinessPpm: value, availabilityPpm: value, meshPpm: value }];
      });
      const every = {
        participationPpm: last,
        timelinessPpm: last,
        agreementPpm: last,
        meshPpm: last,
        availabilityPpm: last,
      };
      const measured = measure({ ...base, reports, before: new Map([[subject, every]]) }).validators.get(
        subject,
      )?.omega;
      const silent = others.some((id) => !liars.has(id) && honest[id] === undefined);
      const told = others.flatMap((id) => (liars.has(id) ? [] : (honest[id] ?? [])));
      for (const value of [measured?.timelinessPpm, measured?.availabilityPpm, measured?.meshPpm]) {
        // Where all of the honest speak they hold more than two thirds, and the last value has no say.
        if (silent && value === last) continue;
        expect(value).toBeGreaterThanOrEqual(Math.min(...told));
        expect(value).toBeLessThanOrEqual(Math.max(...told));
      }
    }),
    { numRuns: 500 },
  );
});

test("liars can hold a third and move it", () => {
  const base = flawlessEvidence([1, 1, 1, 1]);
  const reports = base.reports.filter(({ reporter, subject }) => subject !== 0 || reporter !== 1);
  const lied = reports.map((report) =>
    report.subject === 0 && report.reporter === 2 ? { ...report, timelinessPpm: 0 } : report,
  );
  // One is silent and one lies: the liar has half of what was said.
  expect(measure({ ...base, reports: lied }).validators.get(0)?.omega.timelinessPpm).toBe(0);
});

test("whatever is said and counted of one validator with less than half of the weight, no other loses any Ψ", () => {
  const input = fc.record({
    weights: fc.array(weight, { minLength: 3, maxLength: 9 }),
    victim: fc.nat(),
    said: fc.array(fc.record({ timelinessPpm: ppm, availabilityPpm: ppm, meshPpm: ppm }), {
      minLength: 9,
      maxLength: 9,
    }),
    counted: conduct,
  });
  fc.assert(
    fc.property(input, ({ weights, victim: chosen, said, counted }) => {
      const victim = chosen % weights.length;
      const total = weights.reduce((sum, own) => sum + own, 0);
      fc.pre(2 * (weights[victim] ?? 0) < total);
      const base = flawlessEvidence(weights);
      const measured = measure({
        ...base,
        conduct: new Map([...base.conduct, [victim, counted]]),
        reports: base.reports.map((report) =>
          report.subject === victim ? { ...report, ...said[report.reporter] } : report,
        ),
      });
      expect(measured.reference).toEqual(OMEGA_ONE);
      for (const [id, { psiPpm }] of measured.validators) if (id !== victim) expect(psiPpm).toBe(MILLION);
    }),
    { numRuns: 300 },
  );
});

test("liars under a third of every honest validator's possible reporters, whatever they say and do, take no Ψ from the honest", () => {
  const lie = fc.record({ timelinessPpm: ppm, availabilityPpm: ppm, meshPpm: ppm });
  const input = fc.record({
    weights: fc.array(weight, { minLength: 5, maxLength: 9 }),
    order: fc.nat(),
    lies: fc.array(lie, { minLength: 81, maxLength: 81 }),
    counted: conduct,
  });
  fc.assert(
    fc.property(input, ({ weights, order, lies, counted }) => {
      const base = flawlessEvidence(weights);
      const total = weights.reduce((sum, own) => sum + own, 0);
      const heaviest = Math.max(...weights);
      const liars = new Set<number>();
      let lying = 0;
      for (let at = 0; at < weights.length; at++) {
        const id = (at + order) % weights.length;
        if (3 * (lying + (weights[id] ?? 0)) >= total - heaviest) continue;
        lying += weights[id] ?? 0;
        liars.add(id);
      }
      const { validators } = measure({
        ...base,
        conduct: new Map([...base.conduct].map(([id, own]) => [id, liars.has(id) ? counted : own])),
        reports: base.reports.map((report) => {
          const { reporter, subject } = report;
          return liars.has(reporter) || liars.has(subject) ? { ...report, ...lies[9 * reporter + subject] } : report;
        }),
      });
      for (const [id, { psiPpm }] of validators) if (!liars.has(id)) expect(psiPpm).toBe(MILLION);
    }),
    { numRuns: 300 },
  );
});

test("a flawless newcomer has Ψ = 1 after one epoch in which all reported, and keeps its halves where nobody did", () => {
  const base = flawlessEvidence([1, 1, 1, 1, 1]);
  const before = new Map([...base.before].filter(([id]) => id !== 4));
  expect(measure({ ...base, before }).validators.get(4)?.psiPpm).toBe(MILLION);
  const unsaid = base.reports.filter(({ subject }) => subject !== 4);
  const newcomer = measure({ ...base, before, reports: unsaid }).validators.get(4);
  expect(newcomer?.omega).toEqual({ ...OMEGA_NEWCOMER, participationPpm: MILLION, agreementPpm: MILLION });
});

test("a weight that grows never makes its own word count for less", () => {
  const input = fc.record({
    values: fc.array(ppm, { minLength: 3, maxLength: 3 }),
    more: fc.integer({ min: 1, max: 50 }),
  });
  fc.assert(
    fc.property(input, ({ values, more }) => {
      const distance = (extra: number) => {
        const base = flawlessEvidence([1, 3 + extra, 3, 3]);
        const reports = base.reports.map((report) =>
          report.subject === 0 ? { ...report, timelinessPpm: values[report.reporter - 1] ?? 0 } : report,
        );
        const value = measure({ ...base, reports }).validators.get(0)?.omega.timelinessPpm ?? 0;
        return Math.abs(value - (values[0] ?? 0));
      };
      expect(distance(more)).toBeLessThanOrEqual(distance(0));
    }),
  );
});

test("blocks of any number are counted: a flawless epoch of each length has H = V = 0", () => {
  for (const blocks of [0, 1, 7, 8, 9, 15, 63, 1_000]) {
    const base = flawlessEvidence([1, 1, 1, 1]);
    const { validators } = measure({
      ...base,
      conduct: new Map([0, 1, 2, 3].map((id) => [id, flawlessConduct(blocks)])),
    });
    expect(validators.get(0)).toMatchObject({ disorderPpm: 0, variancePpm: 0, psiPpm: MILLION });
  }
});
