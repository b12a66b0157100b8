import type { ClusterStatus } from "../api/cluster.ts";
import type { CoherenceStatus } from "../api/coherence.ts";
import type { View } from "../rollout/view.ts";
import type { Action } from "./actions.ts";

const bands = { green: "Green", yellow: "Yellow", red: "Red", critical: "Critical" } as const;

/**
 * Band and mode as most readable nodes tell them: they are the chain's, so nodes differ only around the end of an epoch, or
 * where one lies. What was told last stands while none can be read; undefined before anything was measured.
 */
export function coherenceOf(view: View, before: CoherenceStatus | undefined): CoherenceStatus | undefined {
  const told = new Map<string, { readonly value: CoherenceStatus; readonly count: number }>();
  for (const { status } of view.nodes) {
    const { measured, band, mode } = status?.coherence ?? { measured: false };
    if (!measured || band === undefined || mode === undefined) continue;
    const value = { band: bands[band], mode };
    const key = `${value.band} ${value.mode}`;
    told.set(key, { value, count: (told.get(key)?.count ?? 0) + 1 });
  }
  const known = before === undefined ? 0 : (told.get(`${before.band} ${before.mode}`)?.count ?? 0);
  const [most] = [...told.values()].toSorted((a, b) => b.count - a.count);
  // As many for the old as for the new: the new epoch is not everywhere yet.
  return most === undefined || most.count === known ? before : most.value;
}

/** An emergency is news when it begins and when it ends. */
export function emergencyEvents(before: ClusterStatus, after: ClusterStatus): readonly Action[] {
  const [was, is] = [before, after].map(({ coherence }) => coherence?.mode === "Emergency");
  if (was === is) return [];
  return [
    {
      type: "event",
      about: "HmnCluster",
      ...(is
        ? {
            severity: "Warning",
            reason: "EmergencyBegan",
            message: `The network is in an emergency (coherence ${after.coherence?.band}): epochs are short, nothing is minted, no weight moves, nobody joins or leaves. See ServiceLevelsMet and status.validators for nodes that are late or away`,
          }
        : {
            severity: "Normal",
            reason: "EmergencyEnded",
            message: `The emergency is over (coherence ${after.coherence?.band ?? "not measured"})`,
          }),
    },
  ];
}
