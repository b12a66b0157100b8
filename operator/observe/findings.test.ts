import { expect, test } from "vitest";
import type { NodeStatus } from "../../node/api/contract.ts";
import { millis } from "../../node/base/units.ts";
import { emptyFindings, keep, keepEpoch, SAMPLES_KEPT_MS } from "./findings.ts";
import { unavailable } from "./sample.ts";

test("samples older than 15 minutes go, and there are never more than the limit", () => {
  const found = emptyFindings();
  const whose = { validator: 0, podUid: "u", revision: "r" };
  const step = 2_000;
  for (let time = 0; time <= 2 * SAMPLES_KEPT_MS; time += step) {
    keep(found, unavailable(whose, millis(time - step), millis(time), 0), millis(time));
  }
  const oldest = found.samples[0]?.to ?? 0;
  expect(oldest).toBeGreaterThanOrEqual(SAMPLES_KEPT_MS - 64 * step);
  expect(found.samples.length).toBeLessThanOrEqual(SAMPLES_KEPT_MS / step + 65);
  expect(found.samples.at(-1)?.to).toBe(2 * SAMPLES_KEPT_MS);

  const crowd = emptyFindings();
  for (let n = 0; n < 46_000; n++) keep(crowd, unavailable(whose, millis(0), millis(1), n), millis(1));
  expect(crowd.samples.length).toBeLessThanOrEqual(45_064);
  expect(crowd.samples.at(-1)?.safetyViolations).toBe(45_999);
});

test("each measured epoch is remembered once, the newest of them", () => {
  const found = emptyFindings();
  const told = (epoch: number, measured = true) =>
    keepEpoch(found, 2, { coherence: { measured, epoch, coherencePpm: 900_000 + epoch } } as NodeStatus);
  told(0, false);
  for (let epoch = 1; epoch <= 100; epoch += 1) for (let twice = 0; twice < 2; twice += 1) told(epoch);
  told(99);
  const kept = found.epochs.get(2) ?? [];
  expect(kept).toHaveLength(64);
  expect(kept[0]).toEqual({ epoch: 37, coherencePpm: 900_037 });
  expect(kept.at(-1)).toEqual({ epoch: 100, coherencePpm: 900_100 });
});
