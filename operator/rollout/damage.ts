import type { RolloutStatus } from "../api/rollout.ts";
import { noted } from "./history.ts";
import { isDamaged } from "./problem.ts";
import { tolerated } from "./quorum.ts";
import type { Situation } from "./situation.ts";
import type { NodeView, View } from "./view.ts";

/** Validators whose data is damaged, where they are more than may fail: one cause for all is likely then. */
export function damagedTogether({ nodes }: View): readonly number[] {
  const damaged = nodes.filter(({ problem }) => isDamaged(problem)).map(({ id }) => id);
  return damaged.length > tolerated(nodes.length) ? damaged : [];
}

/** It was damaged before the release reached it, and is rebuilt where it is. */
export const waitsForRebuild = ({ spec, view, rollout }: Situation, { podRevision, problem }: NodeView): boolean =>
  isDamaged(problem) &&
  podRevision === rollout.spec.from.revision &&
  spec.storage.rebuildDamaged.policy === "After" &&
  damagedTogether(view).length === 0;

/** What a rollback's timeline tells of validators whose data it left damaged; undefined when that stands there. */
export function rebuildNoted({ now, view, rollout: { status }, replacement }: Situation): RolloutStatus | undefined {
  if (replacement?.cause !== "DataDamaged" || replacement.step === "Lost") return undefined;
  const { validator, incarnation } = replacement;
  const [event, message] =
    view.nodes[validator]?.voting === true
      ? ["NodeRebuilt", `node ${validator} votes with a new key, on volume ${incarnation}`]
      : [
          "NodeRebuilding",
          `data of node ${validator} is damaged: it begins anew from its peers, on volume ${incarnation}`,
        ];
  const known = status.timeline?.some((entry) => entry.event === event && entry.message === message) ?? false;
  return known ? undefined : noted(status, now, event, message);
}
