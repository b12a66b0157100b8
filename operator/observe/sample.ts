import { LATENCY_BUCKETS } from "../../node/api/contract.ts";
import { type Millis, PPM } from "../../node/base/units.ts";
import type { Scrape } from "./scrape.ts";
import type { Sample } from "./snapshot.ts";

/** One reading of a node's counters. */
export type Mark = { readonly at: Millis; readonly podUid: string; readonly scrape: Scrape };
/** What the container may use: cores and bytes. */
export type Limits = { readonly cpuCores: number; readonly memoryBytes: number };
type Whose = Pick<Sample, "validator" | "podUid" | "revision">;

/** Shared by all samples without clients, which are most of them. */
const noLatency: readonly number[] = Object.freeze(Array.from({ length: LATENCY_BUCKETS.length + 1 }, () => 0));
const noBatches = Object.freeze({ accepted: 0, refused: 0, failed: 0 });

/**
 * What happened at a node between two marks of one process; undefined if it was restarted in between, which shows in
 * another pod, a shorter uptime, or a counter that fell.
 */
export function difference(
  whose: Whose,
  ready: boolean,
  { before, after, limits }: { readonly before: Mark; readonly after: Mark; readonly limits: Limits | undefined },
): Sample | undefined {
  const [old, now] = [before.scrape, after.scrape];
  if (before.podUid !== after.podUid || now.uptimeSeconds < old.uptimeSeconds) return undefined;
  const grown = now.latencyCumulative.map((count, index) => count - (old.latencyCumulative[index] ?? 0));
  const latencyCounts = grown.map((count, index) => count - (grown[index - 1] ?? 0));
  const batches = {
    accepted: now.batches.accepted - old.batches.accepted,
    refused: now.batches.refused - old.batches.refused,
    failed: now.batches.failed - old.batches.failed,
  };
  const transfersApplied = now.transfersApplied - old.transfersApplied;
  const all = [...latencyCounts, batches.accepted, batches.refused, batches.failed, transfersApplied];
  if (all.some((count) => count < 0)) return undefined;
  const records = recordsBetween(old, now);
  const usage = limits === undefined ? undefined : usageOf(before, after, limits);
  return {
    ...whose,
    ...(records === undefined ? {} : { records }),
    ...(usage === undefined ? {} : { usage }),
    from: before.at,
    to: after.at,
    available: ready,
    latencyCounts: latencyCounts.every((count) => count === 0) ? noLatency : latencyCounts,
    batches,
    transfersApplied,
    safetyViolations: now.safetyViolations,
  };
}

/** Refused ones are no load that had to be carried; a batch may be taken in before the interval and refused in it. */
function recordsBetween({ records: old }: Scrape, { records: now }: Scrape): Sample["records"] {
  if (old === undefined || now === undefined) return undefined;
  const offered = Math.max(0, now.taken - old.taken - (now.refused - old.refused));
  return { offered, committed: Math.max(0, now.committed - old.committed) };
}

function usageOf(before: Mark, after: Mark, { cpuCores, memoryBytes }: Limits): Sample["usage"] {
  const [old, now] = [before.scrape.cpuSeconds, after.scrape.cpuSeconds];
  const held = after.scrape.memoryBytes;
  const elapsed = (after.at - before.at) / 1000;
  if (old === undefined || now === undefined || held === undefined || elapsed <= 0) return undefined;
  return {
    cpuPpm: Math.max(0, Math.round((PPM * (now - old)) / elapsed / cpuCores)),
    memoryPpm: Math.round((PPM * held) / memoryBytes),
  };
}

/** Without what a metric source has to tell. */
export const withoutClients = ({ records: _, usage: __, ...sample }: Sample): Sample => ({
  ...sample,
  latencyCounts: noLatency,
  batches: noBatches,
});

/** The node did not answer, or not with its counters. */
export function unavailable(whose: Whose, from: Millis, to: Millis, safetyViolations: number): Sample {
  return {
    ...whose,
    from,
    to,
    available: false,
    latencyCounts: noLatency,
    batches: noBatches,
    transfersApplied: 0,
    safetyViolations,
  };
}
