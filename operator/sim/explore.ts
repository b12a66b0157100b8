import type { NodeStatus } from "../../node/api/contract.ts";
import { assert, unreachable } from "../../node/base/assert.ts";
import { millis } from "../../node/base/units.ts";
import { clusterSpecSchema, type Disruption } from "../api/cluster.ts";
import type { RolloutSpec, RolloutStatus } from "../api/rollout.ts";
import { canonicalJson, equalJson } from "../desired/hash.ts";
import { FORERUNNER } from "../desired/names.ts";
import { advance } from "../rollout/advance.ts";
import { isActive } from "../rollout/history.ts";
import { phaseCounts } from "../rollout/phases.ts";
import { isQuorum } from "../rollout/quorum.ts";
import type { Situation, Step } from "../rollout/situation.ts";
import { assignedRevision, isObserving } from "../rollout/start.ts";
import { timeText } from "../rollout/time.ts";
import type { NodeView } from "../rollout/view.ts";

/** One validator: what its pod runs, and how it is. `Away` is not our doing. */
type Node = { readonly pod: "old" | "new"; readonly is: "Well" | "Stopping" | "Starting" | "Crashed" | "Away" };
type State = {
  readonly status: RolloutStatus;
  readonly slot: Disruption | undefined;
  readonly quarantined: boolean;
  readonly nodes: readonly Node[];
  /** The observer of phase 0, while there is one. */
  readonly forerunner?: Node;
  /** It has followed for long enough. */
  readonly followed: boolean;
  /** Those that voted when we evicted them, and have not come back. */
  readonly downByUs: readonly number[];
  readonly paused: boolean;
  /** The user wants something else by now. */
  readonly abandoned: boolean;
};
/** What happens next; a fair one happens again and again unless something else changes the state first. */
type Move = { readonly name: string; readonly fair: boolean; readonly to: State };

export type Machine = (situation: Situation) => Step;
export type Exploration = {
  readonly states: number;
  readonly moves: number;
  /** By how the rollout ended. */
  readonly ends: Readonly<Record<string, number>>;
  /** The first state in breadth-first order that is wrong, and how it came about. */
  readonly violation: string | undefined;
};

const NOW = millis(Date.UTC(2026, 0, 1));
const STATES_MAX = 2_000_000;
const WEIGHT = 100;

/**
 * Every state that the rollout machine can come to with `n` validators, breadth first: the operator, the kubelets, one validator
 * at a time that goes away and comes back, and a user who pauses, resumes and changes the spec may act in any order; with
 * `observes` an observer of the new release, too, which comes up and goes away, before any validator. Time stands still but for
 * that one's: deadlines, soaks and windows are for the simulator. No budget helps the operator's own gate.
 */
export function explore(
  n: number,
  release: "good" | "crashing" | "differing",
  { machine = advance, observes = false }: { readonly machine?: Machine; readonly observes?: boolean } = {},
): Exploration {
  const spec = clusterSpecSchema.parse({
    ...{ version: "2.0.0", image: { reference: "x:2" }, network: "n", validators: { replicas: n } },
    rollout: {
      phases: [20, 80, 100].map((percent) => ({ percent, soakSeconds: 0 })),
      settleSeconds: 0,
      observeSeconds: observes ? 1 : 0,
    },
  });
  const named = (revision: string) => ({ revision, version: revision, image: revision });
  const rollout: RolloutSpec = {
    ...{ cluster: "c", clusterUID: "u", number: 1, kind: "Upgrade", from: named("old"), to: named("new") },
    phases: spec.rollout.phases,
  };
  const counts = phaseCounts(rollout.phases, n);

  const situationOf = (state: State): Situation => ({
    ...{ now: NOW, cluster: "c", namespace: "ns", spec: { ...spec, paused: state.paused }, slot: state.slot },
    view: {
      nodes: state.nodes.map((node, id) => viewOf(node, id, assigned(state, id), { observers: [] })),
      observers: [],
      forerunner:
        state.forerunner === undefined
          ? viewOf({ pod: "old", is: "Away" }, FORERUNNER, undefined)
          : viewOf(state.forerunner, FORERUNNER, "new", { resultsDiffer: release === "differing" }),
      voters: [],
      totalWeight: n * WEIGHT,
    },
    rollout: { metadata: metadata(), spec: rollout, status: state.followed ? longAgo(state.status) : state.status },
    targetRevision: state.abandoned ? "other" : "new",
    quarantine: state.quarantined ? [{ ...named("new"), rollout: "c-1", reason: "", since: "" }] : [],
    ...{ approvals: [], samples: [], epochs: new Map(), metricSource: undefined, crashLogs: new Map(), difference: "" },
    ...{ schedulingChanged: false, hold: undefined, replacement: undefined },
  });
  const assigned = (state: State, id: number) => assignedRevision({ spec: rollout, status: state.status }, "old", id);
  const changed = (state: State, id: number, node: Node): State => ({
    ...state,
    nodes: state.nodes.with(id, node),
    downByUs: node.is === "Well" ? state.downByUs.filter((other) => other !== id) : state.downByUs,
  });

  /** As `decide` does: what is recorded comes first, and is acted on at the next look. Throws on a breach of safety. */
  const operate = (state: State): State => {
    const step = machine(situationOf(state));
    const status = step.status === undefined ? state.status : essential(step.status);
    const next: State = {
      ...state,
      status,
      followed: state.followed && status.followsSince !== undefined,
      slot: step.slot,
      quarantined: state.quarantined || step.quarantine !== undefined,
    };
    const phase = next.status.phase ?? 1;
    const moved = next.status.moved?.length ?? 0;
    assert(moved <= (counts[phase - 1] ?? n), `phase ${phase} has ${counts[phase - 1]} nodes at most, not ${moved}`);
    const harmless = release === "good" || !observes;
    assert(
      harmless || moved === 0,
      `a ${release} release is on node ${next.status.moved?.join()} despite its observer`,
    );
    const recorded = step.status === undefined && step.quarantine === undefined && same(step.slot, state.slot);
    return recorded
      ? step.acts.reduce((before, act) => (act.type === "evict" ? evict(before, act.uid) : before), next)
      : next;
  };
  const evict = (state: State, uid: string): State => {
    const id = Number(uid);
    const others = state.nodes.filter(({ is }, other) => other !== id && is === "Well").length;
    const votes = state.nodes[id]?.is === "Well";
    assert(
      !votes || isQuorum(others * WEIGHT, n * WEIGHT),
      `node ${id} is evicted although only ${others} others vote`,
    );
    const downByUs = votes ? [...state.downByUs, id] : state.downByUs;
    assert(downByUs.length <= 1, `nodes ${downByUs.join(" and ")} are down by us`);
    return { ...state, downByUs, nodes: state.nodes.with(id, { pod: state.nodes[id]?.pod ?? "old", is: "Stopping" }) };
  };

  /** Its StatefulSet is there for as long as phase 0 is, and one that goes away comes back. */
  const observerMoves = (state: State): readonly Move[] => {
    const { forerunner, ...others } = state;
    const is = (to: Node["is"], name: string, fair = true): Move => ({
      ...{ name: `observer ${name}`, fair },
      to: { ...state, forerunner: { pod: "new", is: to } },
    });
    if (!isObserving(state)) return forerunner === undefined ? [] : [{ name: "observer goes", fair: true, to: others }];
    const time: Move = { name: "time passes", fair: true, to: { ...state, followed: true } };
    switch (forerunner?.is) {
      case undefined:
        return [is("Starting", "is made")];
      case "Starting":
        return [release === "crashing" ? is("Crashed", "crashes") : is("Well", "follows")];
      case "Well":
        return [is("Away", "goes away", false), ...(state.status.followsSince === undefined ? [] : [time])];
      case "Away":
        return [is("Well", "comes back")];
      default:
        return [];
    }
  };

  const movesOf = (state: State): readonly Move[] => [
    { name: "operator", fair: true, to: operate(state) },
    ...observerMoves(state),
    ...state.nodes.flatMap((node, id): readonly Move[] => {
      const to = (next: Node) => changed(state, id, next);
      const pod = assigned(state, id) === "new" ? "new" : "old";
      switch (node.is) {
        case "Stopping":
          return [{ name: `pod ${id} is made`, fair: true, to: to({ pod, is: "Starting" }) }];
        case "Starting":
          return node.pod === "new" && release === "crashing"
            ? [{ name: `pod ${id} crashes`, fair: true, to: to({ ...node, is: "Crashed" }) }]
            : [{ name: `pod ${id} is ready`, fair: true, to: to({ ...node, is: "Well" }) }];
        case "Away":
          return [{ name: `node ${id} comes back`, fair: true, to: to({ ...node, is: "Well" }) }];
        case "Well":
          return state.nodes.some(({ is }) => is === "Away")
            ? []
            : [{ name: `node ${id} goes away`, fair: false, to: to({ ...node, is: "Away" }) }];
        case "Crashed":
          return [];
        default:
          return unreachable(node.is);
      }
    }),
    { name: state.paused ? "resumed" : "paused", fair: state.paused, to: { ...state, paused: !state.paused } },
    ...(state.abandoned ? [] : [{ name: "spec changed", fair: false, to: { ...state, abandoned: true } }]),
  ];

  const first: State = {
    ...{ status: {}, slot: undefined, quarantined: false, downByUs: [], paused: false, abandoned: false },
    followed: false,
    nodes: Array.from({ length: n }, () => ({ pod: "old", is: "Well" })),
  };
  return walk(first, (state) => movesOf(state).map((move) => ({ ...move, to: renumbered(move.to) })));
}

/**
 * Validators of equal weight are alike but for their numbers, by which the machine only breaks ties: states that differ in
 * who is who are one state.
 */
function renumbered(state: State): State {
  const { status, slot, downByUs, nodes } = state;
  const moved = status.moved ?? [];
  const keys = nodes.map(({ pod, is }, id) =>
    [pod, is, moved.includes(id), slot?.validator === id, downByUs.includes(id)].join(),
  );
  const order = nodes
    .map((_, id) => id)
    .toSorted((a, b) => ((keys[a] ?? "") < (keys[b] ?? "") ? -1 : keys[a] === keys[b] ? a - b : 1));
  const renamed = (ids: readonly number[]) => ids.map((id) => order.indexOf(id)).toSorted((a, b) => a - b);
  return {
    ...state,
    nodes: order.flatMap((id) => nodes[id] ?? []),
    downByUs: renamed(downByUs),
    slot: slot === undefined ? undefined : { ...slot, validator: order.indexOf(slot.validator) },
    status: { ...status, ...(status.moved === undefined ? {} : { moved: renamed(moved) }) },
  };
}

type Known = { readonly state: State; readonly from: number; readonly by: string };

function walk(first: State, movesOf: (state: State) => readonly Move[]): Exploration {
  const known: Known[] = [{ state: first, from: -1, by: "" }];
  const places = new Map([[canonicalJson(first), 0]]);
  /** From where fair moves lead to each state. */
  const fairInto: number[][] = [[]];
  const ends: Record<string, number> = {};
  const ended: number[] = [];
  let moves = 0;
  const found = (violation: string | undefined): Exploration => ({ states: known.length, moves, ends, violation });
  for (let place = 0; place < known.length; place += 1) {
    const { state } = known[place] as Known;
    if (state.status.state !== undefined && !isActive(state.status)) {
      ends[state.status.state] = (ends[state.status.state] ?? 0) + 1;
      ended.push(place);
      continue;
    }
    let next: readonly Move[];
    try {
      next = movesOf(state);
    } catch (error) {
      return found(`${error instanceof Error ? error.message : String(error)}: after ${pathTo(known, place)}`);
    }
    for (const { name, fair, to } of next) {
      const key = canonicalJson(to);
      const there = places.get(key) ?? known.length;
      if (there === known.length) {
        places.set(key, there);
        known.push({ state: to, from: place, by: name });
        fairInto.push([]);
        assert(known.length <= STATES_MAX, "the states can be counted");
      }
      if (fair && there !== place) fairInto[there]?.push(place);
      moves += 1;
    }
  }
  const alive = new Set(ended);
  for (const place of alive) for (const before of fairInto[place] ?? []) alive.add(before);
  const dead = known.findIndex((_, place) => !alive.has(place));
  return found(dead === -1 ? undefined : `no fair way to an end: after ${pathTo(known, dead)}`);
}

function pathTo(known: readonly Known[], place: number): string {
  const names: string[] = [];
  for (let at = place; at > 0; at = known[at]?.from ?? 0) names.push(known[at]?.by ?? "");
  return names.toReversed().join(", ");
}

/** What the machine goes on from: records for people grow without end. */
const essential = ({ timeline: _, incident: __, rollbackReason: ___, ...status }: RolloutStatus): RolloutStatus => ({
  ...status,
  ...(status.followsSince === undefined ? {} : { followsSince: timeText(NOW) }),
});

/** More than `observeSeconds`. */
const longAgo = ({ followsSince, ...status }: RolloutStatus): RolloutStatus => ({
  ...status,
  ...(followsSince === undefined ? {} : { followsSince: timeText(millis(NOW - 2_000)) }),
});

const same = (a: Disruption | undefined, b: Disruption | undefined): boolean => equalJson(a, b);

const metadata = () => ({
  ...{ name: "c-1", namespace: "ns", uid: "r", resourceVersion: "1", generation: 1, labels: {}, annotations: {} },
  ...{ creationTimestamp: "", deleting: false },
});

/** As a reading of the node and its pod would be, as far as the machine looks at them. */
function viewOf({ pod, is }: Node, id: number, template: string | undefined, told: Partial<NodeStatus> = {}): NodeView {
  const well = is === "Well";
  const status = well
    ? ({ state: "Voting", checkpoint: { height: 1, stateRoot: "" }, ...told } as NodeStatus)
    : undefined;
  return {
    ...{ id, statefulSet: undefined, templateRevision: template, podUid: String(id), podRevision: pod },
    ...{
      pod: { metadata: { name: `c-${id}` } },
      stopping: is === "Stopping",
      podReady: well,
      host: "h",
      incarnation: 0,
    },
    ...{ reading: status === undefined ? undefined : { at: NOW, podUid: String(id), status } },
    ...{ weight: WEIGHT, caughtUp: well, voting: well, status },
    problem: is === "Crashed" ? { kind: "CrashLoop", message: "it crashes", established: true } : undefined,
  };
}
