import type { Figure } from "./results.ts";

/** One line of `npm run bench -- coherence`, or several that come out of the same work. */
export type CoherenceRow = {
  readonly name: string;
  /** Measures once, for about so many milliseconds. */
  measure(measureMs: number): readonly { readonly name: string; readonly figure: Figure; readonly value: number }[];
};

/** A parity row does the work that an earlier implementation really did: at least so many times as fast. */
const PARITY = 2;
const SLICE_MS = 1;

/**
 * Work of one thread per second of its processor time, so that other load on the machine does not count. `prepare` makes what
 * the work needs; `earlierPerSecond`: of an earlier implementation at the same work.
 */
export function rateRow(row: {
  readonly name: string;
  readonly unit: string;
  readonly earlierPerSecond?: number;
  readonly prepare: () => () => void;
}): CoherenceRow {
  const floor = row.earlierPerSecond === undefined ? {} : { floor: PARITY * row.earlierPerSecond };
  const figure: Figure = { unit: row.unit, better: "higher", ...floor };
  return {
    name: row.name,
    measure: (measureMs) => {
      const work = row.prepare();
      workFor(work, measureMs / 3);
      return [{ name: row.name, figure, value: workFor(work, measureMs) }];
    },
  };
}

/** How often a second it is done. The clock is looked at ever more rarely, as long as that is often enough. */
function workFor(work: () => void, measureMs: number): number {
  const [startedCpu, started] = [threadMs(), performance.now()];
  let [done, slice, now] = [0, 1, started];
  do {
    for (let times = 0; times < slice; times++) work();
    done += slice;
    const before = now;
    now = performance.now();
    if (now - before < SLICE_MS) slice *= 2;
  } while (now - started < measureMs);
  return (1_000 * done) / (threadMs() - startedCpu);
}

/** Processor time of this thread. */
function threadMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}
