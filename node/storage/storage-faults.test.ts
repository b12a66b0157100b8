import { describe, expect, it } from "vitest";
import type { PersistEffect } from "../ports.ts";
import { PowerCut } from "./test-disk.ts";
import {
  adopt,
  close,
  createWorld,
  inspect,
  namesOf,
  randomStep,
  reopen,
  SEGMENT_BYTES,
  type World,
} from "./test-world.ts";

const SEEDS = Array.from({ length: 30 }, (_, index) => index + 1);

/** Steps until the power goes at a random change of the disk; true if it went. */
async function untilPowerCut(world: World): Promise<boolean> {
  let left = world.random.below(150);
  world.disk.onChange = () => {
    left -= 1;
    if (left < 0) throw new PowerCut();
  };
  try {
    for (let step = 0; step < 30; step++) await randomStep(world);
    await close(world);
    return false;
  } catch (cause) {
    if (cause instanceof PowerCut || (cause instanceof Error && cause.cause instanceof PowerCut)) return true;
    throw cause;
  } finally {
    world.disk.onChange = () => {};
  }
}

describe.each([{ batches: false }, { batches: true }])("a storage whose power goes at any write ($batches)", (how) => {
  it.each(SEEDS)("has everything it acknowledged, and votes only as it did (seed %i)", async (seed) => {
    const world = createWorld(seed, how);
    for (let life = 0; life < 12; life++) {
      const where = `seed ${seed}, life ${life}`;
      if (await untilPowerCut(world)) world.disk.powerCut(world.random);
      reopen(world);
      const found = inspect(world);
      expect(found.lost, where).toEqual([]);
      expect(world.storage.damage(), where).toEqual([]);
      expect(found.votesIntact, where).toBe(true);
      expect([world.acknowledged.votes, ...world.pendingVotes].map(namesOf), where).toContainEqual(found.votes);
      adopt(world);
    }
  });
});

/** A disk that takes so many more changes, then none. */
function fullAfter(world: World, changes: number): void {
  let left = changes;
  world.disk.onChange = () => {
    left -= 1;
    if (left < 0) throw Object.assign(new Error("ENOSPC: no space left"), { code: "ENOSPC" });
  };
}

describe("a storage on a disk that gets full at any write", () => {
  it.each(SEEDS)("refuses, keeps what it acknowledged, and goes on when there is room (seed %i)", async (seed) => {
    const world = createWorld(seed, { batches: false });
    for (let round = 0; round < 8; round++) {
      const where = `seed ${seed}, round ${round}`;
      for (let step = world.random.below(20); step > 0; step--) await randomStep(world);
      fullAfter(world, world.random.below(12));
      let refused = false;
      for (let step = 0; step < 20 && !refused; step++) {
        try {
          refused = !(await randomStep(world));
        } catch (cause) {
          // Opening the folder on a full disk is refused as a whole; the shell tries again.
          expect(String(cause), where).toContain("ENOSPC");
          world.disk.onChange = () => {};
          reopen(world);
        }
      }
      world.disk.onChange = () => {};
      let probed = false;
      world.storage.probe((result) => {
        probed = result.ok;
      });
      expect(probed, where).toBe(true);
      const found = inspect(world);
      const votes = namesOf(world.acknowledged.votes);
      expect(found, where).toEqual({ votes, votesIntact: true, lost: [] });
      // What was refused is written no more, whatever of it is on the disk.
      adopt(world);
      for (let step = world.random.below(4); step > 0; step--) await randomStep(world);
      const after = inspect(world);
      expect(after.lost, where).toEqual([]);
      if (world.random.oneIn(2)) {
        world.disk.powerCut(world.random);
      } else {
        await close(world);
        expect(world.disk.openFiles(), where).toEqual([]);
      }
      reopen(world);
      expect(inspect(world), where).toEqual(after);
      expect(world.storage.damage(), where).toEqual([]);
      // What was refused may have become durable all the same.
      adopt(world);
    }
  });
});

/** What a peer would send in place of what is lost. */
function repairs({ acknowledged }: World, lost: readonly string[]): readonly PersistEffect[] {
  const bytes = (text: string | undefined): Uint8Array => new TextEncoder().encode(text);
  return lost.flatMap((thing): PersistEffect[] => {
    const [kind, name = ""] = thing.split(" ");
    if (kind === "block") {
      const body = bytes(acknowledged.blocks.get(Number(name)));
      return [{ type: "persist", stream: "log", entry: { kind, height: Number(name), cars: [], bytes: body } }];
    }
    if (kind !== "car") return [];
    const car = { kind, digest: name, validator: 1, incarnation: 7n, number: 1 } as const;
    return [{ type: "persist", stream: "log", entry: { ...car, bytes: bytes(acknowledged.cars.get(name)?.body) } }];
  });
}

describe("a storage of which a bit turns", () => {
  let logsHit = 0;

  it.each(SEEDS)("reads what it acknowledged or names where it is damaged (seed %i)", async (seed) => {
    const world = createWorld(seed, { batches: seed % 2 === 0 });
    for (let step = 0; step < 60; step++) await randomStep(world);
    await close(world);
    const flip = world.disk.flipBit(world.random, (path) => !path.endsWith("vote.key"));
    if (flip === undefined) throw new Error("there is a file");
    reopen(world);
    const found = inspect(world);
    const where = `seed ${seed}, ${flip.path} at ${flip.offset}`;
    const votes = namesOf(world.acknowledged.votes);
    if (flip.path.endsWith("votes.log")) {
      expect(found.lost, where).toEqual([]);
      expect(found.votesIntact ? found.votes : votes, where).toEqual(votes);
      return;
    }
    expect(found.votes, where).toEqual(votes);
    if (flip.path.endsWith(".snap")) {
      expect(
        found.lost.filter((name) => !name.startsWith("snapshot")),
        where,
      ).toEqual([]);
      return;
    }
    if (found.lost.length === 0) return;
    logsHit += 1;
    const named = world.storage.damage().map((text) => /^(\S+) is damaged at byte (\d+)/.exec(text));
    expect(
      named.some((match) => match?.[1] === flip.path && Number(match[2]) <= flip.offset),
      where,
    ).toBe(true);
    world.storage.append(repairs(world, found.lost));
    world.storage.flush((result) => expect(result.ok).toBe(true));
    await close(world);
    reopen(world);
    expect(inspect(world), where).toEqual({ votes, votesIntact: true, lost: [] });
  });

  it("was hit where it hurts", () => expect(logsHit).toBeGreaterThan(3));
});

describe("compaction", () => {
  it("keeps the folder within a bound, whatever is written", async () => {
    const world = createWorld(7, { batches: true });
    let highest = 0;
    for (let step = 0; step < 3_000; step++) {
      await randomStep(world);
      highest = Math.max(highest, world.disk.paths().filter((path) => path.endsWith(".seg")).length);
    }
    world.executor.drain();
    expect(world.written.height).toBeGreaterThan(300);
    // Everything written would fill many times as many.
    let bytes = 0;
    for (const { body } of world.acknowledged.cars.values()) bytes += body.length;
    for (const body of world.acknowledged.blocks.values()) bytes += body.length;
    expect(bytes / SEGMENT_BYTES).toBeGreaterThan(5 * highest);
    expect(inspect(world).lost).toEqual([]);
  });
});
