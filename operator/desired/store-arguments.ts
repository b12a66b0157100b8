import type { BackupSpec } from "../api/backup.ts";

type Target = BackupSpec["target"];
/** Where the key of a backup and, if it is a claim, its target are mounted. */
const KEY_PATH = "/etc/hmn/backup";
const TARGET_PATH = "/backups";

/** How a container of the node's image reaches a backup's target: what it is told, and what it has to be given. */
export function storeAccess({ s3, claimName }: Target) {
  const place =
    s3 === undefined ? TARGET_PATH : `s3://${[s3.bucket, s3.prefix].filter((part) => part !== "").join("/")}`;
  const store =
    s3 === undefined ? [] : ["--region", s3.region, ...(s3.endpoint === undefined ? [] : ["--endpoint", s3.endpoint])];
  return {
    place,
    store,
    keyed: ["--key", `${KEY_PATH}/key`, ...store],
    keyMount: { name: "key", mountPath: KEY_PATH, readOnly: true },
    targetMounts: claimName === undefined ? [] : [{ name: "target", mountPath: TARGET_PATH }],
    targetVolumes: claimName === undefined ? [] : [{ name: "target", persistentVolumeClaim: { claimName } }],
  };
}
