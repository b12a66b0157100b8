/**
 * LOCAL: floating point. Nothing here may enter state (domain.md, "CAL": "RΦV never enters consensus state").
 *
 * The measured signal that validators share, for RΦV: the times between blocks, as each of them sees them at its own clock.
 */
import { resonance } from "./resonance.ts";

/** Intervals that end at the heights from `first` on, without a gap, in microseconds. */
export type Signal = { readonly first: number; readonly intervalsUs: readonly number[] };

export type SignalRecorder = {
  readonly samplesMax: number;
  last: { readonly height: number; readonly atMs: number } | undefined;
  readonly intervalsUs: number[];
};

/** What does not fit into 32 bits is no pace any more. */
const INTERVAL_US_MAX = 0xffff_ffff;

export const createRecorder = (samplesMax: number): SignalRecorder => ({
  ...{ samplesMax, last: undefined, intervalsUs: [] },
});

/**
 * A block is final here, at a time that only goes forward. `live`: its certificate came as the block was made; one that was
 * fetched later says nothing of its time, and the series begins anew.
 */
export function noteBlock(
  recorder: SignalRecorder,
  { height, atMs, live }: { readonly height: number; readonly atMs: number; readonly live: boolean },
): void {
  const { last, intervalsUs, samplesMax } = recorder;
  recorder.last = live ? { height, atMs } : undefined;
  if (!live || last?.height !== height - 1) {
    intervalsUs.length = 0;
    return;
  }
  intervalsUs.push(Math.min(INTERVAL_US_MAX, Math.max(0, Math.round((atMs - last.atMs) * 1_000))));
  if (intervalsUs.length > samplesMax) intervalsUs.shift();
}

export const signalOf = ({ last, intervalsUs }: SignalRecorder): Signal => ({
  first: last === undefined ? 0 : last.height - intervalsUs.length + 1,
  intervalsUs: [...intervalsUs],
});

/** RΦV of two series over the heights that both have; undefined with too few of them. */
export function agreement(one: Signal, other: Signal): number | undefined {
  const from = Math.max(one.first, other.first);
  const to = Math.min(one.first + one.intervalsUs.length, other.first + other.intervalsUs.length);
  if (to <= from) return undefined;
  const [published, received] = [one, other].map((each) => each.intervalsUs.slice(from - each.first, to - each.first));
  return resonance(published ?? [], received ?? []);
}
