import type { Millis } from "../../node/base/units.ts";
import type { ClusterObject, Fleet, Rival } from "../observe/snapshot.ts";
import { specCommand, type Wait } from "./situation.ts";
import { timeText } from "./time.ts";
import { nextOpening } from "./windows.ts";

/** What keeps a sound rollout from going on now. Going back is never held. */
export type Hold = {
  readonly wait: Wait;
  /** `Everything`: first deployments, repairs and nodes in motion wait as well. `Upgrades`: only further nodes of an upgrade. */
  readonly keeps: "Everything" | "Upgrades";
};

/** A hold by the operator's own switch, or by the cluster's windows. */
export function holdOf(cluster: ClusterObject, fleet: Fleet, now: Millis): Hold | undefined {
  if (fleet.frozen)
    return {
      keeps: "Everything",
      wait: {
        reason: "Frozen",
        message:
          "The operator is frozen: no node of any cluster is moved, rollbacks excepted. Set the chart's value freeze to false to go on",
        who: "Platform",
        command: "helm upgrade hmn-operator charts/hmn-operator -n hmn-system --reuse-values --set freeze=false",
      },
    };
  const opening = nextOpening(cluster.spec.rollout.windows, now);
  if (opening === undefined) return undefined;
  const { name, namespace } = cluster.metadata;
  return {
    keeps: "Upgrades",
    wait: {
      reason: "WindowClosed",
      message: `No node is moved outside of spec.rollout.windows; the next one opens at ${timeText(opening)}`,
      who: "Operator",
      command: specCommand({ cluster: name, namespace }),
    },
  };
}

const NAMED_MAX = 5;

/**
 * Whether another upgrade may begin, counted over all clusters: those that run, and those that have waited longer (by the
 * time in their status, ties by name), go first. Undefined: it may.
 */
export function turnOf(cluster: ClusterObject, fleet: Fleet): Wait | undefined {
  if (fleet.maxConcurrentRollouts === 0) return undefined;
  const { status, metadata } = cluster;
  const own = {
    cluster: `${metadata.namespace}/${metadata.name}`,
    waitingSince: status.waitingFor?.reason === "FleetLimit" ? status.waitingFor.since : "9999",
  };
  const ahead = fleet
    .rivals()
    .filter((rival) => orderOf(rival) < orderOf(own))
    .toSorted((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));
  if (ahead.length < fleet.maxConcurrentRollouts) return undefined;
  const names = ahead
    .slice(0, NAMED_MAX)
    .map((rival) => (rival.waitingSince === undefined ? `${rival.cluster} (rolling out)` : rival.cluster));
  const further = ahead.length > NAMED_MAX ? ` and ${ahead.length - NAMED_MAX} more` : "";
  return {
    reason: "FleetLimit",
    message: `The operator rolls out in ${fleet.maxConcurrentRollouts} cluster${fleet.maxConcurrentRollouts === 1 ? "" : "s"} at a time; ahead: ${names.join(", ")}${further}`,
    who: "Operator",
    command: "kubectl get hmnro -A",
  };
}

/** Those that roll out come first, then whoever has waited longest. */
const orderOf = ({ waitingSince, cluster }: Rival): string => `${waitingSince ?? ""} ${cluster}`;
