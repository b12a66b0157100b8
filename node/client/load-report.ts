import type { Target } from "./connection.ts";

/** Counts and latencies of a run; latencies and applied transfers a second since the last line, counts since the start. */
export type LoadReport = {
  sent(): void;
  /** Not sent because too many batches were unanswered. */
  shed(): void;
  acknowledged(how: {
    readonly target: number;
    readonly latencyMs: number;
    /** In the batch. */
    readonly transfers: number;
    readonly refusedTransfers: number;
  }): void;
  refused(): void;
  unknown(): void;
  outstanding(): number;
  line(): string;
};

export function loadReport(targets: readonly Target[], elapsedMs: () => number): LoadReport {
  const counts = { sent: 0, shed: 0, acknowledged: 0, refused: 0, unknown: 0, refusedTransfers: 0 };
  const answered = targets.map(() => 0);
  let latencies: number[][] = targets.map(() => []);
  let applied = { transfers: 0, sinceMs: 0 };
  const outstanding = () => counts.sent - counts.acknowledged - counts.refused - counts.unknown;
  return {
    sent: () => {
      counts.sent += 1;
    },
    shed: () => {
      counts.shed += 1;
    },
    acknowledged: ({ target, latencyMs, transfers, refusedTransfers }) => {
      counts.acknowledged += 1;
      applied.transfers += transfers - refusedTransfers;
      counts.refusedTransfers += refusedTransfers;
      answered[target] = (answered[target] ?? 0) + 1;
      latencies[target]?.push(latencyMs);
    },
    refused: () => {
      counts.refused += 1;
    },
    unknown: () => {
      counts.unknown += 1;
    },
    outstanding,
    line: () => {
      const perTarget = targets.map(
        ({ servername }, target) => `${servername} ${answered[target]} ${quantiles(latencies[target] ?? [])}`,
      );
      const whole = quantiles(latencies.flat());
      latencies = targets.map(() => []);
      const nowMs = elapsedMs();
      const perSecond = Math.round((applied.transfers * 1_000) / Math.max(1, nowMs - applied.sinceMs));
      applied = { transfers: 0, sinceMs: nowMs };
      const { sent, shed, acknowledged, refused, unknown, refusedTransfers } = counts;
      return [
        `load ${Math.round(nowMs / 1000)}s applied=${perSecond}/s sent=${sent} acknowledged=${acknowledged} refused=${refused} unknown=${unknown}`,
        `shed=${shed} outstanding=${outstanding()} refusedTransfers=${refusedTransfers} ${whole} | ${perTarget.join(" | ")}`,
      ].join(" ");
    },
  };
}

/** p50, p95 and p99 of these, as text. */
export function quantiles(values: readonly number[]): string {
  if (values.length === 0) return "p50/p95/p99=-";
  const sorted = values.toSorted((a, b) => a - b);
  const at = (q: number) => quantile(sorted, q).toFixed(1);
  return `p50/p95/p99=${at(0.5)}/${at(0.95)}/${at(0.99)}ms`;
}

/** Of ascending values the one at rank ⌈q·n⌉; 0 of none. */
export const quantile = (sorted: readonly number[], q: number): number => sorted[Math.ceil(q * sorted.length) - 1] ?? 0;
