import { type Millis, millis, seconds } from "../../node/base/units.ts";
import type { NodeTarget, ReadingTarget } from "./node-reader.ts";

/** Nodes of clusters at rest are read no more often than this: their pods' readiness, which is watched, speaks for them at once. */
const REST_INTERVAL = seconds(10);
/** Of all clusters at rest together: with more nodes each is read more seldom. A reading costs about 2 ms of processor time. */
const REST_READINGS_A_SECOND = 50;
/** What a slow round or a busy machine may take beyond the interval. */
const SLACK = seconds(10);

/** A reading to be made. */
export type Due = {
  readonly target: ReadingTarget;
  readonly node: NodeTarget;
  /** How long it may be taken for the present, where that is longer than usual. */
  readonly standsFor?: Millis;
};

/**
 * Which nodes are read in this round, of `roundMs` milliseconds. Every node of a cluster in which something is under way; of those
 * at rest, who never was read, and then who waits longest.
 */
export function dueReadings(
  targets: readonly ReadingTarget[],
  lastRead: (target: ReadingTarget, node: NodeTarget) => Millis | undefined,
  now: Millis,
  roundMs: number,
): readonly Due[] {
  const due: Due[] = [];
  const resting: { readonly target: ReadingTarget; readonly node: NodeTarget; readonly at: Millis }[] = [];
  let atRest = 0;
  for (const target of targets) if (target.isAtRest) atRest += target.nodes.length;
  const interval = Math.max(REST_INTERVAL, (1000 * atRest) / REST_READINGS_A_SECOND);
  const standsFor = millis(Math.ceil(interval + SLACK));
  for (const target of targets)
    for (const node of target.nodes) {
      if (!target.isAtRest) {
        due.push({ target, node });
        continue;
      }
      const at = lastRead(target, node);
      if (at === undefined) due.push({ target, node, standsFor });
      // A round's width early rather than late.
      else if (now - at > REST_INTERVAL - roundMs) resting.push({ target, node, at });
    }
  const most = Math.max(1, Math.round((REST_READINGS_A_SECOND * roundMs) / 1000));
  const longest = resting.toSorted((a, b) => a.at - b.at).slice(0, most);
  return [...due, ...longest.map(({ target, node }) => ({ target, node, standsFor }))];
}
