import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Conduct } from "./conduct.ts";
import { measure } from "./measure.ts";
import type { Omega } from "./omega.ts";
import { INITIAL_STABILITY, nextStability } from "./stability.ts";
import { conductFrom } from "./test-evidence.ts";

/*
 * Our whole numbers beside what measure.golden.py and stability.golden.py compute from the formulas over real numbers. Ω is
 * defined to the digit; what comes from it lies between these distances above and below the real value, in millionths:
 *
 *   size = ⌊size⌋                              (−1, 0]
 *   A = ⌊⌊a⌋·⌊size⌋/10⁶⌋                        (−3, 0]: either factor is short by under 1, and so is the product
 *   H                                          (−1 − e, e]: n·log n and Σ c·log c are short by under n·2⁻³² each, so e = 10⁶·2⁻³³ < 0.001
 *   V                                          (−1, 0]: exact up to the one division
 *   Ψ = ⌊2A − 10⁶ − H/2 − 3V/10⌋                (−7 − e, 0.8 + e): twice A's, and 1 of its own; H and V come in with the other sign
 *   Ĉ, Ĉ_q = ⌊mean of ⌊a⌋·⌊size⌋/10⁶⌋           (−3, 0]
 *   Ψ̄                                          (−8 − e, 0.8 + e)
 *   λ                                          ±1/κ: each step rounds by under 1, toward where it was, and shrinks what was before by 1 − κ
 */
const E = 0.001;

const lines = <T>(file: string): readonly T[] =>
  readFileSync(join(import.meta.dirname, file), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as T);

function expectWithin(name: string, own: number, real: string, [below, above]: readonly [number, number]): void {
  // Eight digits behind the point of the real value are written.
  const distance = own - Number(real);
  expect(distance, `${name}: ${own} beside ${real}`).toBeGreaterThan(below - 1e-7);
  expect(distance, `${name}: ${own} beside ${real}`).toBeLessThan(above + 1e-7);
}

type Parts = readonly [number, number, number, number, number];
type GoldenEpoch = {
  readonly case: {
    readonly members: readonly (readonly [id: number, weight: number])[];
    readonly outcomes: Readonly<Record<string, string>>;
    readonly dissenting: Readonly<Record<string, number>>;
    readonly reports: readonly (readonly [
      reporter: number,
      subject: number,
      timeliness: number,
      availability: number,
      mesh: number | null,
    ])[];
    readonly neighbours: Readonly<Record<string, readonly number[]>>;
    readonly before: Readonly<Record<string, Parts>>;
  };
  readonly expected: {
    readonly reference: Parts;
    readonly standings: Readonly<
      Record<string, { omega: Parts; size: string; a: string; h: string; v: string; psi: string }>
    >;
    readonly coherence: string | null;
    readonly meanPsi: string;
    readonly quorumCoherence: string | null;
  };
};

const omegaOf = ([participationPpm, timelinessPpm, agreementPpm, meshPpm, availabilityPpm]: Parts): Omega => ({
  ...{ participationPpm, timelinessPpm, agreementPpm, meshPpm, availabilityPpm },
});

/** t timely, l late, m missed, c conflicting, C conflicting with a vote that was carried. */
function conductOf(marks: string, dissenting: number): Conduct {
  const named = { t: "timely", l: "late", m: "missed", c: "conflicting", C: "conflicting" } as const;
  const conduct = conductFrom(
    [...marks].map((mark) => named[mark as keyof typeof named]),
    dissenting,
  );
  return { ...conduct, carried: conduct.carried + marks.split("C").length - 1 };
}

describe.each(lines<GoldenEpoch>("measure.golden.jsonl").map((golden, at) => ({ at, ...golden })))(
  "epoch $at",
  ({ case: given, expected }) => {
    const NO_PAIR = 123_456;
    const measured = measure({
      members: given.members.map(([id, weight]) => ({ id, weight })),
      conduct: new Map(
        given.members.map(([id]) => [id, conductOf(given.outcomes[id] ?? "", given.dissenting[id] ?? 0)]),
      ),
      reports: given.reports.map(([reporter, subject, timelinessPpm, availabilityPpm, mesh]) => ({
        ...{ reporter, subject, timelinessPpm, availabilityPpm, meshPpm: mesh ?? undefined },
      })),
      meshReporters: (subject) => given.neighbours[subject] ?? [],
      before: new Map(given.members.flatMap(([id]) => (given.before[id] ? [[id, omegaOf(given.before[id])]] : []))),
      last: { coherencePpm: NO_PAIR, quorumCoherencePpm: NO_PAIR },
    });

    test("Ω of each validator and of the reference, to the digit", () => {
      expect(measured.reference).toEqual(omegaOf(expected.reference));
      const own = Object.fromEntries([...measured.validators].map(([id, { omega }]) => [id, omega]));
      const theirs = Object.entries(expected.standings).map(([id, { omega }]) => [id, omegaOf(omega)]);
      expect(own).toEqual(Object.fromEntries(theirs));
    });

    test("what comes from it, within the bounds", () => {
      for (const [id, own] of measured.validators) {
        const real = expected.standings[id];
        if (real === undefined) throw new Error(`no validator ${id}`);
        expectWithin("size", own.sizePpm, real.size, [-1, 0]);
        expectWithin("A", own.alignmentPpm, real.a, [-3, 0]);
        expectWithin("H", own.disorderPpm, real.h, [-1 - E, E]);
        expectWithin("V", own.variancePpm, real.v, [-1, 0]);
        expectWithin("Ψ", own.psiPpm, real.psi, [-7 - E, 0.8 + E]);
      }
      expectWithin("Ψ̄", measured.meanPsiPpm, expected.meanPsi, [-8 - E, 0.8 + E]);
      expectWithin("Ĉ", measured.coherencePpm, expected.coherence ?? `${NO_PAIR}`, [-3, 0]);
      expectWithin("Ĉ_q", measured.quorumCoherencePpm, expected.quorumCoherence ?? `${NO_PAIR}`, [-3, 0]);
    });
  },
);

type GoldenRun = {
  readonly kappa: number;
  readonly epochs: readonly (readonly [coherence: number, meanPsi: number])[];
  readonly lambdas: readonly string[];
};

test.each(lines<GoldenRun>("stability.golden.jsonl"))("λ with κ $kappa", ({ kappa, epochs, lambdas }) => {
  let stability = INITIAL_STABILITY;
  const bound = 1_000_000 / kappa;
  for (const [epoch, [coherencePpm, meanPsiPpm]] of epochs.entries()) {
    const measured = { coherencePpm, meanPsiPpm, quorumCoherencePpm: 1_000_000, kappaPpm: kappa };
    stability = nextStability(stability, measured);
    expectWithin(`λ of epoch ${epoch}`, stability.lambdaPpm, lambdas[epoch] ?? "", [-bound, bound]);
  }
});
