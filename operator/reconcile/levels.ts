import { millis, seconds } from "../../node/base/units.ts";
import type { Snapshot } from "../observe/snapshot.ts";
import { seriesOf, sinceReady, within } from "../rollout/series.ts";
import type { View } from "../rollout/view.ts";

const LOOK_BACK = seconds(60);
const UNAVAILABLE_MIN = 2;

export type Levels = {
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
};

/** The service levels over the last minute, as a band: the numbers are in the metrics and in the judged windows. */
export function serviceLevels(snapshot: Snapshot, view: View): Levels {
  const { serviceLevels: levels, rollout } = snapshot.cluster.spec;
  const broken: string[] = [];
  let served = false;
  // Two readings of each node, where they are further apart than usual.
  const rare = view.nodes.map(({ reading }) => 2 * (reading?.standsFor ?? 0));
  const from = millis(snapshot.now - Math.max(LOOK_BACK, ...rare));
  // They are kept for longer, the oldest first.
  const last = snapshot.samples.slice(snapshot.samples.findLastIndex(({ to }) => to <= from) + 1);
  const recent = within(last, from, snapshot.now);
  for (const node of view.nodes) {
    const series = seriesOf(node.id, sinceReady(recent, node.podUid));
    const enough = series.batches >= rollout.minimumSamples;
    served ||= enough;
    if (enough && (series.p95Ms ?? 0) > levels.latencyP95Millis) broken.push(`latency of node ${node.id}`);
    if (enough && series.errorsPpm > levels.errorsPpm) broken.push(`errors of node ${node.id}`);
    if (series.unavailable >= UNAVAILABLE_MIN && series.availabilityPpm < levels.availabilityPpm)
      broken.push(`availability of node ${node.id}`);
  }
  if (broken.length > 0)
    return {
      status: "False",
      reason: "LevelBroken",
      message: `Not met in the last minute: ${broken.join(", ")}. See the nodes' metrics and logs`,
    };
  return served
    ? { status: "True", reason: "LevelsMet", message: "Every level was met in the last minute" }
    : {
        status: "Unknown",
        reason: "NoTraffic",
        message: "Too few clients in the last minute to judge latency and errors",
      };
}
