import type { ApprovalStatus } from "../api/approval.ts";
import type { Quarantined } from "../api/cluster.ts";
import type { ApprovalObject, Snapshot } from "../observe/snapshot.ts";
import { approvalFault, approvalRefusal, type SignerProof } from "../rollout/approvals.ts";
import { isActive } from "../rollout/history.ts";
import { timeText } from "../rollout/time.ts";
import type { Action } from "./actions.ts";

/** Of those that still wait for an answer, the ones that may be acted on. */
export const provenApprovals = (snapshot: Snapshot, proof: SignerProof): readonly ApprovalObject[] =>
  snapshot.approvals.filter((approval) => isOpen(approval) && approvalFault(approval, proof) === undefined);

const isOpen = ({ status }: ApprovalObject): boolean => status.result === undefined;

/** The first word that lifts the quarantine which its rollout left. */
export const retryApproval = (
  proven: readonly ApprovalObject[],
  quarantine: readonly Quarantined[],
): ApprovalObject | undefined =>
  proven.find(({ spec }) => spec.action === "Retry" && quarantine.some(({ rollout }) => rollout === spec.rollout));

/** Tells each approval what became of it. What is acted on in this look is told in the next one, which sees it recorded. */
export function approvalAnswers(
  snapshot: Snapshot,
  proof: SignerProof,
  quarantine: { readonly before: readonly Quarantined[]; readonly after: readonly Quarantined[] },
): readonly Action[] {
  return snapshot.approvals.filter(isOpen).flatMap((approval): Action[] => {
    const answer = answerOf(snapshot, proof, quarantine, approval);
    if (answer === undefined) return [];
    const status: ApprovalStatus = {
      result: answer.result,
      time: timeText(snapshot.now),
      message: answer.message.slice(0, 512),
    };
    const { name, resourceVersion } = approval.metadata;
    return [{ type: "status", kind: "HmnApproval", name, resourceVersion, status }];
  });
}

type Answer = { readonly result: "Used" | "Refused"; readonly message: string };
const refused = (message: string): Answer => ({ result: "Refused", message });

function answerOf(
  { rollouts }: Snapshot,
  proof: SignerProof,
  quarantine: { readonly before: readonly Quarantined[]; readonly after: readonly Quarantined[] },
  approval: ApprovalObject,
): Answer | undefined {
  const { spec, metadata } = approval;
  const rollout = rollouts.find((candidate) => candidate.metadata.name === spec.rollout);
  if (rollout === undefined) return refused(`this cluster has no HmnRollout ${spec.rollout}: see kubectl get hmnro`);
  const used = (rollout.status.approvals ?? []).find(({ uid }) => uid === metadata.uid);
  if (used !== undefined) return { result: "Used", message: `${used.action} of ${spec.rollout}` };
  const fault = approvalFault(approval, proof);
  if (fault !== undefined) return refused(fault);
  if (isActive(rollout.status)) {
    const refusal = approvalRefusal(rollout.spec.kind, rollout.status, approval);
    return refusal === undefined ? undefined : refused(refusal);
  }
  const left = (entries: readonly Quarantined[]) => entries.some((entry) => entry.rollout === spec.rollout);
  if (spec.action !== "Retry") return refused(`${spec.rollout} is over: only Retry makes sense for it`);
  if (!left(quarantine.before)) return refused(`${spec.rollout} left no quarantine`);
  return left(quarantine.after)
    ? undefined
    : { result: "Used", message: `the quarantine of ${spec.rollout} is lifted` };
}
