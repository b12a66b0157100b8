import { describe, expect, it } from "vitest";
import { fc } from "../base/test-property.ts";
import { REPLICAS, SHARDS, shardReplicas } from "./shard-placement.ts";

const setting = { shards: SHARDS, replicas: REPLICAS };
const membersOf = (least: number) =>
  fc.uniqueArray(fc.nat(0xffff_ffff), { minLength: least, maxLength: 20 }).map((ids) => ids.toSorted((a, b) => a - b));

/** Computed apart from this code, with Python's hashlib. */
const FOUR = [
  [0, 1, 3],
  [1, 2, 3],
  [1, 2, 3],
  [0, 1, 3],
  [0, 1, 3],
  [0, 2, 3],
  [1, 2, 3],
  [0, 2, 3],
  [0, 1, 2],
  [0, 1, 2],
];

describe("the placement of shards", () => {
  it("is the same for ever: validators of different releases have to agree", () => {
    expect(shardReplicas([0, 1, 2, 3], setting)).toEqual(FOUR);
  });

  it("gives each shard as many different members as it can", () => {
    fc.assert(
      fc.property(membersOf(0), (members) => {
        const placed = shardReplicas(members, setting);
        expect(placed).toHaveLength(SHARDS);
        for (const replicas of placed) {
          expect(new Set(replicas).size).toBe(Math.min(REPLICAS, members.length));
          expect(replicas.every((id) => members.includes(id))).toBe(true);
          expect(replicas).toEqual(replicas.toSorted((a, b) => a - b));
        }
      }),
    );
  });

  it("moves only the places of the member that leaves", () => {
    fc.assert(
      fc.property(membersOf(1), fc.nat(), (members, which) => {
        const leaver = members[which % members.length] ?? -1;
        const before = shardReplicas(members, setting);
        const after = shardReplicas(
          members.filter((id) => id !== leaver),
          setting,
        );
        for (const [shard, replicas] of before.entries()) {
          const stayed = replicas.filter((id) => id !== leaver);
          expect(after[shard]).toEqual(expect.arrayContaining(stayed));
          if (stayed.length === replicas.length) expect(after[shard]).toEqual(replicas);
        }
      }),
    );
  });

  it("spreads shards over members", () => {
    const placed = shardReplicas(
      Array.from({ length: 10 }, (_, id) => id),
      { shards: 1_000, replicas: REPLICAS },
    );
    const places = (id: number): number => placed.filter((replicas) => replicas.includes(id)).length;
    // 300 on average; 5 standard deviations of the binomial distribution to either side.
    for (let id = 0; id < 10; id++) expect(Math.abs(places(id) - 300)).toBeLessThan(73);
  });

  it("takes no list that is out of order", () => {
    expect(() => shardReplicas([2, 1], setting)).toThrow("ascending");
    expect(() => shardReplicas([1, 1], setting)).toThrow("ascending");
  });
});
