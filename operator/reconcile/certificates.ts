import type { TlsStatus } from "../api/tls.ts";
import { nodeName } from "../desired/names.ts";
import { nodeLeaf, operatorLeaf } from "../desired/secrets.ts";
import type { Snapshot } from "../observe/snapshot.ts";
import type { View } from "../rollout/view.ts";
import { isUsable } from "./leaf-age.ts";
import { everybodyOf } from "./observers.ts";

export type CertificatesReady = {
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
};

/** Whether every certificate is good, and used by the node that it was made for. */
export function certificatesReady(
  snapshot: Snapshot,
  view: View,
  tls: TlsStatus,
  rotating: boolean,
): CertificatesReady {
  const { cluster, authority, leaves, now } = snapshot;
  if (authority === undefined)
    return { status: "Unknown", reason: "NotIssued", message: "There is no certificate authority yet" };
  const everybody = everybodyOf(view);
  const issues = [operatorLeaf(cluster), ...everybody.map(({ id }) => nodeLeaf(cluster, id))];
  const bad = issues.filter(({ secret }) => !isUsable(leaves.get(secret), now)).map(({ secret }) => secret);
  if (bad.length > 0)
    return {
      status: "False",
      reason: "NotIssued",
      message: `No good certificate is in Secret ${bad.join(", ")}: it is issued next`,
    };
  if (tls.step !== "Rest" || rotating)
    return {
      status: "True",
      reason: "Rotating",
      message: `All certificates are good, and are being replaced (step ${tls.step}) while everything runs`,
    };
  const stale = everybody.filter(({ id, status }) => {
    const hash = leaves.get(nodeLeaf(cluster, id).secret)?.hash;
    if (status === undefined) return false;
    return status.caBundleHash !== authority.bundleHash || (status.certificateHash ?? hash) !== hash;
  });
  return stale.length > 0
    ? {
        status: "False",
        reason: "NotInUse",
        message: `${stale.map(({ id }) => nodeName(id)).join(", ")} has not read its new certificate or the bundle yet: the kubelet brings them within two minutes; else look at its log`,
      }
    : {
        status: "True",
        reason: "Valid",
        message: `All certificates are good, and used by every node that can be read; the next one is replaced by its age at ${tls.nextRotation ?? ""}`,
      };
}
