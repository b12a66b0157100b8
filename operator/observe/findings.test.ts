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

const statusIn = (epoch: number, coherence: Partial<NodeStatus["coherence"]>): NodeStatus =>
  ({ epoch, coherence }) as NodeStatus;

test("each measured epoch is remembered once, the newest of them", () => {
  const found = emptyFindings();
  const told = (epoch: number, measured = true) =>
    keepEpoch(found, 2, statusIn(epoch + 2, { measured, epoch, coherencePpm: 900_000 + epoch }), millis(epoch));
  told(0, false);
  for (let epoch = 1; epoch <= 100; epoch += 1) for (let twice = 0; twice < 2; twice += 1) told(epoch);
  told(99);
  const kept = found.epochs.get(2) ?? [];
  expect(kept).toHaveLength(64);
  expect(kept[0]).toMatchObject({ epoch: 37, coherencePpm: 900_037 });
  expect(kept.at(-1)).toMatchObject({ epoch: 100, coherencePpm: 900_100 });
  expect(found.begunAt.size).toBeLessThanOrEqual(64);
});

test("an epoch begins after the one before was last told; what all nodes tell alike is kept once", () => {
  const found = emptyFindings();
  const psi = (voteDelayMs: number) => [{ validator: 0, psiPpm: 1, voteDelayMs, availabilityPpm: 1_000_000 }];
  const told = (validator: number, at: number, now: number, epoch: number, delay = 20) =>
    keepEpoch(found, validator, statusIn(now, { measured: true, epoch, coherencePpm: 1, psi: psi(delay) }), millis(at));
  told(0, 1_000, 5, 3);
  told(1, 2_000, 5, 3);
  told(0, 3_000, 6, 4);
  // A node that lags moves no beginning.
  told(1, 4_000, 5, 3);
  for (const now of [7, 8]) for (const id of [0, 1, 2]) told(id, 1_000 * now + id, now, now - 2, id === 2 ? 900 : 20);
  const last = (id: number) => found.epochs.get(id)?.at(-1);
  expect(found.epochs.get(0)?.[0]).not.toHaveProperty("begunAt");
  expect(last(0)).toMatchObject({ epoch: 6, begunAt: 2_000, peers: [{ validator: 0, voteDelayMs: 20 }] });
  expect(last(1)?.peers).toBe(last(0)?.peers);
  expect(last(2)?.peers).toMatchObject([{ voteDelayMs: 900 }]);
});
