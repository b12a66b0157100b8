import { createMemory } from "../../node/base/memory.ts";
import { approvalPolicy, approvalPolicyBinding } from "../api/approval-policy.ts";
import { deletionPolicy, deletionPolicyBinding } from "../api/deletion-policy.ts";
import { equalJson } from "../desired/hash.ts";
import type { Snapshot } from "../observe/snapshot.ts";
import type { SignerProof } from "../rollout/approvals.ts";
import { timeOf } from "../rollout/time.ts";

type Guard = Snapshot["admissionPolicies"][number] | Snapshot["admissionBindings"][number];

/** Whether the API server proves who signs. */
export const signerProof = (snapshot: Snapshot): SignerProof =>
  standing(snapshot, approvalPolicy, approvalPolicyBinding);

/** Whether the API server guards protected HmnClusters: what is missing for it, or nothing. */
export function deletionGuardMissing(snapshot: Snapshot): string | undefined {
  const guard = standing(snapshot, deletionPolicy, deletionPolicyBinding);
  return "missing" in guard ? guard.missing : undefined;
}

type Shipped = { readonly metadata: { readonly name: string }; readonly spec: unknown };

/** Whether policy and binding stand as we ship them, and since when nobody wrote them. */
function standing(
  { admissionPolicies, admissionBindings }: Snapshot,
  shippedPolicy: Shipped,
  shippedBinding: Shipped,
): SignerProof {
  const { name } = shippedPolicy.metadata;
  const policy = admissionPolicies.find(({ metadata }) => metadata?.name === name);
  const binding = admissionBindings.find(({ metadata }) => metadata?.name === shippedBinding.metadata.name);
  if (policy === undefined) return { missing: `ValidatingAdmissionPolicy ${name} is not there` };
  if (binding === undefined) return { missing: `ValidatingAdmissionPolicyBinding ${name} is not there` };
  return standings(policy, "", [binding], () =>
    isAsShipped(policy.spec, shippedPolicy.spec) && isAsShipped(binding.spec, shippedBinding.spec)
      ? { since: Math.max(changedAt(policy), changedAt(binding)) }
      : { missing: `ValidatingAdmissionPolicy ${name} or its binding is not as shipped` },
  );
}
const standings = createMemory<SignerProof>();

/** What the API server adds by itself: it matches everything and restricts nothing. */
const defaults: readonly (readonly [field: string, value: unknown])[] = [
  ["matchPolicy", "Equivalent"],
  ["namespaceSelector", {}],
  ["objectSelector", {}],
  ["scope", "*"],
];

/** Equal to ours but for defaults: an exception, a condition or a narrower match would let others sign. */
const isAsShipped = (actual: unknown, shipped: unknown): boolean => equalJson(withoutDefaults(actual), shipped);

function withoutDefaults(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDefaults);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, part]) => !defaults.some(([field, usual]) => key === field && equalJson(part, usual)))
      .map(([key, part]) => [key, withoutDefaults(part)]),
  );
}

/** The newest write by anybody, from the managed fields; without them the creation. */
const changedAt = ({ metadata }: Guard): number =>
  Math.max(
    timeOf(metadata?.creationTimestamp) ?? 0,
    ...(metadata?.managedFields ?? []).map(({ time }) => timeOf(time) ?? 0),
  );
