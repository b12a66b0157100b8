import { type Random, seededRandom } from "../base/random.ts";
import type { Scenario, Shape } from "./scenario.ts";

/** Kinds of fault that a scenario can be without: what a failing seed is shrunk by. */
export const FAULT_KINDS = [
  "loss",
  "duplicates",
  "delays",
  "step-crashes",
  "partitions",
  "crashes",
  "crashes-of-all",
  "stops",
  "clock-jumps",
  "lost-journal",
  "lies",
  "denials",
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** What the storm may do at one moment. */
export type Act = "nothing" | "partition" | "reunite" | "crash" | "crash-all" | "stop" | "clock-jump" | "wipe";

/** How often what goes wrong, once in so many chances. */
export type Weather = {
  readonly lossIn: number;
  readonly duplicateIn: number;
  readonly slowIn: number;
  readonly crashInSteps: number;
  /** Under denial of service as long as the storm lasts: of its frames most are lost. */
  readonly denied: number | undefined;
  /** Drawn from at every moment of the storm: more of nothing is calmer. */
  readonly acts: readonly Act[];
};

/** More chances than any run has. */
const NEVER = 2 ** 31;
const ACTS: Readonly<Partial<Record<FaultKind, readonly Act[]>>> = {
  partitions: ["partition", "reunite"],
  crashes: ["crash"],
  "crashes-of-all": ["crash-all"],
  stops: ["stop"],
  "clock-jumps": ["clock-jump"],
  "lost-journal": ["wipe"],
};

/**
 * Swarm testing (Groce et al. 2012): each seed has some kinds of fault and not others, at rates of its own, as faults that
 * always come together hide what each does alone. A liar and a lost journal were drawn with the scenario already.
 */
export function underWeather(drawn: Omit<Scenario, keyof Weather>, shape: Shape): Scenario {
  const { without = [] } = shape;
  const random = seededRandom(BigInt(drawn.seed) * 2n);
  const has = new Set<FaultKind>(
    FAULT_KINDS.filter((kind) => kind !== "denials" && isOf(kind, random) && !without.includes(kind)),
  );
  const rate = (kind: FaultKind, chances: readonly number[]): number => {
    const drawnRate = random.pick(chances);
    return has.has(kind) ? drawnRate : NEVER;
  };
  return {
    ...drawn,
    byzantine: has.has("lies") ? drawn.byzantine : undefined,
    amnesiac: has.has("lost-journal") ? drawn.amnesiac : undefined,
    lossIn: rate("loss", [1_000, 50, 20, 8]),
    duplicateIn: rate("duplicates", [50, 15]),
    slowIn: rate("delays", [50, 200, 10]),
    denied: deniedOf(drawn, shape),
    crashInSteps: rate("step-crashes", [1_000, 200, 60]),
    acts: [
      ...Array.from({ length: 1 + random.below(4) }, (): Act => "nothing"),
      ...FAULT_KINDS.filter((kind) => has.has(kind)).flatMap((kind) => ACTS[kind] ?? []),
    ],
  };
}

/** Three of four seeds have a kind; the two that the scenario decides are left to it. */
function isOf(kind: FaultKind, random: Random): boolean {
  const drawn = random.below(4) > 0;
  return drawn || kind === "lies" || kind === "lost-journal";
}

/** An honest validator in one of six seeds; from chance of its own. */
function deniedOf(
  { seed, bonds, byzantine }: Omit<Scenario, keyof Weather>,
  { denied, without = [] }: Shape,
): number | undefined {
  const random = seededRandom(BigInt(seed) + (1n << 41n));
  const has = denied ?? random.oneIn(6);
  const honest = bonds.flatMap((_, id) => (id === byzantine ? [] : [id]));
  return has && !without.includes("denials") ? random.pick(honest) : undefined;
}
