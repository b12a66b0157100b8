import type { V1Pod } from "@kubernetes/client-node";
import { seconds } from "../../node/base/units.ts";
import type { RolloutStatus } from "../api/rollout.ts";
import { nodeName } from "../desired/names.ts";
import { inState, noted, resumed } from "./history.ts";
import { goBack } from "./incident.ts";
import { record, rolloutCommand, type Situation, type Step, waitFor } from "./situation.ts";
import { elapsed } from "./time.ts";
import type { NodeView } from "./view.ts";

/** What the host says that the node's container runs; undefined before it was made. */
export function imageOf(pod: V1Pod | undefined): string | undefined {
  const id = pod?.status?.containerStatuses?.find(({ name }) => name === "node")?.imageID ?? "";
  return id === "" ? undefined : id.slice(0, IMAGE_MAX);
}
const IMAGE_MAX = 512;

/**
 * Whether two hosts name different images. One that pulled tells `<repository>@<digest>`, one that got it some other way the
 * digest of its configuration: these two cannot be compared, and count as equal.
 */
export function isOtherImage(a: string, b: string): boolean {
  const [left, right] = [a, b].map((id) => ({ pulled: id.includes("@"), digest: id.slice(id.lastIndexOf("@") + 1) }));
  return left?.pulled === right?.pulled && left?.digest !== right?.digest;
}

/** Nodes of a revision that run another image than this one. */
export const strays = (nodes: readonly NodeView[], revision: string, image: string): readonly NodeView[] =>
  nodes.filter(({ podRevision, stopping, pod }) => {
    const own = imageOf(pod);
    return podRevision === revision && !stopping && own !== undefined && isOtherImage(own, image);
  });

export const straysOf = ({ view, rollout }: Situation): readonly NodeView[] =>
  strays(view.nodes, rollout.spec.to.revision, rollout.status.imageId ?? "");

/**
 * The reference of a release is resolved once: to what its first started node runs. A node of the release that comes up with
 * something else stops the rollout, since it would spread what nobody has judged. Undefined: nothing to record.
 */
export function pinned(situation: Situation): Step | undefined {
  const { view, rollout, now } = situation;
  const { status, spec } = rollout;
  if (status.imageId === undefined) {
    const first = [view.forerunner, ...view.nodes].find(
      (node) => node.podRevision === spec.to.revision && imageOf(node.pod) !== undefined,
    );
    const imageId = imageOf(first?.pod);
    if (imageId === undefined) return undefined;
    return record(situation, {
      ...noted(
        status,
        now,
        "ImagePinned",
        `${nodeName(first?.id ?? 0)} runs ${imageId}; no other image is taken for this rollout`,
      ),
      imageId,
    });
  }
  const [stray] = straysOf(situation);
  if (stray === undefined || status.state === "Paused") return undefined;
  const reason = strayText(status, stray);
  // Nothing to go back to: it is held there.
  if (spec.from.revision === "") return goBack(situation, { cause: "Environment", reason }, status);
  return record(situation, {
    ...noted(inState(status, now, "Paused"), now, "ImageMoved", reason),
    pauseReason: "ImageMoved",
  });
}

const strayText = ({ imageId }: RolloutStatus, { id, pod }: NodeView): string =>
  `node ${id} runs the image ${imageOf(pod)}, but the rollout began with ${imageId}: the reference has come to mean something else`;

/** Until every node of the release runs one image again, or the deadline has passed. */
export function pausedByImage(situation: Situation): Step {
  const { now, rollout, spec } = situation;
  const { status } = rollout;
  const [stray] = straysOf(situation);
  if (stray === undefined)
    return record(situation, noted(resumed(status, now), now, "Resumed", "all nodes run one image again"));
  const reason = strayText(status, stray);
  // Which of the two images is the good one is nobody's finding: not a case for quarantine.
  if (elapsed(now, status.since) > seconds(spec.rollout.progressDeadlineSeconds))
    return goBack(situation, { cause: "Environment", reason }, status);
  return waitFor(situation, {
    reason: "ImageMoved",
    message: `${reason[0]?.toUpperCase()}${reason.slice(1)}. Name the release by digest or a tag of its own in spec.image.reference; or let the reference mean the first image again and delete the pod`,
    who: "User",
    command: rolloutCommand(situation),
  });
}
