export const GROUP = "hmn.dev";
export const VERSION = "v1alpha1";
export const API_VERSION = `${GROUP}/${VERSION}`;
/** The one field manager of everything that the operator applies. */
export const FIELD_MANAGER = "hmn-operator";

/** Labels on owned objects and pods. */
export const LABELS = {
  cluster: "hmn.dev/cluster",
  validator: "hmn.dev/validator",
  /** Number of an observer. */
  observer: "hmn.dev/observer",
  /** How often the validator's volume was replaced; absent for the first one. */
  incarnation: "hmn.dev/incarnation",
  /** On the pod template: which inputs a pod was made from. */
  revision: "hmn.dev/revision",
  /** `true`: counted by the PodDisruptionBudget. Set on the pod once it is a committed voter. */
  voter: "hmn.dev/voter",
  /** `false` takes a pod out of the client Service. */
  serving: "hmn.dev/serving",
  /** `true` on the pods of a restored network whose volume may still lack the backup. */
  restoring: "hmn.dev/restoring",
  name: "app.kubernetes.io/name",
  instance: "app.kubernetes.io/instance",
  managedBy: "app.kubernetes.io/managed-by",
} as const;

/**
 * Behind the cluster's name in the cluster label of its backups' pods. Names of clusters have no dot: so the operator sees these
 * pods, and no selector of the cluster's nodes takes them for one.
 */
export const BACKUP_SUFFIX = ".backup";
/** The same in the cluster label of its observers' pods: one host to a validator does not keep them apart, and no client is sent there. */
export const OBSERVER_SUFFIX = ".observer";
