import { unreachable } from "../../node/base/assert.ts";
import type { Disruption } from "../api/cluster.ts";
import { LABELS } from "../api/group.ts";
import type { ScaleStatus } from "../api/scale.ts";
import { missingBond } from "../desired/genesis.ts";
import { genesisName } from "../desired/names.ts";
import type { Snapshot } from "../observe/snapshot.ts";
import { gate, quorumServes } from "../rollout/quorum.ts";
import { isHealthy, reasonOf } from "../rollout/replace.ts";
import { podsCommand, specCommand, type Wait } from "../rollout/situation.ts";
import { timeText } from "../rollout/time.ts";
import type { View } from "../rollout/view.ts";
import type { Action } from "./actions.ts";
import { agreed } from "./agreed.ts";
import { entryOf, isOrderDue, messenger, nextSerial } from "./ordering.ts";

/** Epochs that a node runs on after its validator has left: others may still fetch the cars of its lane that they lack. */
const SERVE_EPOCHS = 2;

/** What is recorded, who holds the slot, and what to do on the strength of it. */
export type Scaling = {
  /** Validators that are run; undefined before genesis, when all of them are brought up together. */
  readonly size: number | undefined;
  readonly status: ScaleStatus | undefined;
  readonly slot: Disruption | undefined;
  readonly acts: readonly Action[];
  readonly wait?: Wait;
};

/** How many validators there are to run: what the spec asks for is reached one by one from what the genesis named. */
export const sizeOf = (snapshot: Snapshot): number =>
  recordedSize(snapshot) ?? snapshot.cluster.spec.validators.replicas;

function recordedSize({ cluster, configMaps }: Snapshot): number | undefined {
  if (cluster.status.size !== undefined) return cluster.status.size;
  const name = genesisName(cluster.metadata.name);
  const text = configMaps.find(({ metadata }) => metadata?.name === name)?.data?.["genesis.json"];
  if (text === undefined) return undefined;
  const { validators } = JSON.parse(text) as { validators: readonly unknown[] };
  return validators.length;
}

/**
 * Brings the number of validators to `wanted`, one join or leave at a time: a newcomer follows as an observer before it is
 * ordered in, and who was ordered out goes on serving before its pod stops. The chain decides who votes; the operator only
 * orders, and looks. `snapshot` is of the validators that are run now. `free`: nobody else holds or wants the slot.
 */
export function scale(snapshot: Snapshot, view: View, wanted: number, free: boolean): Scaling {
  const { cluster } = snapshot;
  const size = recordedSize(snapshot);
  const { scale: status, disruption } = cluster.status;
  const slot = disruption?.kind === "Scale" ? disruption : undefined;
  const rest: Scaling = { size, status, slot, acts: [] };
  if (size === undefined || cluster.spec.paused) return rest;
  if (status === undefined) return begun(snapshot, view, { size, wanted, rest, free });
  // Something with more right took the slot: on with it when it is free again.
  if (slot === undefined)
    return free
      ? { ...rest, slot: slotFor(snapshot, status.validator) }
      : { ...rest, wait: waiting(snapshot, status, "") };
  const turned = status.direction === "Up" && wanted <= status.validator;
  return status.direction === "Up" && !turned
    ? joining(snapshot, view, rest, status)
    : leaving(snapshot, view, rest, turned ? { ...status, direction: "Down", step: "Order", epoch: 0 } : status);
}

function begun(
  snapshot: Snapshot,
  view: View,
  { size, wanted, rest, free }: { size: number; wanted: number; rest: Scaling; free: boolean },
): Scaling {
  const well = view.nodes.every(isHealthy) && quorumServes(view);
  if (wanted === size || !free || !well) return rest;
  const direction = wanted > size ? "Up" : "Down";
  const validator = wanted > size ? size : size - 1;
  return {
    ...rest,
    size: direction === "Up" ? size + 1 : size,
    status: {
      direction,
      validator,
      step: direction === "Up" ? "Start" : "Order",
      since: timeText(snapshot.now),
      epoch: 0,
    },
    slot: slotFor(snapshot, validator),
  };
}

const slotFor = ({ now }: Snapshot, validator: number): Disruption => ({
  kind: "Scale",
  validator,
  since: timeText(now),
});

function joining(snapshot: Snapshot, view: View, rest: Scaling, status: ScaleStatus): Scaling {
  const node = view.nodes[status.validator];
  const key = node?.status?.publicKey;
  const entry = entryOf(view, status.validator);
  const at = (step: ScaleStatus["step"]): Scaling => ({ ...rest, status: next(snapshot, status, step) });
  if (node === undefined) return rest;
  if (node.weight > 0) {
    // Done is who is counted by the budget, too.
    if (node.voting && node.pod?.metadata?.labels?.[LABELS.voter] === "true")
      return { ...rest, status: undefined, slot: undefined };
    return { ...rest, wait: waiting(snapshot, status, `it is a member and does not vote yet${reasonOf(node)}`) };
  }
  switch (status.step) {
    case "Start":
      if (isHealthy(node)) return at("Order");
      return { ...rest, wait: waiting(snapshot, status, `it starts and catches up${reasonOf(node)}`) };
    case "Order": {
      if (entry?.wants === "join" && entry.publicKey === key) return at("Boundary");
      const serial = nextSerial(view);
      const { chainId } = node.status ?? {};
      const through = messenger(view, status.validator);
      if (key === undefined || serial === undefined || !chainId || through === undefined)
        return { ...rest, wait: waiting(snapshot, status, "it and the others have to be readable") };
      const amount = String(missingBond(entry?.bond ?? "0"));
      const order = { kind: "join", voteKey: key, serial, amount } as const;
      return ordered(snapshot, rest, status, {
        ...{ type: "order", validator: status.validator, chainId, through, order },
      });
    }
    case "Boundary":
      if (entry?.wants !== "join") return at("Order");
      return {
        ...rest,
        wait: waiting(snapshot, status, "its join is ordered: the members agree, and an epoch has to end"),
      };
    case "Serve":
      return at("Order");
    default:
      return unreachable(status.step);
  }
}

function leaving(snapshot: Snapshot, view: View, rest: Scaling, status: ScaleStatus): Scaling {
  const { validator } = status;
  const entry = entryOf(view, validator);
  // Both of the same status: around a boundary nodes are of two epochs.
  const told = agreed(view, ({ epoch, validators }) => ({
    epoch,
    member: validators.some(({ id }) => id === validator),
  }));
  const at = (step: ScaleStatus["step"]): Scaling => ({ ...rest, status: next(snapshot, status, step) });
  // Nobody can be read: nobody knows who is a member.
  if (told === undefined) return { ...rest, status, wait: waiting(snapshot, status, "the others have to be readable") };
  const { epoch, member } = told;
  const served: Scaling = { ...rest, status: { ...next(snapshot, status, "Serve"), epoch } };
  switch (status.step) {
    case "Start":
    case "Order": {
      if (member && entry?.wants === "leave") return at("Boundary");
      // Whether it left meanwhile or never came in cannot be told apart for sure: it serves either way.
      if (!member && entry?.wants !== "join") return served;
      const closed = member ? gate(view, validator) : undefined;
      if (closed !== undefined) return { ...rest, status, wait: waiting(snapshot, status, closed) };
      const through = messenger(view, validator);
      const chainId = view.nodes.find(({ voting }) => voting)?.status?.chainId;
      if (through === undefined || !chainId)
        return { ...rest, status, wait: waiting(snapshot, status, "another one has to vote") };
      return ordered(snapshot, rest, status, { type: "order", validator, chainId, through, order: { kind: "leave" } });
    }
    case "Boundary":
      if (!member) return served;
      if (entry?.wants !== "leave") return at("Order");
      return { ...rest, wait: waiting(snapshot, status, "its leave is ordered, and an epoch has to end") };
    case "Serve":
      if (member) return at("Order");
      if (epoch < status.epoch + SERVE_EPOCHS)
        return {
          ...rest,
          wait: waiting(
            snapshot,
            status,
            `it has left, and serves its lane until epoch ${status.epoch + SERVE_EPOCHS}`,
          ),
        };
      return { ...rest, size: validator, status: undefined, slot: undefined };
    default:
      return unreachable(status.step);
  }
}

const next = ({ now }: Snapshot, status: ScaleStatus, step: ScaleStatus["step"]): ScaleStatus => ({
  ...{ direction: status.direction, validator: status.validator, step, since: timeText(now), epoch: status.epoch },
});

/** Recorded in the same write that comes before it, so that a crash gives the order again only after a while. */
function ordered(snapshot: Snapshot, rest: Scaling, status: ScaleStatus, order: Action): Scaling {
  const wait = waiting(snapshot, status, `the order has to be executed${snapshot.orderFault}`);
  if (!isOrderDue(snapshot.now, status.orderedAt)) return { ...rest, status, wait };
  return { ...rest, status: { ...status, orderedAt: timeText(snapshot.now) }, acts: [order], wait };
}

function waiting({ cluster }: Snapshot, { direction, validator }: ScaleStatus, what: string): Wait {
  const who = { cluster: cluster.metadata.name, namespace: cluster.metadata.namespace };
  return direction === "Up"
    ? {
        reason: "ScalingUp",
        message: `Validator ${validator} is joining: ${what === "" ? "something else has the slot" : what}`,
        who: "Operator",
        command: podsCommand(who),
      }
    : {
        reason: "ScalingDown",
        message: `Validator ${validator} is leaving: ${what === "" ? "something else has the slot" : what}`,
        who: "Operator",
        command: specCommand(who),
      };
}
