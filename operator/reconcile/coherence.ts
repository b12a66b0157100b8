import type { NodeStatus } from "../../node/api/contract.ts";
import type { ClusterStatus } from "../api/cluster.ts";
import type { CoherenceStatus } from "../api/coherence.ts";
import type { Wait } from "../rollout/situation.ts";
import type { View } from "../rollout/view.ts";
import type { Action } from "./actions.ts";

const bands = { green: "Green", yellow: "Yellow", red: "Red", critical: "Critical" } as const;

/** Numbers are rounded to this, and told anew when one has moved by so much: a steady network costs no write. */
const ROUND_PPM = 10_000;
const MOVED_PPM = 20_000;
const numbers = ["coherencePpm", "meanPsiPpm", "lambdaPpm"] as const;

/**
 * Band, mode and numbers as most readable nodes tell them: they are the chain's, so nodes differ only around the end of an epoch,
 * or where one lies. What was told last stands while none can be read; undefined before anything was measured.
 */
export function coherenceOf(view: View, before: CoherenceStatus | undefined): CoherenceStatus | undefined {
  const told = view.nodes.flatMap(({ status }) => readingOf(status?.coherence) ?? []);
  const standing = ({ band, mode }: CoherenceStatus): string => `${band} ${mode}`;
  const most = mostTold(told, standing);
  if (most === undefined) return before;
  // As many for the old as for the new: the new epoch is not everywhere yet.
  const known = told.filter((one) => before !== undefined && standing(one) === standing(before));
  const chosen = known.length === most.length ? known : most;
  const [newest] = mostTold(chosen, (one) => numbers.map((name) => one[name]).join()) ?? [];
  return newest === undefined || (before !== undefined && isLike(before, newest)) ? before : newest;
}

/** Those that say what most say; the first to be told of as many. */
function mostTold(
  told: readonly CoherenceStatus[],
  what: (one: CoherenceStatus) => string,
): readonly CoherenceStatus[] | undefined {
  const groups = Map.groupBy(told, what);
  return [...groups.values()].toSorted((a, b) => b.length - a.length)[0];
}

function readingOf(told: NodeStatus["coherence"] | undefined): CoherenceStatus | undefined {
  if (!told?.measured || told.band === undefined || told.mode === undefined) return undefined;
  const rounded = (value: number): number => Math.round(value / ROUND_PPM) * ROUND_PPM;
  return {
    ...{ band: bands[told.band], mode: told.mode, lambdaPpm: rounded(told.lambdaPpm) },
    ...(told.coherencePpm === undefined ? {} : { coherencePpm: rounded(told.coherencePpm) }),
    ...(told.meanPsiPpm === undefined ? {} : { meanPsiPpm: rounded(told.meanPsiPpm) }),
    ...(told.epoch === undefined ? {} : { epoch: told.epoch }),
  };
}

const isLike = (before: CoherenceStatus, now: CoherenceStatus): boolean =>
  before.band === now.band &&
  before.mode === now.mode &&
  numbers.every((name) => {
    const [was, is] = [before[name], now[name]];
    return was === undefined || is === undefined ? was === is : Math.abs(is - was) < MOVED_PPM;
  });

/** What a cluster without anything else to wait for waits for in an emergency. */
export const emergencyWait = (
  coherence: CoherenceStatus | undefined,
  { cluster, namespace }: { readonly cluster: string; readonly namespace: string },
): Wait | undefined =>
  coherence?.mode !== "Emergency"
    ? undefined
    : {
        reason: "Emergency",
        message: `The network is in an emergency (coherence ${coherence.band}): no mint, no weight moves, nobody joins or leaves. It ends by itself after three calm epochs in a row, of 10 s or more`,
        who: "Operator",
        command: `kubectl get hmn ${cluster} -n ${namespace} -o jsonpath='{.status.coherence}'`,
      };

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
