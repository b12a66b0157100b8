import { assert, present } from "../base/assert.ts";
import { PPM } from "../base/units.ts";
import { assertConduct, type Conduct, disorderPpm, NO_CONDUCT, variancePpm } from "./conduct.ts";
import { alignmentPpm, OMEGA_NEWCOMER, type Omega, sizePpm } from "./omega.ts";
import { psiPpm } from "./psi.ts";
import { productPpm, ratioPpm } from "./ratio.ts";
import { bySubject, MESH_REPORTERS_MIN, type Report, reportedPpm, type WeightedMember } from "./reports.ts";
import { weightedMedian } from "./weighted-median.ts";

/** All that the chain knows about an epoch once the next one closes (domain.md, "CAL"). */
export type Evidence = {
  /** By id ascending, with the weights frozen for the epoch. */
  readonly members: readonly WeightedMember[];
  /** Of each member; what is missing is measured like an epoch without blocks. */
  readonly conduct: ReadonlyMap<number, Conduct>;
  /** From members about other members, one for each pair at most; the order is of no account. */
  readonly reports: readonly Report[];
  /** The members that share a shard with the subject, by the epoch's set. */
  readonly meshReporters: (subject: number) => readonly number[];
  /** Ω of the last epoch, or as kept after leaving; missing: a newcomer's. */
  readonly before: ReadonlyMap<number, Omega>;
  /** Ĉ and Ĉ_q of the last epoch (1 before the first): where there is no pair of validators they stay. */
  readonly last: { readonly coherencePpm: number; readonly quorumCoherencePpm: number };
};

/** One validator's numbers of an epoch, in ppm. */
export type Standing = {
  readonly omega: Omega;
  /** |Ω| / |(1, 1, 1, 1, 1)|. */
  readonly sizePpm: number;
  /** A = a(Ω, Ω_ref)·size. */
  readonly alignmentPpm: number;
  /** H. */
  readonly disorderPpm: number;
  /** V. */
  readonly variancePpm: number;
  /** Ψ. */
  readonly psiPpm: number;
};

export type Measured = {
  /** By id ascending. */
  readonly validators: ReadonlyMap<number, Standing>;
  /** Ω_ref: the weighted median in each component. */
  readonly reference: Omega;
  /** Ĉ: the mean over all pairs. */
  readonly coherencePpm: number;
  /** Ψ̄: the mean by weight. */
  readonly meanPsiPpm: number;
  /** Ĉ_q: Ĉ of the best quorum. */
  readonly quorumCoherencePpm: number;
};

/** Measures an epoch: the same numbers on every node, to the last digit. */
export function measure(evidence: Evidence): Measured {
  const { members, conduct, last } = evidence;
  assert(members.length > 0, "an epoch has members");
  assert(
    members.every(({ id }, at) => at === 0 || id > (members[at - 1]?.id ?? id)),
    "members stand by id, ascending",
  );
  const omegas = observe(evidence);
  const reference = referenceOf(members, omegas);
  const validators = new Map<number, Standing>();
  for (const { id } of members) {
    const omega = present(omegas.get(id), "each member has been observed");
    const counted = conduct.get(id) ?? NO_CONDUCT;
    const size = sizePpm(omega);
    const alignment = productPpm(alignmentPpm(omega, reference), size);
    const [disorder, variance] = [disorderPpm(counted), variancePpm(counted)];
    validators.set(id, {
      ...{ omega, sizePpm: size, alignmentPpm: alignment, disorderPpm: disorder, variancePpm: variance },
      psiPpm: psiPpm({ alignment, disorder, variance }),
    });
  }
  return {
    validators,
    reference,
    coherencePpm: coherenceOf([...validators.values()]) ?? last.coherencePpm,
    meanPsiPpm: meanPsiOf(members, validators),
    quorumCoherencePpm: coherenceOf(bestQuorum(members, validators)) ?? last.quorumCoherencePpm,
  };
}

/** Ω of each member: two components from the chain, three from the others' reports. */
function observe({ members, conduct, reports, meshReporters, before }: Evidence): ReadonlyMap<number, Omega> {
  const about = bySubject(reports, new Map(members.map(({ id, weight }) => [id, weight])));
  const omegas = new Map<number, Omega>();
  for (const { id } of members) {
    const last = before.get(id) ?? OMEGA_NEWCOMER;
    const counted = conduct.get(id) ?? NO_CONDUCT;
    assertConduct(counted);
    const { blocks, carried, dissenting } = counted;
    const others = members.filter((member) => member.id !== id);
    const sharing = new Set(meshReporters(id));
    const neighbours = others.filter((member) => sharing.has(member.id));
    const said = about.get(id);
    omegas.set(id, {
      participationPpm: blocks === 0 ? last.participationPpm : ratioPpm(carried, blocks),
      timelinessPpm: reportedPpm({
        possible: others,
        said: (reporter) => said?.get(reporter)?.timelinessPpm,
        last: last.timelinessPpm,
      }),
      agreementPpm: carried === 0 ? last.agreementPpm : ratioPpm(carried - dissenting, carried),
      meshPpm:
        neighbours.length < MESH_REPORTERS_MIN
          ? PPM
          : reportedPpm({
              possible: neighbours,
              said: (reporter) => said?.get(reporter)?.meshPpm,
              last: last.meshPpm,
            }),
      availabilityPpm: reportedPpm({
        possible: others,
        said: (reporter) => said?.get(reporter)?.availabilityPpm,
        last: last.availabilityPpm,
      }),
    });
  }
  return omegas;
}

function referenceOf(members: readonly WeightedMember[], omegas: ReadonlyMap<number, Omega>): Omega {
  const median = (component: keyof Omega): number =>
    weightedMedian(
      members.map(({ id, weight }) => ({
        ...{ id, weight },
        value: present(omegas.get(id), "each member has been observed")[component],
      })),
    );
  return {
    participationPpm: median("participationPpm"),
    timelinessPpm: median("timelinessPpm"),
    agreementPpm: median("agreementPpm"),
    meshPpm: median("meshPpm"),
    availabilityPpm: median("availabilityPpm"),
  };
}

/** Mean over the pairs of a(Ω_i, Ω_j)·min(size_i, size_j); undefined where there is no pair. */
export function coherenceOf(those: readonly Pick<Standing, "omega" | "sizePpm">[]): number | undefined {
  let [sum, pairs] = [0, 0];
  for (const [at, one] of those.entries())
    for (let next = at + 1; next < those.length; next++) {
      const other = present(those[next], "the next is there");
      sum += alignmentPpm(one.omega, other.omega) * Math.min(one.sizePpm, other.sizePpm);
      pairs += 1;
    }
  if (pairs === 0) return undefined;
  assert(Number.isSafeInteger(sum), "as many validators as there can be add up exactly");
  return Math.floor(sum / (PPM * pairs));
}

function meanPsiOf(members: readonly WeightedMember[], validators: ReadonlyMap<number, Standing>): number {
  let [sum, total] = [0n, 0n];
  for (const { id, weight } of members) {
    sum += BigInt(weight) * BigInt(present(validators.get(id), "each member has been measured").psiPpm);
    total += BigInt(weight);
  }
  return Number(sum / total);
}

/** Validators by Ψ, the best first: the fewest that are a quorum, strictly more than two thirds of the weight. */
function bestQuorum(
  members: readonly WeightedMember[],
  validators: ReadonlyMap<number, Standing>,
): readonly Standing[] {
  const total = members.reduce((sum, { weight }) => sum + weight, 0);
  const ranked = members
    .map(({ id, weight }) => ({ id, weight, standing: present(validators.get(id), "each member has been measured") }))
    .toSorted((a, b) => b.standing.psiPpm - a.standing.psiPpm || a.id - b.id);
  const quorum: Standing[] = [];
  let weight = 0;
  for (const member of ranked) {
    if (3 * weight > 2 * total) break;
    weight += member.weight;
    quorum.push(member.standing);
  }
  return quorum;
}
