import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { PersistEffect } from "../ports.ts";
import { type Disk, realDisk } from "./disk.ts";
import { lockFolder } from "./folder-lock.ts";
import { blocksPath, openStorage, type Storage, votesPath } from "./storage.ts";
import { loadVoteKey, voteKeyPath } from "./vote-key.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hmn-storage-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const vote = (text: string): PersistEffect => ({ type: "persist", stream: "votes", record: bytes(text) });
/** "b7" is the block of height 7. */
const block = (text: string): PersistEffect => ({
  ...{ type: "persist", stream: "log" },
  entry: { kind: "block", height: Number(text.slice(1)), cars: [digestOf(7)], bytes: bytes(text) },
});
const digestOf = (n: number): string => n.toString(16).padStart(64, "0");
const car = (number: number): PersistEffect => ({
  ...{ type: "persist", stream: "log" },
  entry: {
    kind: "car",
    digest: digestOf(number),
    validator: 3,
    incarnation: 5n,
    number,
    bytes: bytes(`car ${number}`),
  },
});
const replace = (...all: string[]): PersistEffect => ({ type: "replace-votes", records: all.map(bytes) });

function open(disk: Disk = realDisk): Storage {
  const storage = openStorage(disk, folder);
  if (!storage.ok) throw new Error(storage.detail);
  return storage.value;
}

function content(storage: Storage): { votes: string[]; blocks: string[]; intact: boolean } {
  const { votes, blocks, votesIntact } = storage.recovered();
  const text = (record: Uint8Array): string => new TextDecoder().decode(record);
  return { votes: [...votes].map(text), blocks: [...blocks].map(text), intact: votesIntact };
}

/** What a restart of this folder finds. */
function restarted(): ReturnType<typeof content> {
  const storage = open();
  const found = content(storage);
  storage.close();
  return found;
}

/** First start: logs, then key, as `main.ts` does it. */
function firstStart(...effects: PersistEffect[]): Storage {
  const storage = open();
  expect(loadVoteKey(realDisk, folder).ok).toBe(true);
  expect(storage.commit(effects).ok).toBe(true);
  return storage;
}

/** The real disk, on which `fails` decides before each changing call. */
function failing(fails: (call: string) => Error | undefined): Disk {
  const guard = (call: string): void => {
    const error = fails(call);
    if (error !== undefined) throw error;
  };
  return {
    ...realDisk,
    open: (path, how, mode) => {
      if (how === "create") guard("create");
      return realDisk.open(path, how, mode);
    },
    write: (file, position, data) => {
      try {
        guard("write");
      } catch (error) {
        // A failing write may have written a part.
        realDisk.write(file, position, data.subarray(0, data.length >> 1));
        throw error;
      }
      realDisk.write(file, position, data);
    },
    truncate: (file, length) => {
      guard("truncate");
      realDisk.truncate(file, length);
    },
    sync: (file) => {
      guard("sync");
      realDisk.sync(file);
    },
    rename: (from, to) => {
      guard("rename");
      realDisk.rename(from, to);
      guard("renamed");
    },
  };
}

test("blocks are found by height; votes and blocks come back in order", () => {
  const storage = firstStart(vote("v1"), block("b1"), vote("v2"));
  storage.commit([block("b2"), block("b3")]);
  expect(storage.readBlock(2)).toEqual(bytes("b2"));
  expect(storage.readBlock(0)).toBeUndefined();
  expect(storage.readBlock(4)).toBeUndefined();
  storage.close();
  expect(restarted()).toEqual({ votes: ["v1", "v2"], blocks: ["b1", "b2", "b3"], intact: true });
});

test("cars are found by digest, and a restart names them all", () => {
  const storage = firstStart(car(1), car(2), block("b1"));
  storage.commit([car(3)]);
  expect(storage.readCar(digestOf(3))).toEqual(bytes("car 3"));
  expect(storage.readCar(digestOf(4))).toBeUndefined();
  storage.close();
  const again = open();
  expect(again.readCar(digestOf(2))).toEqual(bytes("car 2"));
  expect(again.recovered().cars.map(({ number }) => number)).toEqual([1, 2, 3]);
  expect(again.readBlock(1)).toEqual(bytes("b1"));
  again.close();
});

test("a replaced journal holds the replacement and what came after it in the same step", () => {
  const storage = firstStart(vote("v1"), vote("v2"));
  storage.commit([vote("v3"), replace("r1", "r2"), vote("v4")]);
  storage.commit([vote("v5")]);
  storage.close();
  expect(restarted().votes).toEqual(["r1", "r2", "v4", "v5"]);
});

test("a crash at any call while the journal is replaced leaves the old one or the new one, whole", () => {
  firstStart(vote("v1"), vote("v2")).close();
  const seen = new Set<string>();
  for (let crashAt = 0; ; crashAt++) {
    let calls = 0;
    const disk = failing(() => (calls++ === crashAt ? new Error("crash") : undefined));
    let crashed = false;
    try {
      // Not closed on a crash: the process is gone, and its files with it.
      const storage = open(disk);
      storage.commit([replace("r1"), vote("v3")]);
      storage.close();
    } catch {
      crashed = true;
    }
    const found = restarted();
    expect(found.intact).toBe(true);
    seen.add(found.votes.join());
    if (!crashed) break;
    const storage = open();
    storage.commit([replace("v1", "v2")]);
    storage.close();
  }
  expect([...seen]).toEqual(["v1,v2", "r1,v3"]);
});

test.each(["ENOSPC", "EROFS", "EIO"])(
  "%s at any call refuses the step; after a probe the log stands where it stood and goes on",
  (code) => {
    for (const victim of ["write", "sync", "create", "rename", "renamed"]) {
      rmSync(folder, { recursive: true });
      folder = mkdtempSync(join(tmpdir(), "hmn-storage-"));
      let failed: string | undefined;
      const disk = failing((call) =>
        call === failed ? Object.assign(new Error(`${code}: refused`), { code }) : undefined,
      );
      const storage = open(disk);
      expect(loadVoteKey(disk, folder).ok).toBe(true);
      expect(storage.commit([vote("v1")]).ok).toBe(true);
      failed = victim;
      expect(storage.commit([replace("r1", "r2"), vote("v2")]), victim).toMatchObject({ ok: false, reason: "disk" });
      expect(storage.probe().ok).toBe(false);
      failed = undefined;
      expect(storage.probe().ok).toBe(true);
      expect(content(storage).votes, victim).toEqual(["v1"]);
      expect(storage.commit([vote("v3"), block("b1")]).ok).toBe(true);
      storage.close();
      expect(restarted(), victim).toEqual({ votes: ["v1", "v3"], blocks: ["b1"], intact: true });
    }
  },
);

test("little free space counts as full before the disk is", () => {
  let free = 1e12;
  const storage = open({ ...realDisk, freeBytes: () => free });
  free = 1_000_000;
  expect(storage.commit([vote("v1")])).toMatchObject({ ok: false, detail: expect.stringContaining("are free") });
  expect(storage.probe().ok).toBe(false);
  free = 1e12;
  expect(storage.probe().ok).toBe(true);
  expect(existsSync(join(folder, "probe"))).toBe(false);
  storage.close();
});

test("a journal that is gone while the key is there is not intact, also after the next restart and a replacement", () => {
  firstStart(vote("v1"), block("b1")).close();
  rmSync(votesPath(folder));
  const storage = open();
  expect(content(storage)).toEqual({ votes: [], blocks: ["b1"], intact: false });
  storage.commit([vote("v2"), replace("r1")]);
  storage.close();
  expect(restarted()).toEqual({ votes: ["r1"], blocks: ["b1"], intact: false });
});

test("a damaged journal is put aside and not intact; damaged blocks are refused with their offset", () => {
  const storage = firstStart(vote("v1"), block("b1"));
  storage.commit([vote("v2"), block("b2")]);
  storage.close();
  for (const path of [votesPath(folder), blocksPath(folder)]) {
    const damaged = readFileSync(path);
    damaged[30] = (damaged[30] ?? 0) ^ 1;
    writeFileSync(path, damaged);
  }
  expect(openStorage(realDisk, folder)).toMatchObject({
    ok: false,
    detail: expect.stringMatching(/blocks\.log is damaged at byte 24/),
  });
  rmSync(blocksPath(folder));
  expect(restarted()).toEqual({ votes: [], blocks: [], intact: false });
  expect(existsSync(`${votesPath(folder)}.damaged`)).toBe(true);
});

test("lost blocks make the journal worthless, for good", () => {
  firstStart(vote("v1"), block("b1")).close();
  rmSync(blocksPath(folder));
  expect(restarted()).toEqual({ votes: ["v1"], blocks: [], intact: false });
  expect(restarted()).toEqual({ votes: ["v1"], blocks: [], intact: false });
});

test("a crash at any call of the first start leaves a folder from which a node may vote", () => {
  for (let crashAt = 0; ; crashAt++) {
    rmSync(folder, { recursive: true });
    folder = mkdtempSync(join(tmpdir(), "hmn-storage-"));
    let calls = 0;
    const disk = failing(() => (calls++ === crashAt ? new Error("crash") : undefined));
    let crashed = false;
    try {
      open(disk).close();
      loadVoteKey(disk, folder);
    } catch {
      crashed = true;
    }
    expect(restarted()).toEqual({ votes: [], blocks: [], intact: true });
    expect(loadVoteKey(realDisk, folder).ok).toBe(true);
    if (!crashed) break;
  }
});

test("the key is made once, readable by its owner alone; a new key starts a new journal", () => {
  firstStart(vote("v1")).close();
  expect(statSync(voteKeyPath(folder)).mode & 0o777).toBe(0o600);
  expect(loadVoteKey(realDisk, folder)).toEqual(loadVoteKey(realDisk, folder));
  writeFileSync(voteKeyPath(folder), "short");
  expect(loadVoteKey(realDisk, folder)).toMatchObject({ ok: false, reason: "damaged" });
  rmSync(voteKeyPath(folder));
  expect(restarted()).toMatchObject({ votes: [], intact: true });
});

test("one process holds the folder; the lock dies with the process that is killed", async () => {
  const program = `import { lockFolder } from ${JSON.stringify(new URL("./folder-lock.ts", import.meta.url).href)};
    console.log(lockFolder(${JSON.stringify(folder)}).ok); setInterval(() => {}, 1000);`;
  const other = spawn(process.execPath, [
    "--disable-warning=ExperimentalWarning",
    "--input-type=module",
    "--eval",
    program,
  ]);
  const [line] = await once(other.stdout, "data");
  expect(String(line).trim()).toBe("true");
  expect(lockFolder(folder)).toMatchObject({ ok: false, reason: "locked" });
  other.kill("SIGKILL");
  await once(other, "exit");
  const mine = lockFolder(folder);
  expect(mine.ok).toBe(true);
  if (mine.ok) mine.value.release();
});
