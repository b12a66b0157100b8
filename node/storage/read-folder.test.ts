import { expect, test } from "vitest";
import { openForReading } from "./read-folder.ts";
import { close, createWorld, FOLDER, randomStep } from "./test-world.ts";

async function written() {
  const world = createWorld(11, { batches: false });
  for (let step = 0; step < 40; step++) await randomStep(world);
  return world;
}

test("a folder is read beside the node that runs on it: every entry with its place, in order, and the snapshots", async () => {
  const { disk, acknowledged } = await written();
  const before = disk.changes();
  const reading = openForReading(disk, FOLDER);
  const heights: number[] = [];
  for (const found of reading.entries) {
    if (found.type === "damage") throw new Error(found.text);
    if (found.key.kind === "block") heights.push(found.key.height);
    if (found.key.kind !== "block") continue;
    expect(new TextDecoder().decode(found.bytes)).toBe(acknowledged.blocks.get(found.key.height));
    const file = disk.open(found.path, "reading");
    expect(disk.read(file, found.offset, found.bytes.length)).toEqual(found.bytes);
    disk.close(file);
  }
  expect(heights.length).toBeGreaterThan(5);
  expect(heights).toEqual(heights.toSorted((a, b) => a - b));
  const snapshotHeights = reading.snapshots.map((found) => ("damage" in found ? found : found.height));
  expect(snapshotHeights).toEqual(acknowledged.snapshots.slice(-2).toReversed());
  expect(disk.changes()).toBe(before);
});

test("the first wrong byte is named", async () => {
  const world = await written();
  await close(world);
  const { disk } = world;
  const victim = [...openForReading(disk, FOLDER).entries].find(
    (found) => found.type === "entry" && found.bytes.length > 100,
  );
  if (victim?.type !== "entry") throw new Error("there are entries");
  const file = disk.open(victim.path, "existing");
  disk.write(file, victim.offset + 50, new Uint8Array([0x0a]));
  disk.close(file);
  const damage = [...openForReading(disk, FOLDER).entries].flatMap((found) => (found.type === "damage" ? [found] : []));
  expect(damage.map(({ damage: { path, offset, key } }) => ({ path, offset, key }))).toEqual([
    { path: victim.path, offset: victim.offset, key: victim.key },
  ]);
  expect(damage[0]?.text).toContain(`${victim.path} is damaged at byte ${victim.offset}: ${victim.key.kind}`);
});
