import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { accept, type Result, refuse } from "../../node/base/result.ts";
import type { ApprovalAction, ApprovalStatus } from "../api/approval.ts";
import { API_VERSION } from "../api/group.ts";
import { decodeApproval } from "../observe/decode.ts";
import { resources } from "../observe/resources.ts";
import { approvalRefusal } from "../rollout/approvals.ts";
import { isActive } from "../rollout/history.ts";
import type { Resource } from "../runtime/resource.ts";
import type { World } from "./command.ts";
import { withProgress } from "./progress.ts";
import type { RolloutOfCluster, Session } from "./session.ts";

const LOOK_MS = 500;

const selfReviews: Resource = {
  apiVersion: "authentication.k8s.io/v1",
  kind: "SelfSubjectReview",
  plural: "selfsubjectreviews",
  namespaced: false,
};
const selfSchema = z.object({ status: z.object({ userInfo: z.object({ username: z.string().min(1) }) }) });

export type Word = { readonly action: ApprovalAction; readonly reason: string };
export type Approved = { readonly name: string; readonly username: string };

/** The name by which the API server knows the user. */
async function whoAmI({ client, asking }: Session): Promise<string> {
  const body = { apiVersion: selfReviews.apiVersion, kind: selfReviews.kind };
  const answer = await asking(client.json({ method: "POST", place: { resource: selfReviews }, body }));
  return selfSchema.parse(answer).status.userInfo.username;
}

/** Says the word as the present user. Refused before it is written where the operator would refuse it. */
export async function approve(
  session: Session,
  { cluster, rollout }: RolloutOfCluster,
  { action, reason }: Word,
): Promise<Result<Approved, "refused">> {
  const { metadata, status } = rollout;
  const username = await whoAmI(session);
  const spec = {
    cluster: cluster.metadata.name,
    clusterUID: cluster.metadata.uid,
    rollout: metadata.name,
    action,
    phase: action === "Promote" ? (status.phase ?? 0) : 0,
    reason,
    signer: { username },
  };
  const refusal = isActive(status)
    ? approvalRefusal(rollout.spec.kind, status, { spec })
    : overRefusal({ cluster, rollout }, action);
  if (refusal !== undefined) return refuse("refused", `${metadata.name}: ${refusal}`);
  const { namespace, verbs, asking } = session;
  const name = `${metadata.name}-${action.toLowerCase()}-${randomBytes(3).toString("hex")}`;
  const object = { apiVersion: API_VERSION, kind: "HmnApproval", metadata: { name, namespace }, spec };
  await asking(verbs.create({ resource: resources.HmnApproval, namespace }, object));
  return accept({ name, username });
}

function overRefusal({ cluster, rollout }: RolloutOfCluster, action: ApprovalAction): string | undefined {
  const { metadata, status } = rollout;
  if (action !== "Retry") return `it is over (${status.state}): only retry makes sense for it`;
  const left = (cluster.status.quarantine ?? []).some((entry) => entry.rollout === metadata.name);
  return left ? undefined : "it left no quarantine, so there is nothing to retry";
}

/** What the operator made of it; undefined when it says nothing in time. */
export async function answerTo(
  session: Session,
  { name }: Approved,
  timeoutMs: number,
  world: World,
): Promise<ApprovalStatus | undefined> {
  const until = world.now() + timeoutMs;
  const look = async (): Promise<ApprovalStatus | undefined> => {
    for (;;) {
      const item = await session.verbs.get({ resource: resources.HmnApproval, namespace: session.namespace, name });
      const decoded = decodeApproval(item);
      if (!decoded.ok) throw new Error(decoded.detail);
      if (decoded.value.status.result !== undefined) return decoded.value.status;
      if (world.now() >= until) return undefined;
      await pause(LOOK_MS);
    }
  };
  return withProgress(world, () => `HmnApproval ${name} is written, waiting for the operator's answer`, look());
}
