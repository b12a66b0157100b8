import { expect, test } from "vitest";
import { LATENCY_BUCKETS } from "../../node/api/contract.ts";
import { present } from "../../node/base/assert.ts";
import { type Random, seededRandom } from "../../node/base/random.ts";
import { type Millis, millis } from "../../node/base/units.ts";
import { clusterSpecSchema } from "../api/cluster.ts";
import type { Sample } from "../observe/snapshot.ts";
import type { SignedEpoch } from "./epochs.ts";
import { judge } from "./judge.ts";

/**
 * Simulated upgrades of four nodes under the default service levels and policy, judged window by window by the production
 * judge. Latencies are lognormal, as measured ones nearly are; the load drifts for all nodes together, machines differ a
 * little, and now and then one node or all of them stumble. Nodes use about four fifths of their limits, and now and then
 * all of them; up to three batches are on their way when a reading is taken. Every 42 s an epoch begins, of which its reports tell
 * 84 s later how each node's peers saw it: the median of three, who each lose one probe in a hundred and fifty.
 */
const spec = clusterSpecSchema.parse({ version: "1.0.0", image: { reference: "x" }, network: "n" });
const { serviceLevels: levels, rollout: policy } = spec;
const NODES = 4;
const READ_MS = 2_000;
/** Generous: it is a lot of arithmetic, and machines are shared. */
const TIMEOUT_MS = 600_000;
const BEFORE_MS = 120_000;
const SIGMA = 0.5;
/** 95th percentile of a lognormal over its median. */
const P95_OVER_MEDIAN = Math.exp(1.645 * SIGMA);

type Weather = {
  /** 95th percentile of every node on a calm day, as a share of the level. */
  readonly p95OfLevel: number;
  /** Factor on the latencies of node 0 once it runs the new release. */
  readonly slower: number;
  /** 95th percentile of its vote delay as its peers see it then; as the others' where absent. */
  readonly voteDelayMs?: number;
};

const EPOCH_MS = 42_000;
const PROBES = 28;

const uniform = (random: Random): number => (random.below(1_000_000) + 0.5) / 1_000_000;
const normal = (random: Random): number =>
  Math.sqrt(-2 * Math.log(uniform(random))) * Math.cos(2 * Math.PI * uniform(random));

/** Whether an upgrade, followed through its first phases, was rolled back: as `advance.ts` counts windows. */
function rolledBack(seed: number, weather: Weather, phases: number, soakSeconds?: number): boolean {
  const random = seededRandom(BigInt(seed));
  const machines = Array.from({ length: NODES }, () => Math.exp(0.05 * normal(random)));
  const medianSeconds = (weather.p95OfLevel * levels.latencyP95Millis) / 1000 / P95_OVER_MEDIAN;
  const samples: Sample[] = [];
  let drift = 0;
  let failures = 0;
  let now = BEFORE_MS;
  const signed: SignedEpoch[] = [];
  const sign = (begunAt: number, moved: number) =>
    signed.push({
      epoch: signed.length + 1,
      begunAt: millis(begunAt),
      words: machines.map((machine, validator) => ({
        validator,
        ...seenByPeers(random, validator < Math.min(moved, 1) ? weather.voteDelayMs : undefined, machine),
      })),
    });
  const sampleAll = (from: number, to: number, moved: number) => {
    drift = 0.9 * drift + 0.05 * normal(random);
    const stumbleAll = random.oneIn(300) ? 3 : 1;
    for (let validator = 0; validator < NODES; validator += 1) {
      const stumble = random.oneIn(300) ? 3 : 1;
      const slower = validator === 0 && moved > 0 ? weather.slower : 1;
      const median = medianSeconds * (machines[validator] ?? 1) * Math.exp(drift) * stumbleAll * stumble * slower;
      samples.push(sampleOf(random, validator, validator < moved ? "new" : "old", median, from, to));
    }
  };
  for (let at = 0; at < BEFORE_MS; at += READ_MS) sampleAll(at, at + READ_MS, 0);
  for (let at = 0; at + 2 * EPOCH_MS <= BEFORE_MS; at += EPOCH_MS) sign(at, 0);
  for (const [index, moved] of [1, 3, 4].slice(0, phases).entries()) {
    const soak = (soakSeconds ?? policy.phases[index]?.soakSeconds ?? 0) * 1000;
    const soakFrom = now;
    let judgedAt = now;
    let failing = now;
    for (const end = now + soak; now < end; ) {
      sampleAll(now, now + READ_MS, moved);
      now += READ_MS;
      const next = signed.length * EPOCH_MS;
      if (next + 2 * EPOCH_MS <= now) sign(next, next >= BEFORE_MS ? moved : 0);
      if (now - judgedAt < policy.intervalSeconds * 1000) continue;
      const node = (id: number) => ({ id, podUid: `${id}-${id < moved ? "new" : "old"}` });
      const ids = Array.from({ length: NODES }, (_, id) => id);
      const verdict = (from: number) =>
        judge({
          samples,
          from: millis(from),
          to: millis(now),
          startedAt: millis(BEFORE_MS),
          phase: index + 1,
          firstDeployment: false,
          fresh: ids.filter((id) => id < moved).map(node),
          old: ids.filter((id) => id >= moved).map(node),
          signed,
          levels,
          minimumSamples: policy.minimumSamples,
        }).window.verdict;
      if (failures === 0) failing = judgedAt;
      const found = verdict(judgedAt);
      judgedAt = now;
      if (found === "Fail") failures += 1;
      else if (found !== "NoData" && found !== "Error") failures = 0;
      if (failures >= policy.failureLimit) {
        if (verdict(failing) === "Fail") return true;
        failures = 0;
      }
      if (now >= end && verdict(soakFrom) === "Fail") return true;
    }
  }
  return false;
}

function seenByPeers(random: Random, voteDelayMs: number | undefined, machine: number) {
  const stumble = random.oneIn(30) ? 3 : 1;
  const delay = (voteDelayMs ?? 120) * machine * stumble * Math.exp(0.3 * normal(random));
  const answered = Array.from(
    { length: NODES - 1 },
    () => Array.from({ length: PROBES }, () => !random.oneIn(150)).filter(Boolean).length / PROBES,
  );
  const [, median = 1] = answered.toSorted((a, b) => a - b);
  return { voteDelayMs: Math.min(1_000, Math.round(delay)), availabilityPpm: Math.round(1_000_000 * median) };
}

function sampleOf(
  random: Random,
  validator: number,
  revision: string,
  medianSeconds: number,
  from: number,
  to: number,
): Sample {
  const latencyCounts = Array.from({ length: LATENCY_BUCKETS.length + 1 }, () => 0);
  const accepted = 30 + random.below(30);
  for (let batch = 0; batch < accepted; batch += 1) {
    const seconds = medianSeconds * Math.exp(SIGMA * normal(random));
    const bucket = LATENCY_BUCKETS.findIndex((bound) => seconds <= bound);
    const at = bucket === -1 ? LATENCY_BUCKETS.length : bucket;
    latencyCounts[at] = (latencyCounts[at] ?? 0) + 1;
  }
  // What is on its way at the end of an interval is committed in the next one.
  const late = random.below(4);
  const cpu = Math.min(1_000_000, Math.round(800_000 * Math.exp(0.15 * normal(random))));
  return {
    records: { offered: 100 * accepted, committed: 100 * Math.max(0, accepted + random.below(4) - late) },
    usage: { cpuPpm: cpu, memoryPpm: Math.round(800_000 * Math.exp(0.03 * normal(random))) },
    validator,
    podUid: `${validator}-${revision}`,
    revision,
    from: from as Millis,
    to: to as Millis,
    available: true,
    latencyCounts,
    batches: { accepted, refused: 0, failed: 0 },
    transfersApplied: accepted,
    safetyViolations: 0,
  };
}

/** Of so many rollouts, the calm loads taken in turn, how many were rolled back within the first phases. */
const countRolledBack = (count: number, loads: readonly number[], phases: number, slowerAt: (load: number) => number) =>
  Array.from({ length: count }, (_, seed) => {
    const p95OfLevel = present(loads[seed % loads.length], "a load in turn");
    return rolledBack(seed + 1, { p95OfLevel, slower: slowerAt(p95OfLevel) }, phases);
  }).filter(Boolean).length;

test(
  "of 1 000 upgrades to the same release, at loads up to the very level, at most one in a hundred is rolled back",
  () => {
    expect(countRolledBack(1_000, [0.3, 0.5, 0.7, 0.85, 0.95], 3, () => 1)).toBeLessThanOrEqual(10);
  },
  TIMEOUT_MS,
);

test(
  "of 300 releases with a 95th percentile of twice the level on one node, 99 in a hundred go back in phase 1",
  () => {
    expect(countRolledBack(300, [0.3, 0.5, 0.8, 1], 1, (load) => 2 / load)).toBeGreaterThanOrEqual(297);
  },
  TIMEOUT_MS,
);

test(
  "of 300 releases whose votes come late by their peers' word alone, 99 in a hundred go back in a phase of five minutes",
  () => {
    const late = { p95OfLevel: 0.5, slower: 1, voteDelayMs: 1_000 };
    const back = Array.from({ length: 300 }, (_, seed) => rolledBack(seed + 1, late, 1, 300)).filter(Boolean).length;
    expect(back).toBeGreaterThanOrEqual(297);
    const calm = Array.from({ length: 300 }, (_, seed) => rolledBack(seed + 1, { p95OfLevel: 0.5, slower: 1 }, 1, 300));
    expect(calm.filter(Boolean).length).toBeLessThanOrEqual(3);
  },
  TIMEOUT_MS,
);
