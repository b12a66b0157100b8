import { describe, expect, it } from "vitest";
import { SOUND_RULES } from "../../consensus/rules.ts";
import { MODEL_CANARIES, SEARCHES } from "./bounds.ts";
import { explore } from "./explore.ts";
import { networkOf } from "./network.ts";
import { createPairs, SECOND_MAX } from "./pairs.ts";
import { createTuples } from "./tuples.ts";

const LIMITS = { statesMax: 60_000, localsMax: 60_000, livenessEvery: 200 };

describe("the states of a small network", () => {
  // The first two are seen in part, and whole by the long run: `npm run sim -- model`.
  it.each(SEARCHES.slice(0, 3))("agree, and come to life again: $name", ({ bounds }) => {
    const found = explore(networkOf(bounds, SOUND_RULES), { ...LIMITS, statesMax: 12_000 });
    expect(found.violation).toBeUndefined();
    expect(found.complete).toBe(bounds.views === 1);
    expect(found.states).toBeGreaterThan(10_000);
    expect(found.livenessTried).toBeGreaterThan(5);
  });

  it("are the same at every search", () => {
    const bounds = { ...networkOf(SEARCHES[0]?.bounds ?? expect.fail(), SOUND_RULES), views: 1 };
    const [one, other] = [explore(bounds, LIMITS), explore(bounds, LIMITS)];
    expect(one).toEqual(other);
    expect(one.complete).toBe(true);
  });
});

describe("the search finds by itself that", () => {
  it.each(MODEL_CANARIES)("$name", ({ network, caughtBy }) => {
    const { violation } = explore(network, LIMITS);
    expect(caughtBy).toContain(violation?.what.split(":")[0]);
    expect(violation?.trace.length).toBeGreaterThan(0);
  });
});

it("a network that cannot decide is found to be stuck", () => {
  const bounds = { ...(SEARCHES[0]?.bounds ?? expect.fail()), views: 1 };
  // More than all is never reached, so nothing is ever final.
  const network = networkOf(bounds, { ...SOUND_RULES, quorum: () => false });
  expect(explore(network, LIMITS).violation?.what).toMatch(/^liveness:/);
});

it("pairs keep their values while the table grows", () => {
  const pairs = createPairs();
  const place = (n: number): [number, number] => [n % 997, (n * 31) % SECOND_MAX];
  for (let n = 0; n < 20_000; n++) pairs.add(...place(n), n);
  for (let n = 0; n < 20_000; n++) expect(pairs.get(...place(n))).toBe(n);
  expect(pairs.get(998, 0)).toBeUndefined();
});

it("a set of tuples holds each once and remembers where it came from", () => {
  const tuples = createTuples(3);
  const seen = new Set<string>();
  for (let number = 0; number < 20_000; number++) {
    const tuple = Uint32Array.of(number % 101, (number * 7) % 89, number % 3);
    expect(tuples.add(tuple, Math.min(number, 5))).toBe(!seen.has(tuple.join()));
    seen.add(tuple.join());
  }
  expect(tuples.size()).toBe(seen.size);
  const back = new Uint32Array(3);
  tuples.read(1, back);
  expect([...back]).toEqual([1, 7, 1]);
  expect(tuples.cameFrom(1)).toBe(1);
});
