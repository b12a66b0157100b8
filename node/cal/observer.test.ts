import { expect, test } from "vitest";
import { addDelay, createDelays, percentile95Ms } from "./delays.ts";
import {
  createObserver,
  meanLatencyMs,
  type Observer,
  reportsOf,
  sawExchange,
  sawFinal,
  sawProbe,
  sawProposal,
  sawVote,
} from "./observer.ts";

const observe = (): Observer => createObserver({ self: 1, members: [3, 2, 1], boundMs: 1_000 });
const probed = (observer: Observer): Observer => {
  for (const peer of observer.peers.keys()) sawProbe(observer, peer, 1);
  return observer;
};
/** One final block, and how long the votes of 2 and 3 took. */
function block(
  observer: Observer,
  hash: string,
  delays: readonly [two: number | undefined, three: number | undefined],
) {
  sawProposal(observer, { block: hash, from: 3 }, 5_000);
  delays.forEach((delay, at) => {
    if (delay !== undefined) sawVote(observer, { block: hash, voter: at + 2 }, 5_000 + delay);
  });
  sawFinal(observer, hash);
}

test.each([
  [[7], 7],
  [[0.9], 0],
  [[1_000], 1_000],
  [[5_000], 1_000],
  [[-3], 0],
  // Rank ⌈0.95·20⌉ = 19, ⌈0.95·21⌉ = 20.
  [Array.from({ length: 20 }, (_, at) => at + 1), 19],
  [Array.from({ length: 21 }, (_, at) => 21 - at), 20],
  [Array.from({ length: 100 }, (_, at) => at), 94],
])("p95 of %j is %d ms", (values, percentile) => {
  const delays = createDelays(1_000);
  for (const value of values) addDelay(delays, value);
  expect(percentile95Ms(delays)).toBe(percentile);
});

test("reports tell what was seen of each other member, by subject", () => {
  const observer = observe();
  block(observer, "aa", [250, undefined]);
  for (const roundTrip of [10, 30, undefined, 20]) sawProbe(observer, 2, roundTrip);
  sawProbe(observer, 3, undefined);
  sawExchange(observer, 2, true);
  sawExchange(observer, 2, true);
  sawExchange(observer, 2, false);
  expect([meanLatencyMs(observer), meanLatencyMs(observer, 2), meanLatencyMs(observer, 3)]).toEqual([
    20,
    20,
    undefined,
  ]);
  expect(reportsOf(observer)).toEqual([
    { reporter: 1, subject: 2, timelinessPpm: 750_000, availabilityPpm: 750_000, meshPpm: 666_666 },
    { reporter: 1, subject: 3, timelinessPpm: 0, availabilityPpm: 0 },
  ]);
});

test("only final blocks that this node held count, and of a voter the first word", () => {
  const observer = probed(observe());
  sawProposal(observer, { block: "nullified", from: 2 }, 0);
  sawVote(observer, { block: "fetched", voter: 2 }, 0);
  sawFinal(observer, "fetched");
  sawFinal(observer, "unheard of");
  expect(reportsOf(observer)).toEqual([]);
  // The vote is here before its block; later words and strangers are no matter.
  sawVote(observer, { block: "aa", voter: 2 }, 10);
  sawProposal(observer, { block: "aa", from: 3 }, 20);
  sawProposal(observer, { block: "aa", from: 3 }, 0);
  for (const voter of [2, 3, 3, 1, 9]) sawVote(observer, { block: "aa", voter }, voter === 3 ? 320 : 900);
  sawFinal(observer, "aa");
  expect(reportsOf(observer).map(({ timelinessPpm }) => timelinessPpm)).toEqual([1_000_000, 700_000]);
});

test("a late vote counts until eight more blocks are final, then it is missed", () => {
  const late = (blocksBefore: number) => {
    const observer = probed(observe());
    block(observer, "late", [0, undefined]);
    for (let at = 0; at < blocksBefore; at++) block(observer, `${at}`, [0, 100]);
    sawVote(observer, { block: "late", voter: 3 }, 5_100);
    return reportsOf(observer)[1]?.timelinessPpm;
  };
  expect([late(0), late(7), late(8)]).toEqual([900_000, 900_000, 0]);
});

test("nothing is reported of a peer that was never probed, and asking twice answers the same", () => {
  const observer = observe();
  block(observer, "aa", [0, 0]);
  expect(reportsOf(observer)).toEqual([]);
  probed(observer);
  expect(reportsOf(observer)).toHaveLength(2);
  expect(reportsOf(observer)).toEqual(reportsOf(observer));
});

test("whatever one peer sends takes bounded room, and what is known of other blocks stays", () => {
  const observer = probed(observe());
  // Its vote is here before the block, which others then send: it is theirs from there on.
  sawVote(observer, { block: "aa", voter: 2 }, 0);
  sawProposal(observer, { block: "aa", from: 3 }, 0);
  for (let at = 0; at < 1_000; at++) sawVote(observer, { block: `vote ${at}`, voter: 2 }, at);
  for (let at = 0; at < 1_000; at++) sawProposal(observer, { block: `proposal ${at}`, from: 2 }, at);
  expect(observer.open.size).toBeLessThanOrEqual(33);
  sawVote(observer, { block: "aa", voter: 3 }, 200);
  sawFinal(observer, "aa");
  block(observer, "bb", [100, 100]);
  expect(reportsOf(observer).map(({ timelinessPpm }) => timelinessPpm)).toEqual([900_000, 800_000]);
});
