import type { NodeReading, Snapshot } from "../observe/snapshot.ts";
import type { Action, Decision } from "../reconcile/actions.ts";
import type { World } from "../reconcile/world.ts";

type Mind = (snapshot: Snapshot) => Decision;
/** Makes a broken mind of a right one. */
export type Canary = (mind: Mind, world: World) => Mind;

/** Deliberately broken operators, each of which the checks have to catch within its seeds: proof that they can. */
export const CANARIES: Readonly<Record<string, { readonly seeds: number; readonly breaks: Canary }>> = {
  "gate counts heads": {
    seeds: 40,
    breaks: (mind) => (snapshot) =>
      mind(withStatuses(snapshot, (status) => ({ ...status, validators: status.validators.map(equalWeight) }))),
  },
  "gate reads stale status": {
    seeds: 10,
    // What a node once said is taken for what it says now.
    breaks: (mind) => {
      const healthy = new Map<number, NodeReading>();
      return (snapshot) => {
        for (const [id, reading] of snapshot.readings)
          if ("status" in reading && reading.status.state === "Voting") healthy.set(id, reading);
        const readings = new Map(
          [...snapshot.readings].map(([id, reading]) => [id, renewed(healthy.get(id) ?? reading, reading)]),
        );
        const pods = snapshot.pods.map((pod) => ({ ...pod, status: { ...pod.status, conditions: READY } }));
        return mind({ ...snapshot, readings, pods });
      };
    },
  },
  "freeze is not heard": {
    seeds: 20,
    breaks: (mind) => (snapshot) => mind({ ...snapshot, fleet: { ...snapshot.fleet, frozen: false } }),
  },
  "delete instead of evict": {
    seeds: 5,
    breaks: changing((action) =>
      action.type === "evict" ? { type: "delete-pod", pod: action.pod, uid: action.uid, force: false } : action,
    ),
  },
  "template back without evictions": {
    seeds: 10,
    breaks: (mind) => (snapshot) => {
      const back = snapshot.rollouts.some(({ status }) => status.state === "RollingBack");
      return without(mind(snapshot), (action) => back && action.type === "evict");
    },
  },
  "evictions without the pod's UID": {
    seeds: 20,
    breaks: changingIn((action, world) =>
      action.type === "evict" ? { ...action, uid: world.find("Pod", action.pod)?.metadata.uid ?? "" } : action,
    ),
  },
  "status written over a newer one": {
    seeds: 10,
    breaks: changingIn((action, world) => {
      if (action.type !== "status") return action;
      const { cluster } = world.snapshot();
      const version =
        action.kind === "HmnCluster"
          ? cluster.metadata.resourceVersion
          : world.find(action.kind, action.name)?.metadata.resourceVersion;
      return { ...action, resourceVersion: version ?? "" };
    }),
  },
  "a lost host's pod is forgotten at once": {
    seeds: 20,
    breaks: changingIn((action, world) => {
      if (action.type !== "apply" || action.object.kind !== "StatefulSet") return action;
      const pod = world.objects("Pod").find((one) => world.volumes.isGone(one));
      return pod === undefined
        ? action
        : { type: "delete-pod", pod: pod.metadata.name, uid: pod.metadata.uid, force: true };
    }),
  },
  "damage is taken for a crash": {
    seeds: 20,
    breaks: (mind) => (snapshot) => mind({ ...snapshot, pods: snapshot.pods.map(asCrash) }),
  },
  "the slot is not recorded": {
    seeds: 10,
    breaks: changing((action) =>
      action.type === "status" && action.kind === "HmnCluster"
        ? { ...action, status: { ...(action.status as object), disruption: undefined } }
        : action,
    ),
  },
  "Ready once the spec is seen": {
    seeds: 5,
    breaks: changing((action) =>
      action.type === "status" ? { ...action, status: readyAtOnce(action.status) } : action,
    ),
  },
  "a write at each look": {
    seeds: 2,
    breaks: changing(
      (action) => action,
      [{ type: "event", about: "HmnCluster", severity: "Normal", reason: "Looked", message: "" }],
    ),
  },
};

const READY = [{ type: "Ready", status: "True" }];

const renewed = (said: NodeReading, { at, podUid }: NodeReading): NodeReading =>
  "status" in said ? { ...said, at, podUid, status: { ...said.status, lastBlockAtMs: at } } : said;

const equalWeight = <T extends { readonly weight: number }>(validator: T): T => ({ ...validator, weight: 1 });

function asCrash(pod: Snapshot["pods"][number]): Snapshot["pods"][number] {
  const containerStatuses = pod.status?.containerStatuses?.map((one) => ({
    ...one,
    lastState:
      one.lastState?.terminated === undefined ? {} : { terminated: { ...one.lastState.terminated, exitCode: 1 } },
  }));
  return containerStatuses === undefined ? pod : { ...pod, status: { ...pod.status, containerStatuses } };
}

type Status = Extract<NodeReading, { status: unknown }>["status"];

function withStatuses(snapshot: Snapshot, change: (status: Status) => Status): Snapshot {
  const readings = [...snapshot.readings].map(([id, reading]): [number, NodeReading] => [
    id,
    "status" in reading ? { ...reading, status: change(reading.status) } : reading,
  ]);
  return { ...snapshot, readings: new Map(readings) };
}

function changing(change: (action: Action) => Action, more: readonly Action[] = []): Canary {
  return (mind) => (snapshot) => {
    const { actions, requeueAfterMs } = mind(snapshot);
    return { actions: [...actions.map(change), ...more], requeueAfterMs };
  };
}

function changingIn(change: (action: Action, world: World) => Action): Canary {
  return (mind, world) => changing((action) => change(action, world))(mind, world);
}

const without = ({ actions, requeueAfterMs }: Decision, isLeftOut: (action: Action) => boolean): Decision => ({
  actions: actions.filter((action) => !isLeftOut(action)),
  requeueAfterMs,
});

function readyAtOnce(status: unknown): unknown {
  const { conditions = [] } = status as { conditions?: readonly { type: string }[] };
  const ready = conditions.map((each) => (each.type === "Ready" ? { ...each, status: "True" } : each));
  return { ...(status as object), conditions: ready };
}
