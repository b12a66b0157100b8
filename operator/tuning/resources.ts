import { type Millis, millis, PPM, seconds } from "../../node/base/units.ts";
import { amount, quantity } from "../api/quantity.ts";
import type { ResourceAdvice, ResourceTuning } from "../api/tuning.ts";
import { timeText } from "../rollout/time.ts";

/** What one node used of its container's limits, at one reading. */
export type Use = { readonly at: Millis; readonly cpuPpm: number; readonly memoryPpm: number };

export type ResourceInput = {
  readonly now: Millis;
  /** Bounds and step. */
  readonly spec: ResourceTuning;
  readonly cooldown: Millis;
  /** As every node has them; requests equal limits. */
  readonly current: { readonly cpu: string; readonly memory: string };
  /** Of each node, oldest first. */
  readonly uses: readonly (readonly Use[])[];
  /** Something else goes on: what is measured now says little. */
  readonly disturbed: boolean;
  readonly before: ResourceAdvice | undefined;
};

/** So long every node has to have been read before anything is said. */
const OBSERVED = seconds(600);
const USES_MIN = 60;
/** The busiest node's 95th percentile of CPU, and the most memory of any, shall be these shares of the limits. */
const CPU_SHARE = 0.6;
const MEMORY_SHARE = 0.75;
/** A smaller change is not worth a rollout. */
const WORTH = 0.1;
const CPU_GRAIN = 0.01;
const MEMORY_GRAIN = 16 * 1024 ** 2;

/** What CPU and memory the nodes should ask for, by what they used; undefined while it is what they have. Nobody applies it. */
export function recommendResources(input: ResourceInput): ResourceAdvice | undefined {
  const { now, spec, cooldown, current, uses, disturbed, before } = input;
  const standing = before?.cpu === current.cpu && before.memory === current.memory ? undefined : before;
  const rests = standing !== undefined && now < Date.parse(standing.since) + cooldown;
  const seen = uses.every((own) => own.length >= USES_MIN && (own[0]?.at ?? now) <= now - OBSERVED);
  if (rests || disturbed || uses.length === 0 || !seen) return standing;
  const cpuPpm = Math.max(...uses.map((own) => percentile95(own.map((use) => use.cpuPpm))));
  const memoryPpm = Math.max(...uses.flatMap((own) => own.map((use) => use.memoryPpm)));
  const cpu = moved(current.cpu, cpuPpm / PPM / CPU_SHARE, { ...spec.cpu, step: spec.stepPercent / 100 }, cpuText);
  const memory = moved(
    current.memory,
    memoryPpm / PPM / MEMORY_SHARE,
    { ...spec.memory, step: spec.stepPercent / 100 },
    memoryText,
  );
  if (cpu === current.cpu && memory === current.memory) return undefined;
  if (cpu === standing?.cpu && memory === standing.memory) return standing;
  const percent = (ppm: number): string => `${Math.round((100 * ppm) / PPM)} %`;
  return {
    ...{ cpu, memory, since: timeText(now) },
    message: `spec.resources cpu ${current.cpu} -> ${cpu}, memory ${current.memory} -> ${memory}: the busiest node used ${percent(cpuPpm)} of its CPU (p95), and the largest held ${percent(memoryPpm)} of its memory. A change is rolled out like a release`,
  };
}

/** `times` the current amount, by one step and within bounds at most; the current text where that is hardly another. */
function moved(
  current: string,
  times: number,
  { min, max, step }: { readonly min: string; readonly max: string; readonly step: number },
  textOf: (amount: number) => string,
): string {
  const wanted = textOf((amount(current) ?? 0) * Math.min(1 + step, Math.max(1 - step, times)));
  const bounded = exceeds(wanted, max) ? max : exceeds(min, wanted) ? min : wanted;
  const [is, was] = [amount(bounded) ?? 0, amount(current) ?? 0];
  return Math.abs(is - was) < WORTH * was ? current : bounded;
}

const exceeds = (a: string, b: string): boolean => (quantity(a) ?? 0n) > (quantity(b) ?? 0n);

function percentile95(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil(0.95 * sorted.length) - 1] ?? 0;
}

/** Upwards to whole hundredths of a core. */
const cpuText = (cores: number): string => `${Math.round(1_000 * CPU_GRAIN * Math.ceil(cores / CPU_GRAIN - 1e-9))}m`;
/** Upwards to whole 16 MiB. */
const memoryText = (bytes: number): string =>
  `${(Math.ceil(bytes / MEMORY_GRAIN - 1e-9) * MEMORY_GRAIN) / 1024 ** 2}Mi`;

/** Of samples by node, those that tell. */
export const usesOf = (
  samples: readonly {
    readonly validator: number;
    readonly to: Millis;
    readonly usage?: { readonly cpuPpm: number; readonly memoryPpm: number };
  }[],
  ids: readonly number[],
): readonly (readonly Use[])[] => {
  const byNode = new Map(ids.map((id): [number, Use[]] => [id, []]));
  for (const { validator, to, usage } of samples)
    if (usage !== undefined) byNode.get(validator)?.push({ at: millis(to), ...usage });
  return [...byNode.values()];
};
