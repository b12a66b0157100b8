import { present } from "../base/assert.ts";
import { PPM } from "../base/units.ts";
import { type Measured, measure, type Standing } from "../cal/measure.ts";
import {
  effectiveLambdaPpm,
  epochLengthMs,
  INITIAL_STABILITY,
  nextStability,
  type Stability,
} from "../cal/stability.ts";
import { REPLICAS, SHARDS, shardReplicas } from "../codec/shard-placement.ts";
import type { Governance } from "./governance.ts";
import type { MintRecord } from "./mint-record.ts";
import type { Parameters } from "./parameters.ts";
import type { ChainRules } from "./rules.ts";
import { conductOf, type VoteCounts } from "./vote-counts.ts";

/** How well the validators worked together, as the newest boundary fixed it (domain.md, "CAL"). Never changed in place. */
export type Coherence = Pick<Measured, "coherencePpm" | "meanPsiPpm" | "quorumCoherencePpm"> & {
  /** The epoch that was measured; 0: none yet. */
  readonly epoch: number;
  readonly stability: Stability;
  /** Of that epoch's members with the weights frozen for it, by id ascending. */
  readonly standings: ReadonlyMap<number, Standing & { readonly weight: number }>;
  /** The last ones, oldest first. */
  readonly mints: readonly MintRecord[];
};

/** Until epoch 2 closes: Ĉ = Ψ = 1, λ = 0.7, no emergency. */
export const NOT_MEASURED: Coherence = {
  epoch: 0,
  coherencePpm: PPM,
  meanPsiPpm: PPM,
  quorumCoherencePpm: PPM,
  stability: INITIAL_STABILITY,
  standings: new Map(),
  mints: [],
};

/**
 * What the boundary at the end of an epoch fixes of the epoch before it, from the state after E. The fate of all votes for
 * that epoch is known by then (rule 5), and conflicts are those that the state after E knows.
 */
export function nextCoherence(before: Governance, counts: readonly VoteCounts[], rules: ChainRules): Coherence {
  const { previous, validators, reports, coherence } = before;
  if (previous === undefined) return coherence;
  const { number, members } = previous;
  const of = present(rules.measured(counts, number), "votes of the epoch before are counted");
  const known = members.map(({ id }) => present(validators.get(id), "a member is a validator"));
  const sharing = shardReplicas(
    members.map(({ id }) => id),
    { shards: SHARDS, replicas: REPLICAS },
  );
  const measured = measure({
    members,
    conduct: new Map(known.map(({ id, offences }) => [id, conductOf(of, id, conflictsIn(offences, number))])),
    reports: [...reports.values()].flat(),
    meshReporters: (subject) => sharing.filter((replicas) => replicas.includes(subject)).flat(),
    before: new Map(known.map(({ id, omega }) => [id, omega])),
    last: coherence,
  });
  const { coherencePpm, meanPsiPpm, quorumCoherencePpm } = measured;
  const standings = members.map(({ id, weight }) => {
    const standing = present(measured.validators.get(id), "each member is measured");
    return [id, { ...standing, weight }] as const;
  });
  return {
    ...{ epoch: number, coherencePpm, meanPsiPpm, quorumCoherencePpm, mints: coherence.mints },
    stability: nextStability(coherence.stability, measured),
    standings: new Map(standings),
  };
}

const conflictsIn = (offences: readonly { readonly epoch: number; readonly view: number }[], of: number) =>
  new Set(offences.filter(({ epoch }) => epoch === of).map(({ view }) => view));

/** α: 1 until there is something to tune by. */
export const alphaPpm = ({ epoch }: Coherence, { attunementPpm }: Pick<Parameters, "attunementPpm">): number =>
  epoch === 0 ? PPM : Number(attunementPpm);

/** λ_eff, which sets the pace of every background service. */
export const lambdaEffectivePpm = (coherence: Coherence, parameters: Pick<Parameters, "attunementPpm">): number =>
  effectiveLambdaPpm(coherence.stability.lambdaPpm, alphaPpm(coherence, parameters));

/** Of an epoch that begins with these. */
export function epochLengthNs(
  coherence: Coherence,
  parameters: Pick<Parameters, "attunementPpm" | "epochLengthMs">,
): bigint {
  const length = epochLengthMs({
    baseMs: Number(parameters.epochLengthMs),
    lambdaEffectivePpm: lambdaEffectivePpm(coherence, parameters),
    emergency: coherence.stability.emergency.active,
  });
  return BigInt(length) * 1_000_000n;
}
