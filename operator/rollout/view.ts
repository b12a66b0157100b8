import type { V1Pod, V1StatefulSet } from "@kubernetes/client-node";
import { isObserver, type NodeStatus } from "../../node/api/contract.ts";
import { type Millis, seconds } from "../../node/base/units.ts";
import { LABELS } from "../api/group.ts";
import { incarnationOf, incarnationOn } from "../api/replacement.ts";
import { FORERUNNER, memberOn, observerIds } from "../desired/names.ts";
import type { NodeReading, Snapshot } from "../observe/snapshot.ts";
import { type Problem, problemOf } from "./problem.ts";

/** Older readings say nothing about now, unless it was agreed that they stand for longer. */
export const FRESH = seconds(15);
/** With a quorum there is a block each second: who executed none for this long is not caught up. */
const BLOCK_PATIENCE = seconds(15);

/** Whether every reading is as young as an act asks for that may take a node away. */
export const isFresh = ({ nodes }: Pick<View, "nodes">, now: Millis): boolean =>
  nodes.every(({ reading }) => reading === undefined || now - reading.at < FRESH);

/** One validator or observer as it is, put together from what Kubernetes and the node itself say. */
export type NodeView = {
  readonly id: number;
  /** How often its volume was replaced. All else here is of the node on the newest one. */
  readonly incarnation: number;
  readonly statefulSet: V1StatefulSet | undefined;
  /** The StatefulSet's template is on this revision, and its controller has seen it. */
  readonly templateRevision: string | undefined;
  readonly pod: V1Pod | undefined;
  readonly podUid: string;
  readonly podRevision: string | undefined;
  readonly stopping: boolean;
  /** Ready as the kubelet says. */
  readonly podReady: boolean;
  readonly host: string;
  /** The latest reading, if it is of this pod and fresh. */
  readonly reading: NodeReading | undefined;
  readonly status: NodeStatus | undefined;
  readonly weight: number;
  /** Ready for kubelet and operator, and executing what is decided. */
  readonly caughtUp: boolean;
  /** Caught up and voting with the committed key: its weight counts towards a quorum. */
  readonly voting: boolean;
  readonly problem: Problem | undefined;
};

export type View = {
  readonly nodes: readonly NodeView[];
  /** Those that the spec asks for: they weigh nothing. */
  readonly observers: readonly NodeView[];
  /** The observer that follows a new release before any validator runs it; there only in that phase. */
  readonly forerunner: NodeView;
  /** The committed validators, as most readable nodes say; empty before genesis or when none can be read. */
  readonly voters: NodeStatus["validators"];
  readonly totalWeight: number;
};

export function viewOf(snapshot: Snapshot): View {
  const readings = [...snapshot.readings].flatMap(([id, reading]) => (isObserver(id) ? [] : reading));
  const voters = committedVoters(readings);
  const nodes = Array.from({ length: snapshot.cluster.spec.validators.replicas }, (_, id) =>
    nodeView(snapshot, voters, id),
  );
  const observers = observerIds(snapshot.cluster.spec.observers.replicas).map((id) => nodeView(snapshot, voters, id));
  const forerunner = nodeView(snapshot, voters, FORERUNNER);
  return { nodes, observers, forerunner, voters, totalWeight: voters.reduce((sum, voter) => sum + voter.weight, 0) };
}

/** One liar must not decide what a quorum is: the set that most nodes tell, the highest block breaking a tie. */
function committedVoters(readings: readonly NodeReading[]): NodeStatus["validators"] {
  const told = new Map<string, { count: number; height: number; voters: NodeStatus["validators"] }>();
  for (const reading of readings) {
    if (!("status" in reading) || reading.status.chainId === null) continue;
    const voters = reading.status.validators.toSorted((a, b) => a.id - b.id);
    const key = JSON.stringify(voters);
    const known = told.get(key) ?? { count: 0, height: 0, voters };
    told.set(key, {
      voters,
      count: known.count + 1,
      height: Math.max(known.height, reading.status.height),
    });
  }
  const [most] = [...told.values()].toSorted((a, b) => b.count - a.count || b.height - a.height);
  return most?.voters ?? [];
}

function nodeView(snapshot: Snapshot, voters: View["voters"], id: number): NodeView {
  const incarnation = incarnationOf(snapshot.cluster.status, id);
  const isIts = ({ metadata }: V1StatefulSet | V1Pod): boolean =>
    memberOn(metadata?.labels) === id && incarnationOn(metadata?.labels) === incarnation;
  const statefulSet = snapshot.statefulSets.find(isIts);
  const pods = snapshot.pods.filter(isIts);
  const pod = pods.find((candidate) => candidate.metadata?.deletionTimestamp === undefined) ?? pods[0];
  const podUid = pod?.metadata?.uid ?? "";
  const stopping = pod?.metadata?.deletionTimestamp !== undefined;
  const latest = snapshot.readings.get(id);
  const ofThisPod =
    pod !== undefined && latest?.podUid === podUid && snapshot.now - latest.at < (latest.standsFor ?? FRESH);
  const reading = ofThisPod ? latest : undefined;
  const status = reading !== undefined && "status" in reading ? reading.status : undefined;
  const podReady = !stopping && isReady(pod);
  const voter = voters.find((candidate) => candidate.id === id);
  const caughtUp =
    podReady &&
    reading !== undefined &&
    status?.ready === true &&
    (status.state === "Voting" || status.state === "Following") &&
    reading.at - status.lastBlockAtMs < BLOCK_PATIENCE;
  return {
    id,
    incarnation,
    statefulSet,
    templateRevision: seenTemplate(statefulSet),
    pod,
    podUid,
    podRevision: pod?.metadata?.labels?.[LABELS.revision],
    stopping,
    podReady,
    host: pod?.spec?.nodeName ?? "",
    reading,
    status,
    weight: voter?.weight ?? 0,
    caughtUp,
    voting: caughtUp && status?.state === "Voting" && voter !== undefined && voter.publicKey === status.publicKey,
    problem: problemOf(pod, reading, snapshot.now),
  };
}

function seenTemplate(set: V1StatefulSet | undefined): string | undefined {
  if (set === undefined || (set.status?.observedGeneration ?? 0) < (set.metadata?.generation ?? 0)) return undefined;
  return set.spec?.template.metadata?.labels?.[LABELS.revision];
}

export const isReady = (pod: V1Pod | undefined): boolean =>
  pod?.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
