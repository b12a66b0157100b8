import { describe, expect, test } from "vitest";
import { LATENCY_BUCKETS } from "../../node/api/contract.ts";
import { millis } from "../../node/base/units.ts";
import { difference, type Mark } from "./sample.ts";
import { parseScrape } from "./scrape.ts";

/** A node's metrics, in the text format, among series of others. */
function metricsText(counts: {
  cumulative?: readonly number[];
  accepted?: number;
  uptime?: number;
  more?: string;
}): string {
  const { cumulative = [], accepted = 0, uptime = 10, more = "" } = counts;
  const bounds = [...LATENCY_BUCKETS.map(String), "+Inf"];
  return [
    "# HELP hmn_client_latency_seconds Latency.",
    "# TYPE hmn_client_latency_seconds histogram",
    ...bounds.map((le, index) => `hmn_client_latency_seconds_bucket{le="${le}"} ${cumulative[index] ?? 0}`),
    "hmn_client_latency_seconds_sum 1.5",
    "hmn_client_latency_seconds_count 7",
    `hmn_client_batches_total{result="accepted"} ${accepted}`,
    'hmn_client_batches_total{result="failed"} 2 1700000000000',
    "hmn_transfers_applied_total 1e3",
    'hmn_safety_violations_total{kind="fork"} 0',
    'hmn_safety_violations_total{kind="equivocation"} 1',
    `hmn_uptime_seconds ${uptime}`,
    'process_weird{a="}"} NaN',
    more,
  ].join("\n");
}

describe("parseScrape", () => {
  test("reads the contract's series and passes over others", () => {
    const cumulative = LATENCY_BUCKETS.map((_, index) => index).concat(40);
    const scrape = parseScrape(metricsText({ cumulative, accepted: 5 }));
    expect(scrape).toEqual({
      ok: true,
      value: {
        latencyCumulative: cumulative,
        batches: { accepted: 5, refused: 0, failed: 2 },
        transfersApplied: 1_000,
        safetyViolations: 1,
        uptimeSeconds: 10,
      },
    });
  });

  test.each([
    ["no uptime", "hmn_transfers_applied_total 1", "hmn_uptime_seconds is missing"],
    [
      "a bucket of other bounds",
      metricsText({ more: 'hmn_client_latency_seconds_bucket{le="0.007"} 1' }),
      'le="0.007"',
    ],
    ["a value that is no number", metricsText({ more: "hmn_transfers_applied_total x" }), "has the value x"],
    ["a negative count", metricsText({ more: 'hmn_client_batches_total{result="refused"} -1' }), "has the value -1"],
    ["buckets that shrink", metricsText({ cumulative: [5, 4] }), "buckets that shrink"],
  ])("refuses %s", (_, text, detail) => {
    const scrape = parseScrape(text);
    expect(scrape).toMatchObject({ ok: false, reason: "malformed", detail: expect.stringContaining(detail) });
  });
});

describe("difference", () => {
  const whose = { validator: 1, podUid: "u", revision: "r" };
  const mark = (at: number, text: string, podUid = "u"): Mark => {
    const scrape = parseScrape(text);
    if (!scrape.ok) throw new Error(scrape.detail);
    return { at: millis(at), podUid, scrape: scrape.value };
  };
  const all = (from: number, ...counts: readonly number[]) =>
    [...LATENCY_BUCKETS, 0].map((_, index) => counts[Math.min(index, counts.length - 1)] ?? from);

  test("counts what happened between two marks, per bucket", () => {
    const before = mark(1_000, metricsText({ cumulative: all(0, 1, 2, 2), accepted: 2, uptime: 10 }));
    const after = mark(3_000, metricsText({ cumulative: all(0, 1, 5, 6), accepted: 6, uptime: 12 }));
    const sample = difference(whose, true, { before, after, limits: undefined });
    expect(sample).toMatchObject({ from: 1_000, to: 3_000, available: true, batches: { accepted: 4, failed: 0 } });
    expect(sample?.latencyCounts.slice(0, 4)).toEqual([0, 3, 1, 0]);
    expect(sample?.latencyCounts).toHaveLength(LATENCY_BUCKETS.length + 1);
    expect(sample?.safetyViolations).toBe(1);
  });

  test("tells records and the use of the limits, where the node counts them", () => {
    const more = (taken: number, committed: number, cpu: number) =>
      [
        `hmn_client_records_total{result="taken"} ${taken}`,
        `hmn_client_records_total{result="committed"} ${committed}`,
        'hmn_client_records_total{result="refused"} 10',
        `process_cpu_seconds_total ${cpu}`,
        "process_resident_memory_bytes 3e8",
      ].join("\n");
    const before = mark(1_000, metricsText({ uptime: 10, more: more(100, 80, 5) }));
    const after = mark(3_000, metricsText({ uptime: 12, more: more(1_100, 980, 6.5) }));
    const limits = { cpuCores: 1.5, memoryBytes: 4e8 };
    expect(difference(whose, true, { before, after, limits })).toMatchObject({
      records: { offered: 1_000, committed: 900 },
      usage: { cpuPpm: 500_000, memoryPpm: 750_000 },
    });
    const older = mark(3_000, metricsText({ uptime: 12 }));
    const silent = difference(whose, true, { before, after: older, limits });
    expect(silent).toBeDefined();
    expect([silent?.records, silent?.usage]).toEqual([undefined, undefined]);
  });

  test.each([
    ["another pod", mark(3_000, metricsText({ uptime: 12, accepted: 2 }), "v")],
    ["a shorter uptime", mark(3_000, metricsText({ uptime: 1, accepted: 2 }))],
    ["a counter that fell", mark(3_000, metricsText({ uptime: 12, accepted: 1 }))],
  ])("gives none over a restart: %s", (_, after) => {
    const before = mark(1_000, metricsText({ uptime: 10, accepted: 2 }));
    expect(difference(whose, true, { before, after, limits: undefined })).toBeUndefined();
  });
});
