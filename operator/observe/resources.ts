import { API_VERSION } from "../api/group.ts";
import type { Resource } from "../runtime/resource.ts";

const namespaced = (apiVersion: string, kind: string, plural: string): Resource => ({
  apiVersion,
  kind,
  plural,
  namespaced: true,
});

/** Every kind that the operator keeps in its caches, and so every kind that it may write. */
export const resources = {
  HmnCluster: namespaced(API_VERSION, "HmnCluster", "hmnclusters"),
  HmnRollout: namespaced(API_VERSION, "HmnRollout", "hmnrollouts"),
  HmnApproval: namespaced(API_VERSION, "HmnApproval", "hmnapprovals"),
  HmnBackup: namespaced(API_VERSION, "HmnBackup", "hmnbackups"),
  HmnBackupSchedule: namespaced(API_VERSION, "HmnBackupSchedule", "hmnbackupschedules"),
  Job: namespaced("batch/v1", "Job", "jobs"),
  StatefulSet: namespaced("apps/v1", "StatefulSet", "statefulsets"),
  ControllerRevision: namespaced("apps/v1", "ControllerRevision", "controllerrevisions"),
  Pod: namespaced("v1", "Pod", "pods"),
  Service: namespaced("v1", "Service", "services"),
  ConfigMap: namespaced("v1", "ConfigMap", "configmaps"),
  Secret: namespaced("v1", "Secret", "secrets"),
  ServiceAccount: namespaced("v1", "ServiceAccount", "serviceaccounts"),
  PersistentVolumeClaim: namespaced("v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
  PodDisruptionBudget: namespaced("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
  NetworkPolicy: namespaced("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
  Node: { apiVersion: "v1", kind: "Node", plural: "nodes", namespaced: false },
  ValidatingAdmissionPolicy: {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicy",
    plural: "validatingadmissionpolicies",
    namespaced: false,
  },
  ValidatingAdmissionPolicyBinding: {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicyBinding",
    plural: "validatingadmissionpolicybindings",
    namespaced: false,
  },
} as const satisfies Readonly<Record<string, Resource>>;

export type KindName = keyof typeof resources;
export const kindNames: readonly KindName[] = [
  "HmnCluster",
  "HmnRollout",
  "HmnApproval",
  "HmnBackup",
  "HmnBackupSchedule",
  "Job",
  "StatefulSet",
  "ControllerRevision",
  "Pod",
  "Service",
  "ConfigMap",
  "Secret",
  "ServiceAccount",
  "PersistentVolumeClaim",
  "PodDisruptionBudget",
  "NetworkPolicy",
  "Node",
  "ValidatingAdmissionPolicy",
  "ValidatingAdmissionPolicyBinding",
];

export const isKindName = (kind: string): kind is KindName => Object.hasOwn(resources, kind);
