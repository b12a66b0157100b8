import type { Millis } from "../../node/base/units.ts";
import type { ClusterStatus, Disruption } from "../api/cluster.ts";
import type { Action } from "../reconcile/actions.ts";
import { gate } from "./quorum.ts";
import { progressOf } from "./replace.ts";
import { timeText } from "./time.ts";
import type { View } from "./view.ts";

/**
 * Without a rollout every pod runs the current release. One that does not (its StatefulSet was edited by another hand, and
 * the pod made from that) is replaced like any other: one at a time, under the gate.
 */
export function repair(
  view: View,
  current: string,
  slot: ClusterStatus["disruption"],
  now: Millis,
): { readonly slot: Disruption | undefined; readonly acts: readonly Action[] } {
  // Who replaces a certificate or changes the number of validators gives the slot back.
  if (slot?.kind === "Rotation" || slot?.kind === "Scale") return { slot, acts: [] };
  const holder = slot === undefined ? undefined : view.nodes[slot.validator];
  if (holder !== undefined) {
    const progress = progressOf(view, holder, current);
    if (progress.at === "done") return { slot: undefined, acts: [] };
    return { slot, acts: progress.at === "acting" ? [progress.act] : [] };
  }
  const wrong = view.nodes.find((node) => node.pod !== undefined && node.podRevision !== current);
  if (wrong === undefined || (wrong.voting && gate(view, wrong.id) !== undefined)) return { slot: undefined, acts: [] };
  return { slot: { kind: "Repair", validator: wrong.id, since: timeText(now) }, acts: [] };
}
