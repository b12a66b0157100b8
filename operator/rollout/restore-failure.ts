import type { V1Pod } from "@kubernetes/client-node";
import { type RestoreFault, restoreReportSchema } from "../../node/api/contract-restored.ts";
import { RESTORE_CONTAINER } from "../api/restore.ts";

/** What kept a pod from bringing the backup onto its volume, in its own words; undefined where nothing did, or it was mended since. */
export function restoreFailure(pod: V1Pod): { readonly fault: RestoreFault; readonly detail: string } | undefined {
  const status = restoreStatus(pod);
  const ended = status?.state?.terminated ?? status?.lastState?.terminated;
  if (ended === undefined || ended.exitCode === 0) return undefined;
  const message = ended.message ?? "";
  try {
    const report = restoreReportSchema.safeParse(JSON.parse(message));
    if (report.success) return report.data;
  } catch {
    // It came to no report: what its log ends with is told.
  }
  return { fault: "Unreachable", detail: message.trim() || `exit code ${ended.exitCode} (${ended.reason ?? "Error"})` };
}

export const restoreStatus = (pod: V1Pod) =>
  pod.status?.initContainerStatuses?.find(({ name }) => name === RESTORE_CONTAINER);
