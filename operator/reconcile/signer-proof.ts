import { approvalPolicy, approvalPolicyBinding } from "../api/approval-policy.ts";
import { canonicalJson } from "../desired/hash.ts";
import type { Snapshot } from "../observe/snapshot.ts";
import type { SignerProof } from "../rollout/approvals.ts";
import { timeOf } from "../rollout/time.ts";

type Guard = Snapshot["admissionPolicies"][number] | Snapshot["admissionBindings"][number];

/** Whether the API server proves who signs: policy and binding stand as we ship them, and since when nobody wrote them. */
export function signerProof({ admissionPolicies, admissionBindings }: Snapshot): SignerProof {
  const { name } = approvalPolicy.metadata;
  const policy = admissionPolicies.find(({ metadata }) => metadata?.name === name);
  const binding = admissionBindings.find(({ metadata }) => metadata?.name === approvalPolicyBinding.metadata.name);
  if (policy === undefined) return { missing: `ValidatingAdmissionPolicy ${name} is not there` };
  if (binding === undefined) return { missing: `ValidatingAdmissionPolicyBinding ${name} is not there` };
  if (!isAsShipped(policy.spec, approvalPolicy.spec) || !isAsShipped(binding.spec, approvalPolicyBinding.spec))
    return { missing: `ValidatingAdmissionPolicy ${name} or its binding is not as shipped` };
  return { since: Math.max(changedAt(policy), changedAt(binding)) };
}

/** What the API server adds by itself: it matches everything and restricts nothing. */
const defaults: readonly (readonly [field: string, value: unknown])[] = [
  ["matchPolicy", "Equivalent"],
  ["namespaceSelector", {}],
  ["objectSelector", {}],
  ["scope", "*"],
];

/** Equal to ours but for defaults: an exception, a condition or a narrower match would let others sign. */
const isAsShipped = (actual: unknown, shipped: unknown): boolean =>
  canonicalJson(withoutDefaults(actual)) === canonicalJson(shipped);

function withoutDefaults(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDefaults);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(
        ([key, part]) =>
          !defaults.some(([field, usual]) => key === field && canonicalJson(part) === canonicalJson(usual)),
      )
      .map(([key, part]) => [key, withoutDefaults(part)]),
  );
}

/** The newest write by anybody, from the managed fields; without them the creation. */
const changedAt = ({ metadata }: Guard): number =>
  Math.max(
    timeOf(metadata?.creationTimestamp) ?? 0,
    ...(metadata?.managedFields ?? []).map(({ time }) => timeOf(time) ?? 0),
  );
