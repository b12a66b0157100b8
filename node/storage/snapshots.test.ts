import { expect, test } from "vitest";
import { sha256Hex } from "../codec/hash.ts";
import { close, createWorld, reopen, type World } from "./test-world.ts";

const PART_BYTES = 100_000;
const partOf = (height: number, part: number): Uint8Array => new Uint8Array(PART_BYTES).fill(height + part);
const whole = (height: number, parts: number) => Array.from({ length: parts }, (_, part) => partOf(height, part));

/** A peer's part comes in; answers the heights whose snapshot got its name. */
function take({ storage, written }: Fetching, height: number, part: number, last = false): void {
  const blockHash = sha256Hex(new Uint8Array([height]));
  const bytes = partOf(height, part);
  storage.takeSnapshotPart({ type: "snapshot-part", height, blockHash, part, last, bytes }, (at) => written.push(at));
  while (storage.work());
}

type Fetching = { readonly storage: World["storage"]; readonly written: number[] };
const fetching = (world: World): Fetching => ({ storage: world.storage, written: [] });
const found = (world: World) => {
  const { snapshot } = world.storage.recovered();
  return snapshot && { height: snapshot.height, parts: [...snapshot.parts] };
};

test("a peer's snapshot goes to the disk part by part, and is one only when its last part is durable", async () => {
  const world = createWorld(1, { batches: false });
  const to = fetching(world);
  for (let part = 0; part < 50; part++) {
    take(to, 8, part);
    expect(world.storage.pendingBytes()).toBe(0);
    expect(found(world)).toBeUndefined();
    expect(world.storage.readSnapshotPart(8, 0)).toBeUndefined();
  }
  take(to, 8, 50, true);
  expect(to.written).toEqual([8]);
  expect(found(world)).toEqual({ height: 8, parts: whole(8, 51) });
  expect(world.storage.readSnapshotPart(8, 50)).toEqual({ height: 8, bytes: partOf(8, 50), last: true });
  await close(world);
  expect(world.disk.openFiles()).toEqual([]);
});

test("where the power goes in the middle of one nothing begins from it, and nothing of it stays", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const world = createWorld(seed, { batches: false });
    take(fetching(world), 3, 0, true);
    for (let part = 0; part < 5; part++) take(fetching(world), 8, part);
    world.disk.powerCut(world.random);
    reopen(world);
    expect(found(world), `seed ${seed}`).toEqual({ height: 3, parts: whole(3, 1) });
    expect(
      world.disk.paths().filter((path) => path.endsWith(".tmp")),
      `seed ${seed}`,
    ).toEqual([]);
    const to = fetching(world);
    // The rest of what was begun before is nobody's.
    take(to, 8, 5, true);
    take(to, 8, 0);
    take(to, 8, 1, true);
    expect(to.written, `seed ${seed}`).toEqual([8]);
    expect(found(world), `seed ${seed}`).toEqual({ height: 8, parts: whole(8, 2) });
  }
});

test("the first part of another one ends one that is given up, and one of no use can be dropped", () => {
  const world = createWorld(2, { batches: false });
  const to = fetching(world);
  take(to, 8, 0);
  take(to, 9, 0);
  take(to, 8, 1, true);
  take(to, 9, 1, true);
  expect(to.written).toEqual([9]);
  expect(world.storage.readSnapshotPart(9, 1)?.bytes).toEqual(partOf(9, 1));
  world.storage.dropSnapshot(9);
  expect(found(world)).toBeUndefined();
  // The next peer's is of the same height, in other parts.
  take(to, 9, 0, true);
  expect(world.storage.readSnapshotPart(9, 0)).toMatchObject({ last: true });
  reopen(world);
  expect(found(world)).toEqual({ height: 9, parts: whole(9, 1) });
});
