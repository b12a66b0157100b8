/** One RBAC rule. */
export type Rule = {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
};

const watched = ["list", "watch"] as const;
/** Server-side apply is a PATCH, and also needs `create` where the object is new. */
const applied = [...watched, "create", "patch"] as const;

/**
 * Exactly what the code asks of the API server; the chart's roles are generated from it, and the scenario `least-privilege` holds
 * it against what an operator was seen to ask for.
 * `namespaced`: wherever HmnClusters may live. Secrets are read and watched as a whole kind, since RBAC knows no label
 * selectors; watching only some namespaces (`--namespaces`) narrows it to Roles there.
 * `clusterWide`: what belongs to no namespace, and is read in any case.
 * `ownNamespace`: the Lease.
 */
export const permissions: Readonly<Record<"namespaced" | "clusterWide" | "ownNamespace", readonly Rule[]>> = {
  namespaced: [
    { apiGroups: ["hmn.dev"], resources: ["hmnclusters"], verbs: watched },
    { apiGroups: ["hmn.dev"], resources: ["hmnrollouts"], verbs: [...watched, "create", "delete"] },
    { apiGroups: ["hmn.dev"], resources: ["hmnapprovals"], verbs: [...watched, "delete"] },
    { apiGroups: ["hmn.dev"], resources: ["hmnbackups"], verbs: [...watched, "create", "delete"] },
    { apiGroups: ["hmn.dev"], resources: ["hmnbackupschedules"], verbs: watched },
    {
      apiGroups: ["hmn.dev"],
      resources: ["clusters", "rollouts", "approvals", "backups", "backupschedules"].map((kind) => `hmn${kind}/status`),
      verbs: ["update"],
    },
    // Owner references with blockOwnerDeletion need it where OwnerReferencesPermissionEnforcement is on.
    { apiGroups: ["hmn.dev"], resources: ["hmnclusters/finalizers"], verbs: ["update"] },
    { apiGroups: [""], resources: ["configmaps", "serviceaccounts"], verbs: applied },
    { apiGroups: [""], resources: ["services"], verbs: [...applied, "delete"] },
    // Keys are read at the moment of use, and never from memory.
    { apiGroups: [""], resources: ["secrets"], verbs: ["get", ...applied, "delete"] },
    { apiGroups: [""], resources: ["pods"], verbs: [...watched, "patch", "delete"] },
    { apiGroups: [""], resources: ["pods/eviction"], verbs: ["create"] },
    { apiGroups: [""], resources: ["pods/log"], verbs: ["get"] },
    { apiGroups: [""], resources: ["persistentvolumeclaims"], verbs: [...watched, "patch"] },
    { apiGroups: ["apps"], resources: ["statefulsets"], verbs: [...applied, "delete"] },
    { apiGroups: ["apps"], resources: ["controllerrevisions"], verbs: [...watched, "create", "delete"] },
    { apiGroups: ["policy"], resources: ["poddisruptionbudgets"], verbs: applied },
    { apiGroups: ["networking.k8s.io"], resources: ["networkpolicies"], verbs: applied },
    { apiGroups: ["batch"], resources: ["jobs"], verbs: [...watched, "create"] },
    { apiGroups: ["events.k8s.io"], resources: ["events"], verbs: ["create"] },
  ],
  clusterWide: [
    { apiGroups: [""], resources: ["nodes"], verbs: watched },
    {
      apiGroups: ["admissionregistration.k8s.io"],
      resources: ["validatingadmissionpolicies", "validatingadmissionpolicybindings"],
      verbs: watched,
    },
  ],
  ownNamespace: [{ apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["get", "create", "update"] }],
};
