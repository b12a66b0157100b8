import { millis, seconds } from "../../node/base/units.ts";
import type { ProtocolStatus } from "../api/protocol.ts";
import type { Snapshot } from "../observe/snapshot.ts";
import { holdOf } from "../rollout/hold.ts";
import { quorumServes } from "../rollout/quorum.ts";
import { isHealthy } from "../rollout/replace.ts";
import { specCommand, type Wait } from "../rollout/situation.ts";
import { elapsed, timeOf, timeText } from "../rollout/time.ts";
import type { View } from "../rollout/view.ts";
import type { Action } from "./actions.ts";
import { agreed } from "./agreed.ts";

/** An order that no block shows after this time is given again. */
const AGAIN = seconds(15);

export type Activation = {
  readonly status: ProtocolStatus | undefined;
  readonly acts: readonly Action[];
  readonly wait?: Wait;
};

/**
 * Raises the network's state version, one at a time, once every member's release can run the next one and nobody may want to
 * go back any more. Before that a rollback is always possible, since all releases run the old rules; afterwards never. `calm`:
 * nothing is under way or wanted, and `version` is what all nodes run.
 */
export function activate(snapshot: Snapshot, view: View, calm: boolean, version: string): Activation {
  const { cluster, now } = snapshot;
  const before = cluster.status.protocol;
  const told = protocolOf(view, before);
  // Nobody can be asked: what was recorded stands.
  if (told === undefined) return { status: before, acts: [] };
  const { serial, ...facts } = told;
  const raised = facts.stateVersion > (before?.stateVersion ?? 1) || facts.pendingVersion !== undefined;
  const leastVersion = raised && version !== "" ? version : before?.leastVersion;
  const status: ProtocolStatus = {
    ...facts,
    ...(leastVersion === undefined ? {} : { leastVersion }),
    ...(before?.orderedAt === undefined ? {} : { orderedAt: before.orderedAt }),
  };
  const rest: Activation = { status, acts: [] };
  const next = facts.stateVersion + 1;
  if (facts.ableVersion < next || facts.pendingVersion !== undefined || !calm || cluster.spec.paused) return rest;
  if (holdOf(cluster, snapshot.fleet, now) !== undefined) return rest;
  const wait = waitingFor(snapshot, next);
  if (wait !== undefined) return { ...rest, wait };
  const through = view.nodes.find(({ voting }) => voting);
  const chainId = through?.status?.chainId;
  const given = before?.orderedAt !== undefined && elapsed(now, before.orderedAt) < AGAIN;
  if (given || through === undefined || !chainId || !view.nodes.every(isHealthy) || !quorumServes(view)) return rest;
  const parameter = { kind: "set_parameter", parameter: "stateVersion", value: String(next) } as const;
  return {
    status: { ...status, orderedAt: timeText(now) },
    acts: [
      {
        ...{ type: "order", validator: through.id, through: through.id, chainId },
        order: { ...parameter, serial: String(BigInt(serial) + 1n) },
      },
    ],
  };
}

/** As more than half of the weight tells it; undefined where releases do not tell, or differ for a moment. */
function protocolOf(view: View, before: ProtocolStatus | undefined) {
  const told = agreed(view, ({ governance, validators }) => {
    const parameter = governance?.parameters?.find(({ name }) => name === "stateVersion");
    if (governance === undefined || parameter === undefined) return undefined;
    const announced = validators.map(
      ({ id }) => governance.validators.find((one) => one.id === id)?.stateVersion ?? Number(parameter.value),
    );
    return {
      serial: governance.serial,
      stateVersion: Number(parameter.value),
      ableVersion: Math.min(...announced),
      ...(parameter.pending === undefined ? {} : { pendingVersion: Number(parameter.pending) }),
    };
  });
  const spoken = view.nodes.flatMap(({ status }) => (status === undefined ? [] : [status.wireVersion]));
  const whole = spoken.length === view.nodes.length || before === undefined;
  return told === undefined ? undefined : { ...told, wireVersion: whole ? Math.min(...spoken) : before.wireVersion };
}

/** Who has to do what before version `next` may be ordered. */
function waitingFor({ cluster, rollouts, now }: Snapshot, next: number): Wait | undefined {
  const { spec, metadata } = cluster;
  const last = rollouts.findLast(({ status }) => status.state === "Succeeded");
  const until = millis((timeOf(last?.status.completionTime) ?? 0) + seconds(spec.rollout.rollbackWindowSeconds));
  if (now < until)
    return {
      reason: "RollbackWindow",
      message: `All validators can run state version ${next}. Until ${timeText(until)} the old one is kept, so that ${last?.spec.from.version || "an older release"} can come back`,
      who: "Operator",
      command: specCommand({ cluster: metadata.name, namespace: metadata.namespace }),
    };
  if (spec.protocolActivation === "Auto" || (spec.protocolVersion ?? 1) >= next) return undefined;
  return {
    reason: "ActivationDue",
    message: `All validators can run state version ${next}, and spec.protocolActivation is Manual: set spec.protocolVersion to ${next} to activate it. There is no way back to older releases afterwards`,
    who: "User",
    command: `kubectl patch hmncluster ${metadata.name} -n ${metadata.namespace} --type=merge -p '{"spec":{"protocolVersion":${next}}}'`,
  };
}

/** One event when the rules of a new release come into force. */
export function activationEvents(
  before: ProtocolStatus | undefined,
  after: ProtocolStatus | undefined,
): readonly Action[] {
  if (before === undefined || after === undefined || after.stateVersion === before.stateVersion) return [];
  return [
    {
      ...{ type: "event", about: "HmnCluster", severity: "Normal", reason: "ProtocolActivated" },
      message: `state version ${after.stateVersion} is in force: releases older than ${after.leastVersion} run no more`,
    },
  ];
}
