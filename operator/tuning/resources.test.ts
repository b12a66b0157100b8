import { expect, test } from "vitest";
import { type Millis, millis, seconds } from "../../node/base/units.ts";
import { tuningSchema } from "../api/tuning.ts";
import { type ResourceInput, recommendResources, type Use } from "./resources.ts";

const NOW = millis(Date.UTC(2026, 0, 1));
const present = <T>(value: T | undefined): T => {
  if (value === undefined) throw new Error("it is given");
  return value;
};
const spec = present(
  tuningSchema.parse({
    resources: { cpu: { min: "200m", max: "2" }, memory: { min: "256Mi", max: "1Gi" }, stepPercent: 25 },
  }).resources,
);
/** One reading in two seconds, for `forSeconds`. */
const used = (cpuPpm: number, memoryPpm: number, forSeconds = 700): readonly Use[] =>
  Array.from({ length: forSeconds / 2 }, (_, index) => ({
    at: millis(NOW - 1000 * forSeconds + 2000 * index),
    ...{ cpuPpm, memoryPpm },
  }));
const asked = (more: Partial<ResourceInput>): ResourceInput => ({
  ...{ now: NOW, spec, cooldown: seconds(900), current: { cpu: "1", memory: "512Mi" }, disturbed: false },
  ...{ uses: [used(600_000, 750_000)], before: undefined, ...more },
});
const advised = (more: Partial<ResourceInput>) => {
  const advice = recommendResources(asked(more));
  return advice === undefined ? undefined : [advice.cpu, advice.memory];
};

test.each<[said: string, uses: readonly (readonly Use[])[], advice: readonly string[] | undefined]>([
  ["what fits stays", [used(600_000, 750_000)], undefined],
  ["a tenth is not worth a rollout", [used(650_000, 800_000)], undefined],
  ["the busiest node decides", [used(100_000, 700_000), used(700_000, 750_000)], ["1170m", "512Mi"]],
  ["a step up at most", [used(1_000_000, 1_000_000)], ["1250m", "640Mi"]],
  ["a step down at most", [used(10_000, 10_000)], ["750m", "384Mi"]],
  ["not read for long enough", [used(10_000, 10_000, 500)], undefined],
  ["one node not read at all", [used(10_000, 10_000), []], undefined],
])("%s", (_, uses, advice) => {
  expect(advised({ uses })).toEqual(advice);
});

test("a few high readings of CPU say nothing, one of memory does", () => {
  const calm = used(600_000, 750_000);
  const last = present(calm.at(-1));
  const peak = (more: Partial<Use>) => [...calm.slice(0, -1), { ...last, ...more }];
  expect(advised({ uses: [peak({ cpuPpm: 1_000_000 })] })).toBeUndefined();
  expect(advised({ uses: [peak({ memoryPpm: 990_000 })] })).toEqual(["1", "640Mi"]);
});

test("never beyond the bounds", () => {
  const low = { uses: [used(10_000, 10_000)], current: { cpu: "250m", memory: "320Mi" } };
  expect(advised(low)).toEqual(["200m", "256Mi"]);
  const high = { uses: [used(1_000_000, 1_000_000)], current: { cpu: "1800m", memory: "900Mi" } };
  expect(advised(high)).toEqual(["2", "1Gi"]);
});

test("an advice stands for its cooldown, and goes once it is taken", () => {
  const before = present(recommendResources(asked({ uses: [used(1_000_000, 750_000)] })));
  const later = (after: Millis, more: Partial<ResourceInput>) =>
    recommendResources(asked({ now: millis(NOW + after), before, ...more }));
  const calm = { uses: [used(600_000, 750_000)] };
  expect(later(seconds(899), calm)).toBe(before);
  expect(later(seconds(900), calm)).toBeUndefined();
  expect(later(seconds(900), { ...calm, disturbed: true })).toBe(before);
  expect(later(seconds(10), { current: { cpu: before.cpu, memory: before.memory }, ...calm })).toBeUndefined();
});
