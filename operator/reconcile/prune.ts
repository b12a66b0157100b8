import { API_VERSION, LABELS } from "../api/group.ts";
import { isOurs } from "../desired/revision.ts";
import type { Snapshot } from "../observe/snapshot.ts";
import { isActive } from "../rollout/history.ts";
import type { Action } from "./actions.ts";

/** Finished HmnRollouts that are kept. */
const ROLLOUTS_KEPT = 10;

/** Drops the oldest records, and releases that no record, node or wish refers to any more. */
export function prune(snapshot: Snapshot, inUse: readonly string[]): readonly Action[] {
  const finished = snapshot.rollouts.filter(({ status }) => !isActive(status));
  const old = finished.slice(0, Math.max(0, finished.length - ROLLOUTS_KEPT));
  const kept = snapshot.rollouts.filter((rollout) => !old.includes(rollout));
  const used = new Set([
    ...inUse,
    ...kept.flatMap(({ spec }) => [spec.from.revision, spec.to.revision]),
    ...[...snapshot.pods, ...snapshot.statefulSets].map((object) => object.metadata?.labels?.[LABELS.revision] ?? ""),
  ]);
  const revisions = snapshot.revisions.filter(
    (object) => isOurs(object) && !used.has(object.metadata?.labels?.[LABELS.revision] ?? ""),
  );
  // An answered approval is part of its rollout's record; others stay until a person removes them.
  const approvals = snapshot.approvals.filter(
    ({ spec, status }) => status.result !== undefined && old.some(({ metadata }) => metadata.name === spec.rollout),
  );
  return [
    ...approvals.map(({ metadata }) => removal("HmnApproval", metadata)),
    ...old.map(({ metadata }) => removal("HmnRollout", metadata)),
    ...revisions.map(
      ({ metadata }): Action => ({
        type: "delete",
        apiVersion: "apps/v1",
        kind: "ControllerRevision",
        name: metadata?.name ?? "",
        uid: metadata?.uid ?? "",
      }),
    ),
  ];
}

const removal = (kind: "HmnApproval" | "HmnRollout", { name, uid }: { name: string; uid: string }): Action => ({
  type: "delete",
  apiVersion: API_VERSION,
  kind,
  name,
  uid,
});
