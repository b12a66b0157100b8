import { PATHS } from "../../node/api/contract.ts";
import type { ClusterSpec } from "../api/cluster.ts";
import { API_VERSION, BACKUP_SUFFIX, FIELD_MANAGER, LABELS } from "../api/group.ts";
import { cpuBeside } from "../desired/beside.ts";
import { genesisName } from "../desired/names.ts";
import { podLocks, processLocks } from "../desired/security.ts";
import { storeAccess } from "../desired/store-arguments.ts";
import type { BackupObject } from "../observe/snapshot.ts";
import type { KubeObject } from "../reconcile/actions.ts";

export const jobName = (backup: string): string => `${backup}-job`;
/** Containers whose last word is what became of the backup. */
export const STEPS = { write: "backup", check: "check" } as const;

const DEADLINE_SECONDS = 6 * 3_600;
/**
 * A pod that has ended still keeps the claims that it names from being deleted, a validator's among them. Until then its last words are on
 * record, or the operator was away, and the backup is made again.
 */
const FORGOTTEN_AFTER_SECONDS = 120;

/** Where a backup is taken from: the volume of one validator, read on its host beside the node that runs on it, by that node's release. */
export type Source = {
  readonly validator: number;
  readonly claim: string;
  readonly host: string;
  readonly image: string;
  readonly imagePullPolicy: string;
};

/**
 * Writes the backup, fetches it again and begins a scratch network with it in memory, then forgets what is beyond the schedule's
 * number. It has no token and asks the API server for nothing: its containers' last words say how it went.
 */
export function backupJob(
  backup: BackupObject,
  cluster: { readonly metadata: { readonly name: string; readonly namespace: string }; readonly spec: ClusterSpec },
  { chainId, ...source }: Source & { readonly chainId: string },
): KubeObject {
  const { metadata, spec } = backup;
  const { resources, storage, placement } = cluster.spec;
  const labels = {
    [LABELS.cluster]: `${cluster.metadata.name}${BACKUP_SUFFIX}`,
    [LABELS.name]: "hmn-backup",
    [LABELS.instance]: cluster.metadata.name,
  };
  const { s3 } = spec.target;
  const { place, store, keyed, keyMount, targetMounts, targetVolumes } = storeAccess(spec.target);
  const said = ["--report", "/dev/termination-log"];
  const { cpu, memory } = resources;
  const step = (name: string, args: readonly string[], mounts: readonly object[] = []) => ({
    name,
    image: source.image,
    imagePullPolicy: source.imagePullPolicy,
    args,
    resources: { requests: { cpu: cpuBeside(cpu), memory }, limits: { cpu, memory } },
    terminationMessagePolicy: "FallbackToLogsOnError",
    securityContext: processLocks,
    ...(s3 === undefined ? {} : { envFrom: [{ secretRef: { name: s3.credentialsSecret } }] }),
    volumeMounts: [keyMount, { name: "tmp", mountPath: "/tmp" }, ...targetMounts, ...mounts],
  });
  const read = [
    { name: "data", mountPath: PATHS.data, readOnly: true },
    { name: "genesis", mountPath: PATHS.config, readOnly: true },
  ];
  const write = step(STEPS.write, ["backup", PATHS.data, place, "--name", metadata.name, ...keyed, ...said], read);
  const check = step(STEPS.check, ["check-backup", place, metadata.name, "--chain-id", chainId, ...keyed, ...said]);
  const kept = ["--prefix", `${spec.schedule}-`, "--keep", String(spec.keep)];
  const forget = step("forget", ["forget-backups", place, ...kept, ...store]);
  const [last, ...before] = (spec.keep > 0 && spec.schedule !== "" ? [write, check, forget] : [write, check]).reverse();
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      name: jobName(metadata.name),
      namespace: metadata.namespace,
      labels: { ...labels, [LABELS.cluster]: cluster.metadata.name, [LABELS.managedBy]: FIELD_MANAGER },
      ownerReferences: [
        { apiVersion: API_VERSION, kind: "HmnBackup", name: metadata.name, uid: metadata.uid, controller: true },
      ],
    },
    spec: {
      backoffLimit: 2,
      activeDeadlineSeconds: DEADLINE_SECONDS,
      ttlSecondsAfterFinished: FORGOTTEN_AFTER_SECONDS,
      template: {
        metadata: { labels },
        spec: {
          restartPolicy: "Never",
          serviceAccountName: cluster.metadata.name,
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          securityContext: podLocks,
          ...(cluster.spec.pods.imagePullSecrets === undefined
            ? {}
            : { imagePullSecrets: cluster.spec.pods.imagePullSecrets }),
          ...(placement.tolerations === undefined ? {} : { tolerations: placement.tolerations }),
          // A volume that one host may write to can be read there by a second pod.
          affinity: {
            nodeAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: {
                nodeSelectorTerms: [{ matchFields: [{ key: "metadata.name", operator: "In", values: [source.host] }] }],
              },
            },
          },
          initContainers: before.reverse(),
          containers: [last],
          volumes: [
            { name: "data", persistentVolumeClaim: { claimName: source.claim, readOnly: true } },
            { name: "genesis", configMap: { name: genesisName(cluster.metadata.name) } },
            { name: "key", secret: { secretName: spec.encryptionSecret, items: [{ key: "key", path: "key" }] } },
            { name: "tmp", emptyDir: { sizeLimit: storage.size } },
            ...targetVolumes,
          ],
        },
      },
    },
  };
}
