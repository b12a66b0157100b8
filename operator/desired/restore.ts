import { PATHS } from "../../node/api/contract.ts";
import { LABELS } from "../api/group.ts";
import { RESTORE_CONTAINER, type RestoreSource } from "../api/restore.ts";
import { processLocks } from "./security.ts";
import { storeAccess } from "./store-arguments.ts";
import type { PodTemplate } from "./template.ts";

/** Of a validator of a restored network: where its backup lies, or that its volume holds the network. */
export type Restoring =
  | { readonly holds: false; readonly source: RestoreSource; readonly chainId: string | undefined }
  | { readonly holds: true };

type Container = { readonly image: string; readonly imagePullPolicy: string; readonly resources: object };
type PodSpec = { readonly containers: readonly [Container]; readonly volumes: readonly object[] };

/**
 * The template of a release as a validator of a restored network gets it. Only while its volume may lack the backup does it ask for the
 * store and its Secrets: whoever restarts later needs neither.
 */
export function restoringTemplate(template: PodTemplate, restoring: Restoring): PodTemplate {
  const { labels } = template.metadata;
  const metadata = { ...template.metadata, labels: { ...labels, [LABELS.restoring]: String(!restoring.holds) } };
  if (restoring.holds) return { ...template, metadata };
  const { backup, target, encryptionSecret } = restoring.source;
  const { chainId } = restoring;
  const { place, keyed, keyMount, targetMounts, targetVolumes } = storeAccess(target);
  const spec = template.spec as PodSpec;
  const [{ image, imagePullPolicy, resources }] = spec.containers;
  const restore = {
    ...{ name: RESTORE_CONTAINER, image, imagePullPolicy, resources },
    args: [
      ...["restore", place, backup, "--data", PATHS.data, ...keyed],
      ...(chainId === undefined ? [] : ["--chain-id", chainId]),
      ...["--report", "/dev/termination-log"],
    ],
    terminationMessagePolicy: "FallbackToLogsOnError",
    securityContext: processLocks,
    // Missing Secrets are told by what they are missing for, and only by a volume that needs them.
    ...(target.s3 === undefined
      ? {}
      : { envFrom: [{ secretRef: { name: target.s3.credentialsSecret, optional: true } }] }),
    volumeMounts: [{ name: "data", mountPath: PATHS.data }, keyMount, { name: "tmp", mountPath: "/tmp" }].concat(
      targetMounts.map((mount) => ({ ...mount, readOnly: true })),
    ),
  };
  const key = {
    name: "key",
    secret: { secretName: encryptionSecret, items: [{ key: "key", path: "key" }], optional: true },
  };
  return {
    metadata,
    spec: { ...spec, initContainers: [restore], volumes: [...spec.volumes, key, ...targetVolumes] },
  };
}
