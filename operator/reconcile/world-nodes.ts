import { EXIT_CODES, isObserver, LATENCY_BUCKETS, type NodeStatus, type TrustAnchor } from "../../node/api/contract.ts";
import { type Millis, millis } from "../../node/base/units.ts";
import { LABELS } from "../api/group.ts";
import { ANNOTATIONS, claimName, memberOn } from "../desired/names.ts";
import type { NodeReading, Sample } from "../observe/snapshot.ts";
import type { ModelChain } from "./world-chain.ts";
import type { ModelRestores } from "./world-restores.ts";
import type { Thing } from "./world-store.ts";
import type { ModelVolumes } from "./world-volumes.ts";

/** How a release behaves in the model. */
export type Behaviour = {
  readonly latencySeconds: number;
  readonly pullable: boolean;
  /** The process ends this long after its start, every time. */
  readonly crashAfterSeconds?: number;
  /** It spoils what is on its volume so long after its start, so that no release takes it any more. */
  readonly damagesAfterSeconds?: number;
  /** Rules that the release can run; 1 where absent. */
  readonly stateVersion?: number;
  /** It executes to other results than the other releases; seen at an observer, as the validators' are what a quorum has. */
  readonly differs?: boolean;
  /** 95th percentile as its peers see it; 30 where absent. */
  readonly voteDelayMs?: number;
  /** Of its container's limits; not told where absent. */
  readonly usage?: { readonly cpuPpm: number; readonly memoryPpm: number };
  /** Share of failed batches, of ten. */
  readonly failsOfTen?: number;
};

export type ModelNodes = {
  tick(now: Millis): void;
  isReady(pod: Thing): boolean;
  /** Ids of the nodes that vote. */
  voting(): readonly number[];
  /** Whether these ids are more than two thirds of the weight. */
  isQuorum(ids: readonly number[]): boolean;
  readings(): ReadonlyMap<number, NodeReading>;
  samples(): readonly Sample[];
  crashLogs(): ReadonlyMap<string, string>;
  /** Hosts that take no new pods. */
  cordoned: Set<number>;
  /** What a node tells of the network's coherence; nothing was measured where it is absent. */
  coherence: Map<number, NodeStatus["coherence"]>;
  /** The closing block that a node vouches for; none where it is absent. */
  trustAnchors: Map<number, TrustAnchor>;
  /** References that have come to mean another image, and which; pods that start from now on get it. */
  moved: Map<string, string>;
  /** Nodes whose process hangs: neither ready nor readable. */
  stalled: Set<number>;
  /** Client batches at each node in two seconds. */
  traffic: { batches: number };
  height(): number;
  /** The operator's process died, and what it had in memory with it. Another one reads every node before it decides. */
  forget(): void;
};

type Process = {
  image: string;
  startedAt: number;
  restarts: number;
  downUntil: number;
  running: boolean;
  /** Of the last time that it ended. */
  exitCode?: number;
};
type PodStatus = { phase: string; startTime?: string; conditions: object[]; containerStatuses?: object[] };

const CORDONED = "0/4 nodes are available: 1 node(s) were unschedulable.";
const READ_EVERY = 2;
const START_SECONDS = 3;
const HISTORY_MS = 15 * 60_000;
/** Of the kubelet. */
const BACK_OFF_MAX_MS = 5 * 60_000;

export function createNodes(options: {
  readonly behaviour: (version: string) => Behaviour;
  readonly chain: ModelChain;
  readonly volumes: Pick<ModelVolumes, "place" | "keyOf" | "isGone" | "damage" | "isDamaged">;
  /** Of two pods of one validator the one that is read. */
  readonly isRead: (pod: Thing) => boolean;
  readonly network: string;
  /** What a node's process has read of its certificates; undefined while nobody can speak to it. */
  readonly told: (pod: Thing) => Pick<NodeStatus, "caBundleHash" | "certificateHash"> | undefined;
  readonly pods: () => readonly Thing[];
  readonly genesis: () => Thing | undefined;
  readonly restores: Pick<ModelRestores, "isDone" | "heldBy">;
}): ModelNodes {
  const { chain, volumes } = options;
  const { isQuorum } = chain;
  const processes = new Map<string, Process>();
  const readings = new Map<number, NodeReading>();
  const crashLogs = new Map<string, string>();
  const cordoned = new Set<number>();
  const stalled = new Set<number>();
  const moved = new Map<string, string>();
  const coherence = new Map<number, NodeStatus["coherence"]>();
  const trustAnchors = new Map<number, TrustAnchor>();
  const traffic = { batches: 40 };
  let samples: Sample[] = [];
  let voting: readonly number[] = [];
  let running: readonly number[] = [];
  let height = 0;
  let seconds = 0;
  let lastBlockAt = 0;

  const idOf = (pod: Thing) => memberOn(pod.metadata.labels) ?? Number.NaN;
  const referenceOf = (pod: Thing) =>
    (pod.spec as { containers: readonly { image: string }[] }).containers[0]?.image ?? "";
  const behaviourOf = (pod: Thing) => options.behaviour(referenceOf(pod).split(":")[1] ?? "");
  const statusOf = (pod: Thing) => pod.status as PodStatus;
  const isReady = (pod: Thing) =>
    statusOf(pod).conditions.some(
      (condition) =>
        "type" in condition && condition.type === "Ready" && "status" in condition && condition.status === "True",
    );

  const votes = (pod: Thing): boolean => chain.votes(idOf(pod), volumes.keyOf(pod));

  /** The genesis reaches a pod that was made after it, or that was marked. */
  const knowsGenesis = (pod: Thing) => {
    const genesis = options.genesis();
    if (genesis === undefined) return false;
    const made = Date.parse(pod.metadata.creationTimestamp) >= Date.parse(genesis.metadata.creationTimestamp);
    return made || pod.metadata.annotations[ANNOTATIONS.genesis] !== undefined;
  };

  const run = (pod: Thing, now: number) => {
    const behaviour = behaviourOf(pod);
    const status = statusOf(pod);
    const age = (now - Date.parse(pod.metadata.creationTimestamp)) / 1000;
    const spec = pod.spec as { nodeName?: string };
    const since = (text: string) => ({ lastTransitionTime: text });
    if (spec.nodeName === undefined) {
      if (age < 1) return;
      const placed = cordoned.has(idOf(pod)) ? { refusal: CORDONED } : volumes.place(pod);
      if ("refusal" in placed) {
        status.conditions = [
          {
            type: "PodScheduled",
            status: "False",
            reason: "Unschedulable",
            message: placed.refusal,
            ...since(pod.metadata.creationTimestamp),
          },
        ];
        return;
      }
      spec.nodeName = placed.host;
      status.startTime = new Date(now).toISOString();
    }
    // As the node lifecycle controller has it.
    if (volumes.isGone(pod)) {
      status.conditions = [{ type: "Ready", status: "False", ...since(new Date(now).toISOString()) }];
      processes.delete(pod.metadata.uid);
      return;
    }
    const reference = referenceOf(pod);
    const image = moved.get(reference) ?? `${reference.split(":")[0]}@sha256:first-${reference}`;
    const process = processes.get(pod.metadata.uid) ?? {
      ...{ image, startedAt: now, restarts: 0, downUntil: 0, running: false },
    };
    processes.set(pod.metadata.uid, process);
    const container = (state: object, ready: boolean) => {
      const { exitCode } = process;
      const lastState = exitCode === undefined ? {} : { terminated: { exitCode, reason: "Error" } };
      status.containerStatuses = [
        {
          name: "node",
          image: reference,
          imageID: behaviour.pullable ? process.image : "",
          ready,
          restartCount: process.restarts,
          state,
          lastState,
        },
      ];
      // The time is that of the last change: a kubelet that has nothing new to say writes nothing.
      const before = status.conditions.find((condition) => "type" in condition && condition.type === "Ready");
      const readiness = { type: "Ready", status: ready ? "True" : "False" };
      const same = before !== undefined && "status" in before && before.status === readiness.status;
      status.conditions = [
        { type: "PodScheduled", status: "True" },
        same ? before : { ...readiness, ...since(new Date(now).toISOString()) },
      ];
    };
    if (!behaviour.pullable) {
      container({ waiting: { reason: "ErrImagePull", message: "not found" } }, false);
      return;
    }
    status.phase = "Running";
    if (process.downUntil > now) {
      container({ waiting: { reason: "CrashLoopBackOff" } }, false);
      return;
    }
    if (!process.running) {
      process.restarts += process.downUntil > 0 ? 1 : 0;
      process.running = true;
      process.startedAt = now;
    }
    if (!options.restores.isDone(pod)) {
      process.startedAt = now;
      container({ waiting: { reason: "PodInitializing" } }, false);
      return;
    }
    const uptime = (now - process.startedAt) / 1000;
    if (uptime >= (behaviour.damagesAfterSeconds ?? Number.POSITIVE_INFINITY))
      volumes.damage(claimName(pod.metadata.name.slice(0, -2)));
    const crashAfter = volumes.isDamaged(pod) ? 1 : behaviour.crashAfterSeconds;
    if (crashAfter !== undefined && uptime >= crashAfter) {
      process.running = false;
      process.downUntil = now + Math.min(BACK_OFF_MAX_MS, 1000 * 10 * 2 ** process.restarts);
      process.exitCode = volumes.isDamaged(pod) ? EXIT_CODES.dataDamaged : 1;
      crashLogs.set(pod.metadata.uid, "fatal: told to crash");
      container({ waiting: { reason: "CrashLoopBackOff" } }, false);
      return;
    }
    // It halts where the network's rules are newer than it knows.
    const knowsRules = (behaviour.stateVersion ?? 1) >= chain.stateVersion();
    const ready = knowsRules && uptime >= START_SECONDS && knowsGenesis(pod) && !stalled.has(idOf(pod));
    container({ running: {} }, ready);
  };

  const read = (pod: Thing, now: Millis) => {
    const process = processes.get(pod.metadata.uid);
    if (process === undefined || !options.isRead(pod)) return;
    const id = idOf(pod);
    const revision = pod.metadata.labels[LABELS.revision] ?? "";
    const answers =
      process.running && options.restores.isDone(pod) && now - process.startedAt >= 1000 && !stalled.has(id);
    const files = answers ? options.told(pod) : undefined;
    const ready = files !== undefined && isReady(pod);
    readings.set(
      id,
      files !== undefined
        ? { at: now, podUid: pod.metadata.uid, status: { ...nodeStatus(pod, id, ready), ...files } }
        : { at: now, podUid: pod.metadata.uid, unreachable: "connection refused" },
    );
    const behaviour = behaviourOf(pod);
    const bucket = LATENCY_BUCKETS.findIndex((bound) => bound >= behaviour.latencySeconds);
    const batches = ready ? traffic.batches : 0;
    const failed = Math.floor((batches * (behaviour.failsOfTen ?? 0)) / 10);
    samples.push({
      validator: id,
      podUid: pod.metadata.uid,
      revision,
      from: millis(now - READ_EVERY * 1000),
      to: now,
      available: ready,
      latencyCounts: Array.from({ length: LATENCY_BUCKETS.length + 1 }, (_, index) => (index === bucket ? batches : 0)),
      batches: { accepted: batches - failed, refused: 0, failed },
      ...(behaviour.usage === undefined ? {} : { usage: behaviour.usage }),
      transfersApplied: batches,
      safetyViolations: 0,
    });
  };

  const nodeStatus = (pod: Thing, id: number, ready: boolean): NodeStatus => {
    const trustAnchor = trustAnchors.get(id);
    const restored = options.restores.heldBy(pod);
    const begun = knowsGenesis(pod);
    const image = referenceOf(pod);
    const checkpoint = Math.floor(height / 32) * 32;
    return {
      version: image.split(":")[1] ?? "",
      wireVersion: 1,
      network: options.network,
      chainId: begun ? "c".repeat(64) : null,
      validator: id,
      publicKey: volumes.keyOf(pod),
      state: ready ? (votes(pod) ? "Voting" : "Following") : begun ? "CatchingUp" : "WaitingForGenesis",
      reason: "",
      ready,
      role: votes(pod) ? "Voter" : "Observer",
      height: begun ? height : 0,
      certifiedHeight: begun ? height : 0,
      resultsHash: "d".repeat(64),
      checkpoint: { height: checkpoint, stateRoot: "e".repeat(64) },
      lastBlockAtMs: begun ? lastBlockAt : 0,
      view: height,
      epoch: begun ? chain.told().epoch : 0,
      validators: [],
      ...(begun ? chain.told() : {}),
      ...(trustAnchor === undefined ? {} : { trustAnchor }),
      connectedPeers: running.filter((peer) => peer !== id),
      ...(isObserver(id) ? { resultsDiffer: behaviourOf(pod).differs === true } : { observers: [] }),
      finality: null,
      ...(begun || restored === undefined ? {} : { restored }),
      storage: { writable: true, reason: "", freeBytes: 1e9 },
      coherence: coherence.get(id) ?? { measured: false, psiPpm: 1_000_000, lambdaPpm: 700_000 },
      caBundleHash: "",
      faults: [],
    };
  };

  return {
    cordoned,
    coherence,
    trustAnchors,
    moved,
    stalled,
    traffic,
    isReady,
    voting: () => voting,
    isQuorum,
    readings: () => readings,
    samples: () => samples,
    crashLogs: () => crashLogs,
    height: () => height,
    forget: () => {
      samples = [];
    },
    tick: (now) => {
      seconds += 1;
      const pods = options.pods();
      for (const pod of pods) if (pod.metadata.deletionTimestamp === undefined) run(pod, now);
      const ready = pods.filter((pod) => pod.metadata.deletionTimestamp === undefined && isReady(pod));
      running = ready.map(idOf).filter((id) => !isObserver(id));
      voting = ready.filter(votes).map(idOf);
      if (isQuorum(voting)) {
        for (const pod of ready.filter((one) => !isObserver(idOf(one))))
          chain.announce(idOf(pod), behaviourOf(pod).stateVersion ?? 1);
        chain.tick(
          ready.map((pod) => ({
            ...{ id: idOf(pod), key: volumes.keyOf(pod) },
            voteDelayMs: behaviourOf(pod).voteDelayMs ?? 30,
          })),
          now,
        );
        // A boundary may just have given somebody a vote, which its next reading tells.
        voting = ready.filter(votes).map(idOf);
        height += 1;
        lastBlockAt = now;
      }
      for (const pod of pods) {
        // Readings of different nodes come in different seconds.
        const due = (seconds + idOf(pod)) % READ_EVERY === 0;
        if (due && pod.metadata.deletionTimestamp === undefined) read(pod, now);
      }
      samples = samples.filter((sample) => sample.to > now - HISTORY_MS);
    },
  };
}
