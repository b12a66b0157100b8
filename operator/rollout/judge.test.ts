import { describe, expect, test } from "vitest";
import { LATENCY_BUCKETS } from "../../node/api/contract.ts";
import { millis } from "../../node/base/units.ts";
import { serviceLevelsSchema } from "../api/rollout-policy.ts";
import type { PeersWord, Sample } from "../observe/snapshot.ts";
import type { SignedEpoch } from "./epochs.ts";
import { type JudgeInput, judge } from "./judge.ts";

const levels = serviceLevelsSchema.parse({});
const STARTED = 100_000;
const NOW = 120_000;

type Traits = {
  readonly latency: number;
  readonly batches: number;
  readonly failed: number;
  readonly down: boolean;
  readonly safety: number;
  /** Of 100 records in each batch. */
  readonly committed: number;
  readonly cpuPpm: number;
  readonly memoryPpm: number;
};
const good: Traits = {
  ...{ latency: 0.004, batches: 30, failed: 0, down: false, safety: 0 },
  ...{ committed: 100, cpuPpm: 600_000, memoryPpm: 500_000 },
};

/** One sample each two seconds of (from, to]. */
function samples(validator: number, from: number, to: number, traits: Partial<Traits> = {}): readonly Sample[] {
  const { latency, batches, failed, down, safety, committed, cpuPpm, memoryPpm } = { ...good, ...traits };
  const bucket = LATENCY_BUCKETS.findIndex((bound) => bound >= latency);
  return Array.from({ length: Math.floor((to - from) / 2000) }, (_, index) => ({
    validator,
    podUid: `pod-${validator}`,
    revision: "",
    from: millis(from + 2000 * index),
    to: millis(from + 2000 * (index + 1)),
    available: !down,
    latencyCounts: Array.from({ length: LATENCY_BUCKETS.length + 1 }, (_, at) =>
      at === bucket && !down ? batches : 0,
    ),
    batches: down ? { accepted: 0, refused: 0, failed: 0 } : { accepted: batches - failed, refused: 0, failed },
    records: { offered: 100 * batches, committed: committed * batches },
    // Not all alike, or no difference could be told from chance.
    usage: { cpuPpm: cpuPpm + 7 * index + validator, memoryPpm },
    transfersApplied: 0,
    safetyViolations: safety,
  }));
}

/** Node 0 is new, 1 to 3 are old; before the rollout all of them served. */
function judged(traits: {
  fresh?: Partial<Traits>;
  old?: Partial<Traits>;
  before?: Partial<Traits>;
  over?: Partial<JudgeInput>;
}) {
  const all = [
    ...[0, 1, 2, 3].flatMap((id) => samples(id, STARTED - 20_000, STARTED, traits.before)),
    ...samples(0, STARTED, NOW - 10_000),
    ...samples(0, NOW - 10_000, NOW, traits.fresh),
    ...[1, 2, 3].flatMap((id) => samples(id, STARTED, NOW, traits.old)),
  ];
  return judge({
    samples: all.toSorted((a, b) => a.to - b.to),
    from: millis(NOW - 10_000),
    to: millis(NOW),
    startedAt: millis(STARTED),
    phase: 1,
    firstDeployment: false,
    fresh: [{ id: 0, podUid: "pod-0" }],
    old: [1, 2, 3].map((id) => ({ id, podUid: `pod-${id}` })),
    signed: [],
    levels,
    minimumSamples: 20,
    ...traits.over,
  });
}

describe("the judge of one window", () => {
  test("passes what meets the levels", () => {
    expect(judged({}).window).toMatchObject({ verdict: "Pass", phase: 1 });
  });

  test("fails a slow release beside fast old nodes, and shows the numbers", () => {
    const { window } = judged({ fresh: { latency: 3 } });
    expect(window).toMatchObject({
      verdict: "Fail",
      metric: "latencyP95",
      limit: "50 ms",
      newValue: "4850 ms",
      oldValue: "5 ms",
    });
  });

  test("fails errors over the level; refusals are not errors", () => {
    expect(judged({ fresh: { failed: 3 } }).window).toMatchObject({
      verdict: "Fail",
      metric: "errors",
      newValue: "10 %",
    });
  });

  test("fails a release that commits less than it is offered, while the floor asks for it", () => {
    expect(judged({ fresh: { committed: 90 } }).window).toMatchObject({
      ...{ verdict: "Fail", metric: "throughput" },
      ...{ newValue: "1350 /s", oldValue: "1500 /s", limit: "1425 /s" },
    });
    expect(judged({ fresh: { committed: 96 } }).window.verdict).toBe("Pass");
    const floored = { levels: { ...levels, throughputFloor: 1_000 } };
    expect(judged({ fresh: { committed: 90 }, over: floored }).window.verdict).toBe("Pass");
    // Three batches on the edge of a window of 150 are no shortfall.
    expect(judged({ fresh: { committed: 93 } }).window.verdict).toBe("Pass");
  });

  test("an overload that was there before is nobody's fault, and holds nothing up", () => {
    const lame = { committed: 60, cpuPpm: 990_000, memoryPpm: 950_000 };
    expect(judged({ fresh: lame, old: lame, before: lame }).window.verdict).toBe("Pass");
  });

  test.each([
    ["cpu", { cpuPpm: 980_000 }, { cpuPpm: 930_000 }],
    ["memory", { memoryPpm: 950_000 }, { memoryPpm: 880_000 }],
  ] as const)("fails a release that uses up its %s where the old one does not", (metric, much, nearly) => {
    expect(judged({ fresh: much }).window).toMatchObject({ verdict: "Fail", metric });
    // Over the level, and hardly over the others.
    expect(judged({ fresh: much, old: nearly }).window.verdict).toBe("Pass");
    expect(judged({ fresh: nearly }).window.verdict).toBe("Pass");
  });

  test("the first half minute of a process says nothing about its CPU", () => {
    const busy = (from: number) => [
      ...samples(0, from, NOW, { cpuPpm: 980_000 }),
      ...[1, 2, 3].flatMap((id) => samples(id, STARTED - 20_000, NOW)),
    ];
    expect(judged({ over: { samples: busy(STARTED) } }).window.verdict).toBe("Pass");
    expect(judged({ over: { samples: busy(STARTED - 20_000) } }).window).toMatchObject({
      verdict: "Fail",
      metric: "cpu",
    });
  });

  test("both bad and good before: the release drags the others", () => {
    expect(judged({ fresh: { latency: 3 }, old: { latency: 3 } }).window.verdict).toBe("Fail");
  });

  test("both bad and bad before: not the release", () => {
    expect(judged({ fresh: { latency: 3 }, old: { latency: 3 }, before: { latency: 3 } }).window.verdict).toBe(
      "Inconclusive",
    );
  });

  test("in the last phase, without old nodes, what was before is the measure", () => {
    const over = { old: [] };
    expect(judged({ fresh: { latency: 3 }, over }).window.verdict).toBe("Fail");
    expect(judged({ fresh: { latency: 3 }, before: { batches: 0 }, over }).window.verdict).toBe("Inconclusive");
  });

  test("too few batches are no data, and nobody served is said apart", () => {
    expect(judged({ fresh: { batches: 2 } })).toMatchObject({ nobodyServed: false, window: { verdict: "NoData" } });
    expect(judged({ fresh: { batches: 0 }, old: { batches: 0 } })).toMatchObject({
      nobodyServed: true,
      window: { verdict: "NoData" },
    });
  });

  test("a node that never had clients owes no data; one that lost them does", () => {
    const lost = judged({ fresh: { batches: 0 } });
    expect(lost.window.verdict).toBe("NoData");
    const all = [
      ...samples(0, STARTED - 20_000, NOW, { batches: 0 }),
      ...[1, 2, 3].flatMap((id) => samples(id, STARTED - 20_000, NOW)),
    ];
    expect(judged({ over: { samples: all } }).window.verdict).toBe("Pass");
  });

  test("a node that stops answering fails availability; one lost reading does not", () => {
    expect(judged({ fresh: { down: true } }).window).toMatchObject({ verdict: "Fail", metric: "availability" });
    const once = [
      ...samples(0, STARTED, NOW - 2000),
      ...samples(0, NOW - 2000, NOW, { down: true }),
      ...[1, 2, 3].flatMap((id) => samples(id, STARTED, NOW)),
    ];
    expect(judged({ over: { samples: once.toSorted((a, b) => a.to - b.to) } }).window.verdict).toBe("Pass");
  });

  test("nobody can be read: an error of the observer, not of the release", () => {
    const all = [0, 1, 2, 3].flatMap((id) => [
      ...samples(id, STARTED, NOW - 10_000),
      ...samples(id, NOW - 10_000, NOW, { down: true }),
    ]);
    expect(judged({ over: { samples: all.toSorted((a, b) => a.to - b.to) } }).window.verdict).toBe("Error");
  });

  test("safety is one strike, but old breaches of old nodes are not the release's", () => {
    expect(judged({ fresh: { safety: 1 } })).toMatchObject({
      safety: true,
      window: { verdict: "Fail", metric: "safety" },
    });
    expect(judged({ old: { safety: 1 } })).toMatchObject({ safety: true });
    const all = [
      ...samples(0, STARTED, NOW),
      ...[1, 2, 3].flatMap((id) => samples(id, STARTED - 20_000, NOW, { safety: 1 })),
    ];
    expect(judged({ over: { samples: all } })).toMatchObject({ safety: false, window: { verdict: "Pass" } });
  });

  test("a metric source that fails is an error, one without series of a new node is no data: neither is taken for silence", () => {
    const state = (error: string | undefined, ...missing: number[]) => ({ source: "prom", error, missing });
    expect(judged({ over: { source: state("it answers 503", 0, 1) } })).toMatchObject({
      window: { verdict: "Error", message: "metric source prom: it answers 503" },
      nobodyServed: false,
    });
    const nothing = { batches: 0 };
    const unseen = judged({ fresh: nothing, old: nothing, before: nothing, over: { source: state(undefined, 0) } });
    expect(unseen).toMatchObject({ window: { verdict: "NoData" }, nobodyServed: false });
    expect(unseen.window.message).toContain("prom has no fresh series of node 0");
    // Of old nodes alone: the new ones are judged, by the past.
    expect(judged({ over: { source: state(undefined, 1, 2, 3) } }).window.verdict).toBe("Pass");
    expect(judged({ fresh: { latency: 3 }, over: { source: state(undefined, 1) } }).window.verdict).toBe("Fail");
  });

  test("without its source the judge still sees who is away, and who breaks safety", () => {
    const source = { source: "prom", error: "it answers 503", missing: [] };
    expect(judged({ fresh: { down: true }, over: { source } }).window).toMatchObject({
      verdict: "Fail",
      metric: "availability",
    });
    expect(judged({ fresh: { safety: 1 }, over: { source } })).toMatchObject({
      safety: true,
      window: { verdict: "Fail" },
    });
  });

  test("a first deployment does not wait for whoever will scrape it", () => {
    const source = { source: "prom", error: undefined, missing: [0, 1, 2, 3] };
    const nothing = { batches: 0 };
    expect(
      judged({ fresh: nothing, old: nothing, before: nothing, over: { source, firstDeployment: true } }).nobodyServed,
    ).toBe(true);
  });
});

describe("the judge by what peers signed", () => {
  type Word = Omit<PeersWord, "validator">;
  const fine: Word = { voteDelayMs: 40, availabilityPpm: 1_000_000 };
  const late: Word = { ...fine, voteDelayMs: 800 };
  const deaf: Word = { ...fine, availabilityPpm: 600_000 };
  const READY = STARTED - 20_000;
  /** Epochs of 4 s: three that end before the rollout, and some that begin after it. */
  const epochs = (before: Word, fresh: readonly Word[], old: readonly Word[]): readonly SignedEpoch[] => {
    const of = (epoch: number, begunAt: number, own: Word, others: Word): SignedEpoch => ({
      ...{ epoch, begunAt: millis(begunAt) },
      words: [0, 1, 2, 3].map((validator) => ({ validator, ...(validator === 0 ? own : others) })),
    });
    return [
      ...[1, 2, 3].map((epoch) => of(epoch, STARTED - 4_000 * (4 - epoch), before, before)),
      ...fresh.map((own, index) => of(4 + index, STARTED + 4_000 * index, own, old[index] ?? fine)),
    ];
  };
  /** Node 0 came up on the new release at the rollout's start. */
  const moved = (signed: readonly SignedEpoch[], more: Partial<JudgeInput> = {}) => {
    const all = [
      ...[0, 1, 2, 3].flatMap((id) => samples(id, READY, STARTED)),
      ...[0, 1, 2, 3].flatMap((id) =>
        samples(id, STARTED, NOW).map((sample) => (id === 0 ? { ...sample, podUid: "new-0" } : sample)),
      ),
    ];
    return judged({
      over: {
        samples: all.toSorted((a, b) => a.to - b.to),
        fresh: [{ id: 0, podUid: "new-0" }],
        signed,
        ...more,
      },
    }).window;
  };

  // The first two epochs of a new process begin before it had been ready for five seconds.
  test.each<
    [said: string, before: Word, fresh: readonly Word[], old: readonly Word[], verdict: string, metric: string]
  >([
    ["good all along", fine, [fine, fine, fine, fine], [], "Pass", ""],
    ["late in two epochs, the others are not", fine, [fine, fine, late, late], [], "Fail", "voteDelay"],
    ["does not answer its peers in two epochs", fine, [fine, fine, deaf, deaf], [], "Fail", "peersAvailability"],
    ["late in one epoch only", fine, [fine, fine, late, fine], [], "Pass", ""],
    ["late only while it started", fine, [late, late, fine, fine], [], "Pass", ""],
    ["one epoch measured so far", fine, [late, late, late], [], "Pass", ""],
    [
      "all are late, and were good before",
      fine,
      [fine, fine, late, late],
      [late, late, late, late],
      "Fail",
      "voteDelay",
    ],
    ["all are late, as before", late, [fine, fine, late, late], [late, late, late, late], "Pass", ""],
  ])("%s", (_, before, fresh, old, verdict, metric) => {
    const window = moved(epochs(before, fresh, old));
    expect(window.verdict).toBe(verdict);
    if (metric !== "") expect(window.metric).toBe(metric);
  });

  test("shows the numbers, and a level of 1 000 ms is never exceeded", () => {
    const signed = epochs(fine, [fine, fine, late, late], []);
    expect(moved(signed)).toMatchObject({ newValue: "800 ms", oldValue: "40 ms" });
    expect(moved(signed).limit).toContain("500 ms");
    expect(moved(signed, { levels: { ...levels, voteDelayP95Millis: 1_000 } }).verdict).toBe("Pass");
  });
});
