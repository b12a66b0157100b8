/** User and group of the node's image. */
const USER = 10001;

/** What Pod Security calls restricted, for the pod and for each process in it: of everything that runs the node's image. */
export const podLocks = {
  runAsNonRoot: true,
  runAsUser: USER,
  runAsGroup: USER,
  fsGroup: USER,
  fsGroupChangePolicy: "OnRootMismatch",
  seccompProfile: { type: "RuntimeDefault" },
} as const;

export const processLocks = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ["ALL"] },
} as const;
