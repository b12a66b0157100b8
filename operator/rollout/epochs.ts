import type { Millis } from "../../node/base/units.ts";
import type { MeasuredEpoch, PeersWord, Snapshot } from "../observe/snapshot.ts";
import type { View } from "./view.ts";

/** What the validators signed of one another in one epoch that began at a known time. */
export type SignedEpoch = { readonly epoch: number; readonly begunAt: Millis; readonly words: readonly PeersWord[] };

/** Ĉ of each epoch as more than half of the weight told it; ascending. */
export const measuredEpochs = (view: View, told: Snapshot["epochs"]) =>
  byMajority(view, told, ({ coherencePpm }) => coherencePpm).map(([epoch, coherencePpm]) => ({ epoch, coherencePpm }));

/** What the peers' committed reports say, as more than half of the weight told it; ascending. */
export function signedEpochs(view: View, told: Snapshot["epochs"]): readonly SignedEpoch[] {
  const begun = new Map([...told.values()].flat().map(({ epoch, begunAt }) => [epoch, begunAt]));
  return byMajority(view, told, ({ peers }) => peers).flatMap(([epoch, words]) => {
    const begunAt = begun.get(epoch);
    return begunAt === undefined ? [] : [{ epoch, begunAt, words }];
  });
}

/** Equal values are the same value: lists are kept once. */
function byMajority<T>(
  view: View,
  told: Snapshot["epochs"],
  of: (epoch: MeasuredEpoch) => T | undefined,
): readonly (readonly [epoch: number, value: T])[] {
  const weights = new Map<number, Map<T, number>>();
  for (const { id, weight } of view.nodes)
    for (const one of told.get(id) ?? []) {
      const value = of(one);
      if (value === undefined) continue;
      const values = weights.get(one.epoch) ?? new Map<T, number>();
      weights.set(one.epoch, values.set(value, (values.get(value) ?? 0) + weight));
    }
  return [...weights]
    .toSorted(([a], [b]) => a - b)
    .flatMap(([epoch, values]) => {
      const most = [...values].find(([, weight]) => 2 * weight > view.totalWeight);
      return most === undefined ? [] : [[epoch, most[0]] as const];
    });
}
