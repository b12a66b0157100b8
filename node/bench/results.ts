import { present } from "../base/assert.ts";

export type Better = "higher" | "lower";

/** One measured figure: its name says what, `runs` how often. */
export type Result = {
  readonly name: string;
  /** Median of the runs. */
  readonly value: number;
  readonly unit: string;
  readonly better: Better;
  readonly min: number;
  readonly max: number;
  readonly runs: number;
  /** The floor that the design promises; null where it promises nothing. */
  readonly target: number | null;
};

/** What a figure is measured in, and what the design asks of it (consensus.md). */
export type Figure = {
  readonly unit: string;
  readonly better: Better;
  readonly floor?: number;
  readonly aim?: number;
};

/** Figures of a session as they come in, in the order of their first sample. */
export type Samples = {
  add(name: string, figure: Figure, value: number): void;
  results(): readonly (Result & { readonly aim: number | null })[];
};

export function samples(): Samples {
  const all = new Map<string, { figure: Figure; values: number[] }>();
  return {
    add: (name, figure, value) => {
      const entry = all.get(name) ?? { figure, values: [] };
      all.set(name, entry);
      entry.values.push(value);
    },
    results: () =>
      [...all].map(([name, { figure, values }]) => {
        const sorted = values.toSorted((a, b) => a - b);
        return {
          name,
          value: median(sorted),
          unit: figure.unit,
          better: figure.better,
          min: present(sorted[0], "a figure has samples"),
          max: present(sorted.at(-1), "a figure has samples"),
          runs: sorted.length,
          target: figure.floor ?? null,
          aim: figure.aim ?? null,
        };
      }),
  };
}

/** Of ascending values; of an even number of them the mean of the two in the middle. */
export function median(sorted: readonly number[]): number {
  const half = (sorted.length - 1) / 2;
  const low = present(sorted[Math.floor(half)], "a median needs values");
  const high = present(sorted[Math.ceil(half)], "a median needs values");
  return (low + high) / 2;
}
