import { type Millis, millis, seconds } from "../../node/base/units.ts";
import type { ClusterSpec } from "../api/cluster.ts";
import { minAvailable } from "../desired/budget.ts";
import { canonicalJson, equalJson } from "../desired/hash.ts";
import { describeDifference, type Inputs, inputsOf, revisionOf } from "../desired/inputs.ts";
import type { ClusterObject, RolloutObject } from "../observe/snapshot.ts";
import { phaseCounts } from "../rollout/phases.ts";
import { gate, moveOrder, nextToMove, type Voter, votingWeight } from "../rollout/quorum.ts";
import { activeRollout, asksForObserver, currentRelease, suspendedUntil } from "../rollout/start.ts";
import { timeText } from "../rollout/time.ts";
import { nextOpening } from "../rollout/windows.ts";

/** What a spec would do to a cluster, worked out by the functions that the operator itself moves validators by. */
export type ChangePlan = {
  /** `Nothing`: no pod changes. `UnderWay`: the active rollout brings it already. */
  readonly kind: "Nothing" | "UnderWay" | "FirstDeployment" | "Upgrade";
  readonly to: string;
  /** The difference of what reaches pods, in words. */
  readonly difference: string;
  /** Fields of the spec that change and move no pod. */
  readonly others: readonly string[];
  /** Validators that join, or leave, in this order; not part of any rollout. */
  readonly members: { readonly join: readonly number[]; readonly leave: readonly number[] };
  /** What has to end, or to be done, before a validator moves. */
  readonly first: readonly string[];
  /** Phase 0: so long an observer of the new release follows before any validator moves; 0: there is none. */
  readonly observeSeconds: number;
  readonly phases: readonly PlannedPhase[];
  readonly total: number;
  readonly totalWeight: number;
  /** Observing, settling and soaking alone; each validator's restart comes on top. */
  readonly atLeast: Millis;
};

export type PlannedPhase = {
  readonly number: number;
  readonly percent: number;
  /** Validators on the release at its end. */
  readonly count: number;
  /** 0 where nothing is watched. */
  readonly soakSeconds: number;
  readonly gate: boolean;
  /** It adds no validator. */
  readonly skipped: boolean;
  readonly steps: readonly PlannedStep[];
};

export type PlannedStep = {
  readonly validator: number;
  /** Weight of the others that vote while this one is away. */
  readonly leaves: number;
  /** Whether it votes itself: only then its move takes weight away. */
  readonly votes: boolean;
  /** Why it would not move as things stand. */
  readonly closed?: string;
};

/** `live`: the cluster as it is, undefined if there is none yet. `rollouts`: its own, by number ascending. */
export function changePlan(
  wanted: ClusterSpec,
  live: ClusterObject | undefined,
  rollouts: readonly RolloutObject[],
  now: Millis,
): ChangePlan {
  const to = inputsOf(wanted);
  const target = revisionOf(to);
  const { replicas } = wanted.validators;
  const run = live?.status.validators?.length || replicas;
  const still = {
    to: wanted.version,
    total: run,
    totalWeight: 0,
    observeSeconds: 0,
    phases: [],
    atLeast: millis(0),
    members: {
      join: Array.from({ length: Math.max(0, replicas - run) }, (_, index) => run + index),
      leave: Array.from({ length: Math.max(0, run - replicas) }, (_, index) => run - 1 - index),
    },
  };
  if (live === undefined) {
    const first = wanted.paused ? [PAUSED] : [];
    const difference = describeDifference(undefined, to);
    return {
      ...still,
      ...phasesOf({ wanted, kind: "FirstDeployment", nodes: [], moved: [] }),
      kind: "FirstDeployment",
      difference,
      others: [],
      first,
    };
  }
  const active = activeRollout(rollouts);
  const current = currentRelease(rollouts, live.status);
  const nodes: readonly Voter[] = live.status.validators ?? [];
  const known = {
    ...still,
    difference: describeDifference(running(live, current.revision), to),
    others: changedFields(live.spec, wanted),
  };
  if (active?.spec.to.revision === target) {
    const { kind, phases } = active.spec;
    const { state, rollbackReason, moved = [], phase } = active.status;
    const goesBack = state === "RollingBack";
    const first = goesBack
      ? `${active.metadata.name} takes these very inputs back at the moment: ${rollbackReason}`
      : `${active.metadata.name} brings this already: ${moved.length} of ${still.total} validators have moved`;
    const rest = {
      wanted: { ...wanted, rollout: { ...wanted.rollout, phases } },
      kind,
      nodes,
      moved,
      from: phase ?? 0,
      watched: state === "AtGate",
    };
    return { ...known, ...(goesBack ? {} : phasesOf(rest)), kind: "UnderWay", first: [first] };
  }
  if (target === current.revision) {
    return active === undefined
      ? { ...known, kind: "Nothing", first: [] }
      : { ...known, kind: "Upgrade", first: [...superseded(active, live), ...(wanted.paused ? [PAUSED] : [])] };
  }
  const kind = current.revision === "" ? "FirstDeployment" : "Upgrade";
  const first = [
    ...(active === undefined ? [] : superseded(active, live)),
    ...obstacles(wanted, live, rollouts, target, now),
  ];
  return { ...known, ...phasesOf({ wanted, kind, nodes, moved: [] }), kind, first };
}

const PAUSED = "spec.paused is true: nothing moves until it is false";

/** The inputs that run now, where the spec still tells them. */
const running = (live: ClusterObject, current: string): Inputs | undefined => {
  const inputs = inputsOf(live.spec);
  return revisionOf(inputs) === current ? inputs : undefined;
};

function superseded(active: RolloutObject, live: ClusterObject): readonly string[] {
  const moved = active.status.moved ?? [];
  const nodes = (live.status.validators ?? []).filter(({ id }) => moved.includes(id));
  const ended = `${active.metadata.name} (${active.spec.to.version}) ends as Superseded`;
  if (active.spec.kind === "FirstDeployment" || nodes.length === 0) return [ended];
  const order = moveOrder(nodes).map(({ id }) => id);
  return [`${ended}: validator ${order.join(", ")} goes back to ${active.spec.from.version} first, one at a time`];
}

/** What keeps the operator from beginning, as its own idle state would say it. */
function obstacles(
  wanted: ClusterSpec,
  live: ClusterObject,
  rollouts: readonly RolloutObject[],
  target: string,
  now: Millis,
): readonly string[] {
  const { status, metadata } = live;
  const retrying = wanted.retry !== "" && wanted.retry !== (status.retryHandled ?? "");
  const bad = (status.quarantine ?? []).find(({ revision }) => revision === target);
  const until = suspendedUntil(rollouts, target);
  const opening = nextOpening(wanted.rollout.windows, now);
  const voters = (status.validators ?? []).filter(({ weight }) => weight > 0);
  return [
    ...(wanted.paused ? [PAUSED] : []),
    ...(bad === undefined || retrying
      ? []
      : [
          `these inputs are quarantined: ${bad.reason}. Change version, image or environment, or run kubectl hmn rollout retry ${bad.rollout} -n ${metadata.namespace}`,
        ]),
    ...(until !== undefined && until > now && !retrying
      ? [`these inputs could not start before and are tried again at ${timeText(until)}`]
      : []),
    ...(opening === undefined || currentRelease(rollouts, status).revision === ""
      ? []
      : [`outside of spec.rollout.windows: the next one opens at ${timeText(opening)}`]),
    ...(status.waitingFor?.reason === "Frozen" ? [status.waitingFor.message] : []),
    ...(voters.length > 0 && minAvailable(voters) === voters.length
      ? [
          "the disruption budget lets no validator go: without the heaviest one there would be no quorum. Level the weights, or add validators",
        ]
      : []),
  ];
}

/** The phases from `from` on, each validator in the order in which the operator would take it. */
function phasesOf(of: {
  readonly wanted: ClusterSpec;
  readonly kind: "FirstDeployment" | "Upgrade";
  readonly nodes: readonly Voter[];
  readonly moved: readonly number[];
  readonly from?: number;
  /** The phase to begin with has been watched already. */
  readonly watched?: boolean;
}): Pick<ChangePlan, "observeSeconds" | "phases" | "totalWeight" | "atLeast"> {
  const { wanted, kind, from = 0, watched = false } = of;
  const upgrade = kind === "Upgrade";
  const observeSeconds = upgrade && from === 0 && asksForObserver(wanted) ? wanted.rollout.observeSeconds : 0;
  // Those that run now: who joins or leaves does so outside of rollouts.
  const replicas = of.nodes.length === 0 ? wanted.validators.replicas : of.nodes.length;
  const known = new Map(of.nodes.map((node) => [node.id, node]));
  let nodes: readonly Voter[] = Array.from(
    { length: replicas },
    (_, id) => known.get(id) ?? { id, weight: 0, voting: false },
  );
  const totalWeight = nodes.reduce((sum, { weight }) => sum + weight, 0);
  const moved = [...of.moved];
  const phases: PlannedPhase[] = [];
  const counts = phaseCounts(wanted.rollout.phases, replicas);
  let waits = observeSeconds;
  for (const [index, { percent, soakSeconds, gate: gated }] of wanted.rollout.phases.entries()) {
    const count = counts[index] ?? replicas;
    if (index + 1 < from) continue;
    const skipped = count <= (counts[index - 1] ?? 0);
    const steps: PlannedStep[] = [];
    for (;;) {
      const next = upgrade ? nextToMove(nodes, moved) : nodes.find(({ id }) => !moved.includes(id));
      if (next === undefined || moved.length >= count) break;
      steps.push(stepOf(nodes, next, totalWeight));
      moved.push(next.id);
      // It is waited for until it votes again before the next one moves.
      nodes = nodes.map((node) => (node.id === next.id ? { ...node, voting: node.weight > 0 } : node));
    }
    // Before the network begins there is nothing to watch: a first deployment soaks once, with all validators there.
    const soaks = !skipped && (upgrade || count === replicas) && !(watched && index + 1 === from);
    waits += (upgrade ? steps.length * wanted.rollout.settleSeconds : 0) + (soaks ? soakSeconds : 0);
    phases.push({
      number: index + 1,
      percent,
      count,
      steps,
      skipped,
      soakSeconds: soaks ? soakSeconds : 0,
      gate: upgrade && !skipped && gated,
    });
  }
  return { observeSeconds, phases, totalWeight, atLeast: seconds(waits) };
}

function stepOf(nodes: readonly Voter[], next: Voter, totalWeight: number): PlannedStep {
  const leaves = votingWeight(nodes.filter(({ id }) => id !== next.id));
  const closed = next.voting ? gate({ nodes, totalWeight }, next.id) : undefined;
  const step = { validator: next.id, leaves, votes: next.voting };
  return closed === undefined ? step : { ...step, closed };
}

/** Paths of the spec that differ and reach no pod, with both values. */
function changedFields(before: ClusterSpec, after: ClusterSpec): readonly string[] {
  const found: string[] = [];
  const compare = (path: string, a: unknown, b: unknown) => {
    if (equalJson(a, b)) return;
    if (isFields(a) && isFields(b)) {
      for (const key of [...new Set([...Object.keys(a), ...Object.keys(b)])].toSorted())
        compare(`${path}.${key}`, a[key], b[key]);
    } else found.push(`${path}: ${shortText(a)} -> ${shortText(b)}`);
  };
  const inputs = Object.keys({ ...inputsOf(before), ...inputsOf(after) });
  for (const [key, value] of Object.entries(after)) {
    if (!inputs.includes(key) && key !== "validators") compare(`spec.${key}`, Reflect.get(before, key), value);
  }
  return found;
}

const isFields = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const SHORT_MAX = 120;
function shortText(value: unknown): string {
  const text = value === undefined ? "absent" : canonicalJson(value);
  return text.length <= SHORT_MAX ? text : `${text.slice(0, SHORT_MAX - 1)}…`;
}
