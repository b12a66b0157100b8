import { describe, expect, it } from "vitest";
import { seededRandom } from "../base/random.ts";
import { DiskRefused } from "./disk.ts";
import { inlineExecutor } from "./disk-executor.ts";
import { type MeshLog, openMeshLog } from "./mesh-log.ts";
import { PowerCut, type TestDisk, testDisk } from "./test-disk.ts";

const PATH = "/data/mesh.log";
const record = (number: number, length = 50): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (number * 31 + index) & 0xff);
const records = (from: number, to: number): Uint8Array[] =>
  Array.from({ length: to - from }, (_, index) => record(from + index));
const open = (disk: TestDisk): MeshLog => openMeshLog(disk, PATH, () => inlineExecutor(disk), { reserveBytes: 0 });

describe("the log of the mesh", () => {
  it("gives back what was appended, over restarts and a replacement", async () => {
    const disk = testDisk();
    const first = open(disk);
    expect(first.records).toEqual([]);
    first.append(records(0, 3));
    first.append(records(3, 4));
    await first.close();
    const second = open(disk);
    expect(second.records).toEqual(records(0, 4));
    second.replace(records(2, 4));
    second.append(records(4, 6));
    await second.close();
    const third = open(disk);
    expect(third.records).toEqual(records(2, 6));
    expect(third.findings).toEqual([]);
    await third.close();
    expect(disk.openFiles()).toEqual([]);
    expect(disk.paths()).toEqual([PATH]);
  });

  it.each(Array.from({ length: 60 }, (_, seed) => seed + 1))(
    "after a power cut at any write holds a whole beginning of what was written (seed %i)",
    async (seed) => {
      const random = seededRandom(BigInt(seed));
      const disk = testDisk();
      await open(disk).close();
      let written: readonly Uint8Array[] = [];
      for (let life = 0; life < 5; life++) {
        const log = open(disk);
        // A record of what was appended may be missing from the end; none is changed or out of order.
        expect(log.records).toEqual(written.slice(0, log.records.length));
        let all = [...log.records];
        const possible = [all];
        let left = random.below(12);
        disk.onChange = () => {
          left -= 1;
          if (left < 0) throw new PowerCut();
        };
        try {
          for (let step = 0; step < 8; step++) {
            const more = records(all.length, all.length + 1 + random.below(3));
            all = random.oneIn(4) ? more : [...all, ...more];
            possible.push(all);
            if (all.length === more.length) log.replace(all);
            else log.append(more);
          }
          await log.close();
        } catch (cause) {
          if (!(cause instanceof PowerCut) && !(cause instanceof Error && cause.cause instanceof PowerCut)) throw cause;
        }
        disk.onChange = () => {};
        disk.powerCut(random);
        const after = open(disk);
        written = possible.find(
          (whole) => after.records.length <= whole.length && after.records.every((each, at) => same(each, whole[at])),
        ) ?? [record(-1)];
        expect(after.records).toEqual(written.slice(0, after.records.length));
        await after.close();
        written = after.records;
      }
    },
  );

  it("cuts off damage and what stands behind it, and puts a file aside whose header is gone", async () => {
    for (let seed = 1n; seed < 40n; seed++) {
      const disk = testDisk();
      const log = open(disk);
      for (let from = 0; from < 10; from++) log.append([record(from, 700)]);
      await log.close();
      const flipped = disk.flipBit(seededRandom(seed), (path) => path === PATH);
      const again = open(disk);
      expect(again.records).toEqual(Array.from({ length: again.records.length }, (_, from) => record(from, 700)));
      const isRecord = (flipped?.offset ?? 0) >= 8192;
      if (again.records.length < 10) expect(again.findings).toHaveLength(1);
      else expect(isRecord && again.findings.length > 0).toBe(false);
      again.append([record(99)]);
      await again.close();
      expect(open(disk).records.at(-1)).toEqual(record(99));
    }
    const disk = testDisk();
    const file = disk.open(PATH, "create");
    disk.write(file, 0, new Uint8Array(9_000).fill(7));
    disk.close(file);
    const log = open(disk);
    expect([log.records, log.findings.length]).toEqual([[], 1]);
    expect(disk.paths()).toContain(`${PATH}.damaged`);
  });

  it("goes on after the disk took no writes, with everything from the next replacement on", async () => {
    const disk = testDisk();
    const log = open(disk);
    log.append(records(0, 1));
    disk.onChange = () => {
      throw new DiskRefused("full");
    };
    log.append(records(1, 2));
    expect(log.failure()).toBe("full");
    disk.onChange = () => {};
    // Behind the hole nothing is written, so that nothing is lost with it.
    log.append(records(2, 3));
    log.replace(records(0, 3));
    expect(log.failure()).toBeUndefined();
    log.append(records(3, 4));
    await log.close();
    expect(open(disk).records).toEqual(records(0, 4));
  });
});

const same = (a: Uint8Array, b: Uint8Array | undefined): boolean => Buffer.from(a).equals(b ?? new Uint8Array());
