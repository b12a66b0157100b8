import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { present } from "../base/assert.ts";
import type { Result } from "../base/result.ts";
import type { PersistEffect } from "../ports.ts";
import { type Disk, realDisk } from "./disk.ts";
import { lockFolder } from "./folder-lock.ts";
import { segmentPath } from "./segment.ts";
import { openStorage, type Storage, votesPath } from "./storage.ts";
import { loadVoteKey, voteKeyPath } from "./vote-key.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hmn-storage-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const vote = (text: string): PersistEffect => ({ type: "persist", stream: "votes", record: bytes(text) });
/** Block "b7" has height 7. */
const block = (text: string): PersistEffect => ({
  type: "persist",
  stream: "log",
  entry: { kind: "block", height: Number(text.slice(1)), cars: [], bytes: bytes(text) },
});
const replace = (...all: string[]): PersistEffect => ({ type: "replace-votes", records: all.map(bytes) });

function open(disk: Disk = realDisk): Storage {
  const storage = openStorage(disk, folder);
  if (!storage.ok) throw new Error(storage.detail);
  return storage.value;
}

/** One flush on the inline executor, whose answer comes at once. */
function commit(storage: Storage, effects: readonly PersistEffect[]): Result<void, "disk"> {
  let answer: Result<void, "disk"> | undefined;
  storage.append(effects);
  storage.flush((result) => {
    answer = result;
  });
  return present(answer, "the inline executor answers at once");
}

function probe(storage: Storage): Result<void, "disk"> {
  let answer: Result<void, "disk"> | undefined;
  storage.probe((result) => {
    answer = result;
  });
  return present(answer, "the inline executor answers at once");
}

function content(storage: Storage): { votes: string[]; blocks: string[]; intact: boolean } {
  const { votes, blocks, votesIntact } = storage.recovered();
  const text = (record: Uint8Array): string => new TextDecoder().decode(record);
  return { votes: [...votes].map(text), blocks: [...blocks].map(text), intact: votesIntact };
}

/** What a restart of this folder finds. */
async function restarted(): Promise<ReturnType<typeof content>> {
  const storage = open();
  const found = content(storage);
  await storage.close();
  return found;
}

/** First start: logs, then key, as `main.ts` does it. */
function firstStart(...effects: PersistEffect[]): Storage {
  const storage = open();
  expect(loadVoteKey(realDisk, folder).ok).toBe(true);
  expect(commit(storage, effects).ok).toBe(true);
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

test("blocks are found by height; votes and blocks come back in order", async () => {
  const storage = firstStart(vote("v1"), block("b1"), vote("v2"));
  commit(storage, [block("b2"), block("b3")]);
  expect(storage.readBlock(2)).toEqual(bytes("b2"));
  expect(storage.readBlock(0)).toBeUndefined();
  expect(storage.readBlock(4)).toBeUndefined();
  await storage.close();
  expect(await restarted()).toEqual({ votes: ["v1", "v2"], blocks: ["b1", "b2", "b3"], intact: true });
});

test("a replaced journal holds the replacement and what came after it in the same step", async () => {
  const storage = firstStart(vote("v1"), vote("v2"));
  commit(storage, [vote("v3"), replace("r1", "r2"), vote("v4")]);
  commit(storage, [vote("v5")]);
  await storage.close();
  expect((await restarted()).votes).toEqual(["r1", "r2", "v4", "v5"]);
});

test("a crash at any call while the journal is replaced leaves the old one or the new one, whole", async () => {
  await firstStart(vote("v1"), vote("v2")).close();
  const seen = new Set<string>();
  for (let crashAt = 0; ; crashAt++) {
    let calls = 0;
    const disk = failing(() => (calls++ === crashAt ? new Error("crash") : undefined));
    let crashed = false;
    try {
      // Not closed on a crash: the process is gone, and its files with it.
      const storage = open(disk);
      commit(storage, [replace("r1"), vote("v3")]);
      await storage.close();
    } catch {
      crashed = true;
    }
    const found = await restarted();
    expect(found.intact).toBe(true);
    seen.add(found.votes.join());
    if (!crashed) break;
    const storage = open();
    commit(storage, [replace("v1", "v2")]);
    await storage.close();
  }
  expect([...seen]).toEqual(["v1,v2", "r1,v3"]);
});

test.each(["ENOSPC", "EROFS", "EIO"])(
  "%s at any call refuses the step; after a probe the log stands where it stood and goes on",
  async (code) => {
    for (const victim of ["write", "sync", "create", "rename", "renamed"]) {
      rmSync(folder, { recursive: true });
      folder = mkdtempSync(join(tmpdir(), "hmn-storage-"));
      let failed: string | undefined;
      const disk = failing((call) =>
        call === failed ? Object.assign(new Error(`${code}: refused`), { code }) : undefined,
      );
      const storage = open(disk);
      expect(loadVoteKey(disk, folder).ok).toBe(true);
      expect(commit(storage, [vote("v1")]).ok).toBe(true);
      failed = victim;
      expect(commit(storage, [replace("r1", "r2"), vote("v2")]), victim).toMatchObject({ ok: false, reason: "disk" });
      expect(probe(storage).ok).toBe(false);
      failed = undefined;
      expect(probe(storage).ok).toBe(true);
      expect(content(storage).votes, victim).toEqual(["v1"]);
      expect(commit(storage, [vote("v3"), block("b1")]).ok).toBe(true);
      await storage.close();
      expect(await restarted(), victim).toEqual({ votes: ["v1", "v3"], blocks: ["b1"], intact: true });
    }
  },
);

test("little free space counts as full before the disk is", async () => {
  let free = 1e12;
  const storage = open({ ...realDisk, freeBytes: () => free });
  free = 1_000_000;
  expect(commit(storage, [vote("v1")])).toMatchObject({ ok: false, detail: expect.stringContaining("are free") });
  expect(probe(storage).ok).toBe(false);
  free = 1e12;
  expect(probe(storage).ok).toBe(true);
  expect(existsSync(join(folder, "probe"))).toBe(false);
  await storage.close();
});

test("a journal that is gone while the key is there is not intact, also after the next restart and a replacement", async () => {
  await firstStart(vote("v1"), block("b1")).close();
  rmSync(votesPath(folder));
  const storage = open();
  expect(content(storage)).toEqual({ votes: [], blocks: ["b1"], intact: false });
  commit(storage, [vote("v2"), replace("r1")]);
  await storage.close();
  expect(await restarted()).toEqual({ votes: ["r1"], blocks: ["b1"], intact: false });
});

test("a damaged journal is put aside and not intact, for good", async () => {
  const storage = firstStart(vote("v1"), block("b1"));
  commit(storage, [vote("v2"), block("b2")]);
  await storage.close();
  const damaged = readFileSync(votesPath(folder));
  damaged.writeUInt8(damaged.readUInt8(damaged.indexOf("v1")) ^ 1, damaged.indexOf("v1"));
  writeFileSync(votesPath(folder), damaged);
  expect(await restarted()).toEqual({ votes: [], blocks: ["b1", "b2"], intact: false });
  expect(existsSync(`${votesPath(folder)}.damaged`)).toBe(true);
  expect(await restarted()).toMatchObject({ intact: false });
});

test("a journal is not intact while the log does not reach the blocks on which it rests", async () => {
  const storage = firstStart(block("b1"), block("b2"));
  commit(storage, [vote("v1")]);
  await storage.close();
  rmSync(segmentPath(folder, 1));
  expect(await restarted()).toEqual({ votes: ["v1"], blocks: [], intact: false });
  const again = open();
  commit(again, [block("b1")]);
  await again.close();
  expect(await restarted()).toEqual({ votes: ["v1"], blocks: ["b1"], intact: false });
  const whole = open();
  commit(whole, [block("b2")]);
  await whole.close();
  expect(await restarted()).toEqual({ votes: ["v1"], blocks: ["b1", "b2"], intact: true });
});

test("a replacement rests on the blocks that are flushed with it", async () => {
  const storage = firstStart(vote("v1"), block("b1"));
  commit(storage, [block("b2"), replace("r1")]);
  await storage.close();
  rmSync(segmentPath(folder, 1));
  expect(await restarted()).toEqual({ votes: ["r1"], blocks: [], intact: false });
});

test("a crash at any call of the first start leaves a folder from which a node may vote", async () => {
  for (let crashAt = 0; ; crashAt++) {
    rmSync(folder, { recursive: true });
    folder = mkdtempSync(join(tmpdir(), "hmn-storage-"));
    let calls = 0;
    const disk = failing(() => (calls++ === crashAt ? new Error("crash") : undefined));
    let crashed = false;
    try {
      await open(disk).close();
      loadVoteKey(disk, folder);
    } catch {
      crashed = true;
    }
    expect(await restarted()).toEqual({ votes: [], blocks: [], intact: true });
    expect(loadVoteKey(realDisk, folder).ok).toBe(true);
    if (!crashed) break;
  }
});

test("the key is made once, readable by its owner alone; a new key starts a new journal", async () => {
  await firstStart(vote("v1")).close();
  expect(statSync(voteKeyPath(folder)).mode & 0o777).toBe(0o600);
  expect(loadVoteKey(realDisk, folder)).toEqual(loadVoteKey(realDisk, folder));
  writeFileSync(voteKeyPath(folder), "short");
  expect(loadVoteKey(realDisk, folder)).toMatchObject({ ok: false, reason: "damaged" });
  rmSync(voteKeyPath(folder));
  expect(await restarted()).toMatchObject({ votes: [], intact: true });
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
