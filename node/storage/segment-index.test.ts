import { expect, test } from "vitest";
import { present } from "../base/assert.ts";
import { GROUPS_AT, parseFileHeader } from "./group.ts";
import { segmentPath } from "./segment.ts";
import { encodeIndex, indexPathOf } from "./segment-index.ts";
import { openStorage, type Storage } from "./storage.ts";
import { testDisk } from "./test-disk.ts";
import { close, createWorld, inspect, namesOf, randomStep, reopen, SEGMENT_BYTES, type World } from "./test-world.ts";

/** A world whose log has several full segments, all of them with an index. */
async function grown(seed: number): Promise<World> {
  const world = createWorld(seed, { batches: false });
  while (segments(world).length < 6) await randomStep(world);
  while (world.storage.work());
  await close(world);
  return world;
}

const segments = ({ disk }: World): readonly string[] =>
  disk
    .paths()
    .filter((path) => path.endsWith(".seg"))
    .toSorted();
const indexes = ({ disk }: World): readonly string[] =>
  disk
    .paths()
    .filter((path) => path.endsWith(".idx"))
    .toSorted();
const fullSegments = (world: World): readonly string[] =>
  segments(world)
    .filter((path) => path.includes("log-"))
    .slice(0, -1);

const FOLDER = "/data";

function storageOn(disk: ReturnType<typeof testDisk>): Storage {
  const opened = openStorage(disk, FOLDER, { segmentBytes: SEGMENT_BYTES });
  if (!opened.ok) throw new Error(opened.detail);
  return opened.value;
}

/** Bytes that opening reads of each file. */
function reopenedReading(world: World): ReadonlyMap<string, number> {
  const { disk } = world;
  const paths = new Map<number, string>();
  const bytes = new Map<string, number>();
  const { open, read } = disk;
  disk.open = (path, how) => {
    const file = open(path, how);
    paths.set(file, path);
    return file;
  };
  disk.read = (file, position, length) => {
    const found = read(file, position, length);
    const path = paths.get(file) ?? "";
    bytes.set(path, (bytes.get(path) ?? 0) + found.length);
    return found;
  };
  reopen(world);
  Object.assign(disk, { open, read });
  return bytes;
}

const whole = ({ acknowledged }: World) => ({ votes: namesOf(acknowledged.votes), votesIntact: true, lost: [] });

function flip({ disk }: World, path: string, offset: number): void {
  const file = disk.open(path, "existing");
  const [byte = 0] = disk.read(file, offset, 1);
  disk.write(file, offset, new Uint8Array([byte ^ 4]));
  disk.sync(file);
  disk.close(file);
}

test("of a full segment nothing but its header and its index is read when the log is opened", async () => {
  const world = await grown(3);
  expect(indexes(world)).toEqual(fullSegments(world).map(indexPathOf));
  const read = reopenedReading(world);
  for (const path of fullSegments(world)) expect(read.get(path), path).toBe(GROUPS_AT);
  for (const path of indexes(world)) expect(read.get(path), path).toBeLessThan(SEGMENT_BYTES / 2);
  expect(inspect(world)).toEqual(whole(world));
});

test("the index of a segment that this process filled is made without reading it, one that it only ended by reading", () => {
  const disk = testDisk();
  const read: string[] = [];
  const { open } = disk;
  disk.open = (path, how) => {
    if (how === "reading" && path.endsWith(".seg")) read.push(path);
    return open(path, how);
  };
  let height = 0;
  const fill = (until: string): void => {
    const storage = storageOn(disk);
    while (!disk.exists(until)) {
      height += 1;
      const entry = { kind: "block", height, cars: [], bytes: new Uint8Array(3_000).fill(height) } as const;
      storage.append([{ type: "persist", stream: "log", entry }]);
      storage.flush(() => {});
      while (storage.work());
    }
  };
  fill(indexPathOf(segmentPath(FOLDER, 2)));
  expect(read).toEqual([]);
  fill(indexPathOf(segmentPath(FOLDER, 4)));
  // Segment 3 was begun by the first process. Opening reads it too, and the headers of the others.
  expect(read.filter((path) => path === segmentPath(FOLDER, 4))).toEqual([]);
  expect(read.at(-1)).toBe(segmentPath(FOLDER, 3));
});

test("an index that is missing, wrong, or another one's is passed over, and made again", async () => {
  const world = await grown(4);
  const [first = "", second = "", third = ""] = indexes(world);
  const before = new Map(indexes(world).map((path) => [path, contentOf(world, path)]));
  world.disk.remove(first);
  flip(world, second, 40);
  world.disk.rename(indexPathOf(present(fullSegments(world).at(-1), "there are some")), third);
  const read = reopenedReading(world);
  for (const path of fullSegments(world).slice(0, 3)) expect(read.get(path), path).toBeGreaterThan(GROUPS_AT);
  expect(inspect(world)).toEqual(whole(world));
  expect(world.storage.damage()).toEqual([]);
  while (world.storage.work());
  for (const [path, bytes] of before) expect(contentOf(world, path), path).toEqual(bytes);
  await close(world);
});

test("an index of a segment to which more was written later is passed over", async () => {
  const world = await grown(5);
  const newest = present(
    segments(world)
      .filter((path) => path.includes("log-"))
      .at(-1),
    "there is one",
  );
  reopen(world);
  while (!world.disk.exists(indexPathOf(newest))) {
    await randomStep(world);
    while (world.storage.work());
  }
  await close(world);
  const path = indexPathOf(newest);
  const late = contentOf(world, path);
  // As if it had been made before the last group came.
  const groups = new DataView(late.buffer, late.byteOffset).getUint32(8, true);
  expect(groups).toBeGreaterThan(1);
  const file = world.disk.open(path, "create");
  world.disk.write(file, 0, withoutLastGroup(world, newest, late));
  world.disk.close(file);
  const read = reopenedReading(world);
  expect(read.get(newest)).toBeGreaterThan(GROUPS_AT);
  expect(inspect(world)).toEqual(whole(world));
  expect(world.storage.damage()).toEqual([]);
});

test("what decays in a full segment is found by the scrub, named, held no more, and found again by the next opening", async () => {
  const world = await grown(6);
  reopen(world);
  const [height, text] = present(
    [...world.acknowledged.blocks].find(([at]) => at >= world.acknowledged.released),
    "there are blocks",
  );
  const { path, offset } = placeOf(world, text);
  expect(fullSegments(world)).toContain(path);
  flip(world, path, offset + 3);
  for (let round = 0; round < 2; round++) {
    for (let bytes = 0; bytes < 20 * SEGMENT_BYTES; bytes += 4_096) world.storage.scrub(4_096);
    expect(world.storage.damage()).toEqual([`${path} is damaged at byte ${offset}: block ${height}`]);
    expect(world.storage.readBlock(height)).toBeUndefined();
  }
  expect(world.disk.exists(indexPathOf(path))).toBe(false);
  while (world.storage.work());
  await close(world);
  reopen(world);
  expect(world.storage.damage()).toEqual([`${path} is damaged at byte ${offset}: block ${height}`]);
  expect(world.disk.exists(indexPathOf(path))).toBe(false);
  const bytes = new TextEncoder().encode(text);
  world.storage.append([{ type: "persist", stream: "log", entry: { kind: "block", height, cars: [], bytes } }]);
  world.storage.flush(() => {});
  expect(world.storage.readBlock(height)).toEqual(bytes);
});

test("heads that decay take nothing with them while the index is there, and are named", async () => {
  const world = await grown(7);
  const path = present(fullSegments(world)[1], "there are some");
  flip(world, path, GROUPS_AT + 60);
  reopen(world);
  expect(inspect(world)).toEqual(whole(world));
  for (let bytes = 0; bytes < 20 * SEGMENT_BYTES; bytes += 4_096) world.storage.scrub(4_096);
  expect(world.storage.damage()).toEqual([
    expect.stringMatching(new RegExp(`^${path} is damaged at byte ${GROUPS_AT}: group \\d+ cannot be read$`)),
  ]);
  expect(inspect(world)).toEqual(whole(world));
});

function contentOf({ disk }: World, path: string): Uint8Array {
  const file = disk.open(path, "reading");
  const bytes = disk.read(file, 0, disk.size(file));
  disk.close(file);
  return bytes;
}

function placeOf(world: World, text: string): { path: string; offset: number } {
  for (const path of segments(world)) {
    const offset = Buffer.from(contentOf(world, path)).indexOf(text);
    if (offset !== -1) return { path, offset };
  }
  throw new Error("it was written");
}

function withoutLastGroup(world: World, segment: string, index: Uint8Array): Uint8Array {
  const file = world.disk.open(segment, "reading");
  const seed = present(parseFileHeader(world.disk.read(file, 0, GROUPS_AT)), "it has a header").seed;
  world.disk.close(file);
  const view = new DataView(index.buffer, index.byteOffset);
  const groups: Uint8Array[] = [];
  let at = 12;
  for (let left = view.getUint32(8, true); left > 0; left--) {
    const length = 12 + view.getUint32(at + 8, true);
    groups.push(index.slice(at, at + length));
    at += length;
  }
  return encodeIndex(seed, groups.slice(0, -1));
}
