import { type Millis, millis, seconds } from "../../node/base/units.ts";
import { type LevelFacts, type ResourceAdvice, type TuningStatus, tunedParameters } from "../api/tuning.ts";
import type { Snapshot } from "../observe/snapshot.ts";
import { measuredEpochs } from "../rollout/epochs.ts";
import { quorumServes } from "../rollout/quorum.ts";
import { isHealthy } from "../rollout/replace.ts";
import { seriesOf, within } from "../rollout/series.ts";
import type { View } from "../rollout/view.ts";
import { nextOpening } from "../rollout/windows.ts";
import type { ParameterState } from "../tuning/input.ts";
import { recommendResources, usesOf } from "../tuning/resources.ts";
import { tune as tuneNetwork } from "../tuning/tune.ts";
import type { Action } from "./actions.ts";
import { agreed } from "./agreed.ts";
import { serviceLevels } from "./levels.ts";

type Facts = {
  /** A rollout is under way or wanted. */
  readonly busy: boolean;
  readonly scaling: boolean;
  /** Revision that runs. */
  readonly subject: string;
};
export type Tuning = { readonly status: TuningStatus | undefined; readonly acts: readonly Action[] };

/** What the tuner makes of the snapshot: its record, and an order that the record says was given now. */
export function tune(snapshot: Snapshot, view: View, facts: Facts): Tuning {
  const { status: held, acts } = tuneParameters(snapshot, view, facts);
  if (held === undefined) return { status: undefined, acts };
  const { resources: before, ...status } = held;
  const resources = resourceAdvice(snapshot, view, facts, before);
  return { status: resources === undefined ? status : { ...status, resources }, acts };
}

/** By readings of this release alone: what another one used says nothing of it. */
function resourceAdvice(snapshot: Snapshot, view: View, facts: Facts, before: ResourceAdvice | undefined) {
  const { cluster, samples, now } = snapshot;
  const { tuning, resources: current } = cluster.spec;
  if (tuning.resources === undefined || tuning.mode === "Off") return undefined;
  const ids = view.nodes.map(({ id }) => id);
  return recommendResources({
    ...{ now, before, current, spec: tuning.resources, cooldown: seconds(tuning.cooldownSeconds) },
    uses: usesOf(
      samples.filter(({ revision }) => revision === facts.subject),
      ids,
    ),
    disturbed: disturbanceOf(snapshot, view, facts) !== undefined,
  });
}

function tuneParameters(snapshot: Snapshot, view: View, facts: Facts): Tuning {
  const { cluster, now } = snapshot;
  const { spec, status } = cluster;
  const before = status.tuning;
  if (spec.tuning.mode === "Off" && before === undefined) return { status: undefined, acts: [] };
  const chain = agreed(view, ({ epoch, governance }) =>
    governance?.parameters === undefined
      ? undefined
      : { epoch, serial: governance.serial, parameters: governance.parameters },
  );
  const chainId = view.nodes.find(({ voting }) => voting)?.status?.chainId;
  // Without a word of the nodes nothing is known; what was recorded stands.
  if (chain === undefined || !chainId) return { status: before, acts: [] };
  const levels = serviceLevels(snapshot, view);
  const { status: recorded, order } = tuneNetwork({
    ...{ now, before, spec: spec.tuning, epoch: chain.epoch, paused: spec.paused },
    disturbance: disturbanceOf(snapshot, view, facts),
    hold: nextOpening(spec.rollout.windows, now) === undefined ? undefined : "spec.rollout.windows are closed",
    measured: measuredEpochs(view, snapshot.epochs),
    parameters: new Map(
      tunedParameters.flatMap((name) => {
        const state = parameterOf(chain.parameters.find((one) => one.name === name));
        return state === undefined ? [] : [[name, state] as const];
      }),
    ),
    levelsSince: (from) => levelFacts(snapshot, from),
    broken: levels.status === "False" ? levels.message : undefined,
    subject: `${facts.subject} ${view.nodes.length}`,
  });
  const through = view.nodes.find(({ voting }) => voting)?.id;
  if (order === undefined || through === undefined) return { status: recorded, acts: [] };
  const { parameter, value } = order;
  const serial = String(BigInt(chain.serial) + 1n);
  return {
    status: recorded,
    acts: [
      {
        ...{ type: "order", validator: through, through, chainId },
        order: { kind: "set_parameter", parameter, serial, value: String(value) },
      },
    ],
  };
}

/** What else goes on, in words: no epoch in which it does can be compared. */
function disturbanceOf({ cluster, fleet }: Snapshot, view: View, { busy, scaling }: Facts): string | undefined {
  const { spec, status } = cluster;
  if (spec.paused) return "spec.paused is true";
  if (fleet.frozen) return "the operator is frozen";
  if (busy) return "a rollout is under way";
  if (scaling) return "a validator is joining or leaving";
  if (status.disruption !== undefined) return `the slot is taken: ${status.disruption.kind}`;
  if (view.nodes.some(({ status: told }) => told?.coherence.mode === "Emergency"))
    return "the network is in an emergency";
  return view.nodes.every(isHealthy) && quorumServes(view) ? undefined : "not every node is ready and caught up";
}

type Told = {
  readonly value: string;
  readonly pending?: string | undefined;
  readonly changedAtMs?: number | undefined;
};

const parameterOf = (told: Told | undefined): ParameterState | undefined =>
  told === undefined
    ? undefined
    : {
        value: Number(told.value),
        pending: told.pending === undefined ? undefined : Number(told.pending),
        changedAt: told.changedAtMs === undefined ? undefined : millis(told.changedAtMs),
      };

/** Over all nodes. */
function levelFacts({ samples, now, cluster }: Snapshot, from: Millis): LevelFacts {
  const series = seriesOf(0, within(samples, from, now));
  const enough = series.batches >= cluster.spec.rollout.minimumSamples && series.p95Ms !== undefined;
  return {
    ...(enough ? { latencyP95Millis: Math.round(series.p95Ms ?? 0) } : {}),
    errorsPpm: series.errorsPpm,
    availabilityPpm: series.availabilityPpm,
  };
}

/** One event when a step is proposed, and one when it has ended. */
export function tuningEvents(before: TuningStatus | undefined, after: TuningStatus | undefined): readonly Action[] {
  const event = (reason: string, message: string): Action => ({
    ...{ type: "event", about: "HmnCluster", severity: "Normal", reason, message },
  });
  const known = new Set((before?.history ?? []).map((one) => JSON.stringify(one)));
  const { recommendation: advice, resources } = after ?? {};
  const isNew = JSON.stringify(advice) !== JSON.stringify(before?.recommendation);
  const tried = after?.trial?.step === "Observing" && before?.trial?.step === "Proposed" ? after.trial : undefined;
  return [
    ...(after?.history ?? [])
      .filter((one) => !known.has(JSON.stringify(one)))
      .map(({ parameter, from, to, outcome, message }) =>
        event(`Tuning${outcome}`, `${parameter} from ${from} to ${to}: ${message}`),
      ),
    ...(tried === undefined
      ? []
      : [event("TuningTrial", `${tried.parameter} went from ${tried.from} to ${tried.to}, and is watched`)]),
    ...(resources !== undefined && resources.since !== before?.resources?.since
      ? [event("TuningRecommended", resources.message)]
      : []),
    ...(advice !== undefined && isNew ? [event("TuningRecommended", advice.message)] : []),
  ];
}
