import { describe, expect, it } from "vitest";
import { SOUND_RULES } from "../../consensus/rules.ts";
import { MODEL_CANARIES, SEARCHES } from "./bounds.ts";
import { explore } from "./explore.ts";
import { networkOf } from "./network.ts";
import { createTuples } from "./tuples.ts";

const LIMITS = { statesMax: 60_000, livenessEvery: 200 };
/** Enough to see what every step of such a network does; the long run is `npm run sim -- model`. */
const GLANCE = { statesMax: 12_000, livenessEvery: 200 };
const bounds = (name: string) => (SEARCHES.find((search) => search.name === name) ?? expect.fail(name)).bounds;

describe("every state of a small network", () => {
  it("agrees, and comes to life again", () => {
    const found = explore(networkOf(bounds("two views, the liar leads the first"), SOUND_RULES), LIMITS);
    expect(found.violation).toBeUndefined();
    expect(found.complete).toBe(true);
    expect(found.states).toBeGreaterThan(40_000);
    expect(found.livenessTried).toBeGreaterThan(50);
  });

  it.each([
    "one view, a crash with the journal and one without",
    "one view, every vote by itself",
    "an epoch of one view and the next",
  ])("agrees at first sight: %s", (name) => {
    const found = explore(networkOf(bounds(name), SOUND_RULES), GLANCE);
    expect(found.violation).toBeUndefined();
    expect(found.livenessTried).toBeGreaterThan(0);
  });

  it("is the same at every search", () => {
    const network = { ...networkOf(bounds("two views, the liar leads the first"), SOUND_RULES), views: 1 };
    const [one, other] = [explore(network, LIMITS), explore(network, LIMITS)];
    expect(one).toEqual(other);
    expect(one.complete).toBe(true);
  });
});

describe("the search finds by itself that", () => {
  it.each(MODEL_CANARIES.filter(({ slow }) => slow !== true))("$name", ({ network, caughtBy }) => {
    const { violation } = explore(network, LIMITS);
    expect(caughtBy).toContain(violation?.what.split(":")[0]);
    expect(violation?.trace.length).toBeGreaterThan(0);
  });
});

it("a network that cannot decide is found to be stuck", () => {
  const small = { ...bounds("two views, the liar leads the first"), views: 1 };
  // More than all is never reached, so nothing is ever final.
  const network = networkOf(small, { ...SOUND_RULES, quorum: () => false });
  expect(explore(network, LIMITS).violation?.what).toMatch(/^liveness:/);
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
