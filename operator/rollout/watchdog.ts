import { millis, seconds } from "../../node/base/units.ts";
import type { RolloutStatus } from "../api/rollout.ts";
import { signedEpochs } from "./epochs.ts";
import { type Finding, type JudgedNode, judge } from "./judge.ts";
import type { Situation } from "./situation.ts";
import { elapsed, timeOf } from "./time.ts";
import type { NodeView } from "./view.ts";

function asJudged({ id, podUid, pod }: NodeView): JudgedNode {
  const ready = pod?.status?.conditions?.find(({ type, status }) => type === "Ready" && status === "True");
  const readySince = timeOf(ready?.lastTransitionTime);
  return { id, podUid, ...(readySince === undefined ? {} : { readySince }) };
}

/** Nodes on the new release that answer for it: moved, and not in flight any more. */
function freshNodes({ view, rollout, slot }: Situation): readonly NodeView[] {
  const inFlight = rollout.status.state === "Moving" ? slot?.validator : undefined;
  const moved = rollout.status.moved ?? [];
  return view.nodes.filter(
    (node) =>
      moved.includes(node.id) &&
      node.id !== inFlight &&
      node.podRevision === rollout.spec.to.revision &&
      !node.stopping,
  );
}

function oldNodes({ view, rollout, slot }: Situation): readonly NodeView[] {
  const moved = rollout.status.moved ?? [];
  return view.nodes.filter(
    (node) => !moved.includes(node.id) && node.id !== slot?.validator && node.pod !== undefined && !node.stopping,
  );
}

/** Judges the time from `from` until now. */
export function judgeSince(situation: Situation, from: number): Finding {
  const { rollout, spec, now } = situation;
  return judge({
    samples: situation.samples,
    source: situation.metricSource,
    from: millis(from),
    to: now,
    startedAt: timeOf(rollout.status.startTime) ?? now,
    phase: rollout.status.phase ?? 1,
    firstDeployment: rollout.spec.kind === "FirstDeployment",
    fresh: freshNodes(situation).map(asJudged),
    old: oldNodes(situation).map(asJudged),
    signed: signedEpochs(situation.view, situation.epochs),
    levels: spec.serviceLevels,
    minimumSamples: spec.rollout.minimumSamples,
  });
}

/**
 * How long the nodes on the new release have been read without a break of this process, at most from `from` on. Samples are
 * kept in memory: an operator that has just taken over has seen nothing, whatever there was to see.
 */
export function watchedSince(situation: Situation, from: number): number {
  const firsts = freshNodes(situation).map(({ podUid }) => {
    const first = situation.samples.find((sample) => sample.podUid === podUid && sample.to > from);
    return first?.from ?? situation.now;
  });
  return situation.now - Math.max(...firsts, from);
}

/**
 * The next judged window, when it is due. It waits up to twice its length for the first sample of a new node, so that
 * readings that come a little late make no empty window.
 */
export function nextWindow(situation: Situation): (Finding & { readonly from: number }) | undefined {
  const { now, rollout, spec } = situation;
  const interval = seconds(spec.rollout.intervalSeconds);
  const last = timeOf(rollout.status.windows?.at(-1)?.time);
  const waited = last === undefined ? elapsed(now, rollout.status.since) : now - last;
  const fresh = freshNodes(situation);
  if (fresh.length === 0 || waited < interval) return undefined;
  const from = now - Math.min(waited, 2 * interval);
  const uids = new Set(fresh.map((node) => node.podUid));
  const heard = situation.samples.some((sample) => sample.to > from && sample.to <= now && uids.has(sample.podUid));
  if (!heard && waited < 2 * interval) return undefined;
  return { ...judgeSince(situation, from), from };
}

/** Since when every window has failed, `from` being the start of the last one. */
export function failedSince({ windows = [] }: RolloutStatus, from: number): number {
  const passed = windows.findLastIndex(({ verdict }) => verdict !== "Fail");
  // A first failed window began where the one before it ended; the very first one's end has to do.
  return Math.min(from, timeOf(windows[Math.max(passed, 0)]?.time) ?? from);
}
