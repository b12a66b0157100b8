import { unreachable } from "../../node/base/assert.ts";
import type { RolloutStatus, UsedApproval } from "../api/rollout.ts";
import type { ApprovalObject } from "../observe/snapshot.ts";
import { inState, noted, resumed } from "./history.ts";
import { goBack } from "./incident.ts";
import { record, recordAndFree, type Situation, type Step, waitFor } from "./situation.ts";
import { nextPhase } from "./soaking.ts";
import { timeOf, timeText } from "./time.ts";

/** Since when (milliseconds) the API server proves who signs an approval, or why it does not. */
export type SignerProof = { readonly since: number } | { readonly missing: string };

/** Why an approval counts for nothing; undefined where it may be acted on. */
export function approvalFault(approval: ApprovalObject, proof: SignerProof): string | undefined {
  if ("missing" in proof)
    return `SignerNotProven: ${proof.missing}. Install the chart's admission policies, then create a new HmnApproval`;
  const made = timeOf(approval.metadata.creationTimestamp) ?? 0;
  // Times of the API server have whole seconds.
  if (made + 1000 < proof.since)
    return "SignerNotProven: the admission policy was written after it. Create a new HmnApproval";
  return undefined;
}

const APPROVALS_MAX = 50;

/** Acts on the oldest word about this rollout that fits its state; undefined if there is none. Used at most once, by UID. */
export function answered(situation: Situation): Step | undefined {
  const { rollout, approvals } = situation;
  const used = new Set((rollout.status.approvals ?? []).map(({ uid }) => uid));
  for (const approval of approvals) {
    if (used.has(approval.metadata.uid) || approvalRefusal(situation.rollout.spec.kind, rollout.status, approval))
      continue;
    return act(situation, approval);
  }
  return undefined;
}

/** Why the active rollout, as it stands, cannot do what is asked; undefined if it can. */
export function approvalRefusal(
  kind: "FirstDeployment" | "Upgrade",
  status: RolloutStatus,
  { spec }: Pick<ApprovalObject, "spec">,
): string | undefined {
  switch (spec.action) {
    case "Promote":
      return isHeld(status) && status.phase === spec.phase
        ? undefined
        : `phase ${spec.phase} is neither at its gate nor paused without a verdict: create it when status.state says so`;
    case "Abort":
      if (kind === "FirstDeployment")
        return "a first deployment has nothing to go back to: change or delete the HmnCluster";
      return status.state === "RollingBack" ? "the rollout goes back already" : undefined;
    case "Pause":
      return status.state === "RollingBack" || status.state === "Paused"
        ? `the rollout is ${status.state === "Paused" ? "paused already" : "going back, which only spec.paused stops"}`
        : undefined;
    case "Resume":
      return status.state === "Paused" && status.pauseReason === "Approval"
        ? undefined
        : "the rollout is not paused by an HmnApproval";
    case "Retry":
      return "the rollout is not over: Retry lifts the quarantine that a rolled-back one left";
    default:
      return unreachable(spec.action);
  }
}

/** A person may open a gate, and may say what the judge can't. */
const isHeld = ({ state, pauseReason }: RolloutStatus): boolean =>
  state === "AtGate" || (state === "Paused" && pauseReason === "Judge");

function act(situation: Situation, approval: ApprovalObject): Step {
  const { now, rollout } = situation;
  const { action, signer, reason } = approval.spec;
  const by = `by ${signer.username}${reason === "" ? "" : `: ${reason}`}`;
  const status: RolloutStatus = {
    ...rollout.status,
    approvals: [...(rollout.status.approvals ?? []), usedAs(approval, timeText(now))].slice(-APPROVALS_MAX),
  };
  switch (action) {
    case "Promote":
      return recordAndFree(nextPhase(situation, noted(status, now, "Promoted", `phase ${approval.spec.phase}, ${by}`)));
    case "Abort":
      return goBack(situation, { cause: "Aborted", reason: `aborted ${by}` }, status);
    case "Pause":
      return record(situation, {
        ...noted(inState(status, now, "Paused"), now, "Paused", by),
        pauseReason: "Approval",
      });
    case "Resume":
    case "Retry":
      return record(situation, noted(resumed(status, now), now, "Resumed", by));
    default:
      return unreachable(action);
  }
}

const usedAs = ({ metadata, spec }: ApprovalObject, time: string): UsedApproval => ({
  uid: metadata.uid,
  name: metadata.name,
  action: spec.action,
  username: spec.signer.username,
  time,
});

/** A phase has passed and the next one waits for a person. The watchdog goes on. */
export function atGate(situation: Situation): Step {
  const { rollout } = situation;
  const phase = rollout.status.phase ?? 1;
  return waitFor(situation, {
    reason: "GateClosed",
    message: `Phase ${phase} of ${rollout.spec.to.version} passed; the next one waits for an HmnApproval with the action Promote`,
    who: "User",
    command: approvalCommand(situation, "Promote", phase),
  });
}

export const pausedByApproval = (situation: Situation): Step =>
  waitFor(situation, {
    reason: "PausedByApproval",
    message: `${situation.rollout.metadata.name} is paused by an HmnApproval: one with the action Resume lets it go on`,
    who: "User",
    command: approvalCommand(situation, "Resume", 0),
  });

/** A line that a person can run as it is: it signs with the name that the API server knows them by. */
function approvalCommand({ rollout, cluster, namespace }: Situation, action: string, phase: number): string {
  const { metadata, spec } = rollout;
  const fields = `cluster: ${cluster}, clusterUID: ${spec.clusterUID}, rollout: ${metadata.name}, action: ${action}, phase: ${phase}`;
  return `echo "{apiVersion: hmn.dev/v1alpha1, kind: HmnApproval, metadata: {generateName: ${cluster}-}, spec: {${fields}, signer: {username: '$(kubectl auth whoami -o jsonpath={.status.userInfo.username})'}}}" | kubectl create -n ${namespace} -f -`;
}
