import { expect, it } from "vitest";
import {
  createServing,
  mayAsk,
  mayProbe,
  PROBES_PER_SECOND,
  SERVED_BURST_BYTES,
  SERVED_BYTES_PER_SECOND,
  served,
} from "./serving.ts";

const ANSWER_BYTES = 4 * 1024 * 1024;

/** Bytes that a peer gets which asks all the time, and how often it is refused. */
function flood(serving: ReturnType<typeof createServing>, { peer = 1, fromMs = 0, forMs = 0, questions = 1_000 } = {}) {
  let bytes = 0;
  let refused = 0;
  for (let question = 0; question < questions; question++) {
    const nowMs = fromMs + (forMs * question) / questions;
    if (!mayAsk(serving, peer, nowMs)) {
      refused += 1;
      continue;
    }
    served(serving, peer, ANSWER_BYTES);
    bytes += ANSWER_BYTES;
  }
  return { bytes, refused };
}

it("a peer that asks without end gets the burst, then its share of each second, and others theirs", () => {
  const serving = createServing();
  const { bytes, refused } = flood(serving);
  expect(bytes).toBeLessThanOrEqual(SERVED_BURST_BYTES + ANSWER_BYTES);
  expect(refused).toBe(1_000 - bytes / ANSWER_BYTES);
  const later = flood(serving, { forMs: 10_000, questions: 100_000 });
  expect(later.bytes / SERVED_BYTES_PER_SECOND).toBeGreaterThan(9);
  expect(later.bytes / SERVED_BYTES_PER_SECOND).toBeLessThan(10.5);
  expect(flood(serving, { peer: 2, fromMs: 10_000 }).bytes).toBeGreaterThan(0.9 * SERVED_BURST_BYTES);
});

it("one that catches up, a question behind each answer, is never refused at half a gigabit a second", () => {
  const answersPerSecond = 15;
  const { refused } = flood(createServing(), { forMs: 60_000, questions: 60 * answersPerSecond });
  expect(refused).toBe(0);
});

it("empty answers are not for nothing either, and probes have a share of their own", () => {
  const serving = createServing();
  let asked = 0;
  while (mayAsk(serving, 1, 0)) asked += 1;
  expect(asked).toBeLessThan(10_000);
  let probed = 0;
  while (mayProbe(serving, 1, 0)) probed += 1;
  expect(probed).toBe(PROBES_PER_SECOND);
  expect(mayProbe(serving, 1, 500)).toBe(true);
});

it("remembers no more peers than its limit", () => {
  const serving = createServing();
  for (let peer = 0; peer < 5_000; peer++) mayAsk(serving, peer, peer);
  expect(serving.bytes.debts.size).toBe(1_024);
  expect(serving.bytes.debts.has(4_999)).toBe(true);
});
