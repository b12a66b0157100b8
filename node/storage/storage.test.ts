import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { present } from "../base/assert.ts";
import type { Result } from "../base/result.ts";
import { sha256Hex } from "../codec/hash.ts";
import { writer } from "../codec/writer.ts";
import type { PersistEffect } from "../ports.ts";
import { type Disk, realDisk } from "./disk.ts";
import { type DiskExecutor, inlineExecutor } from "./disk-executor.ts";
import { lockFolder } from "./folder-lock.ts";
import { ALIGNMENT, GROUPS_AT } from "./group.ts";
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
  const log = readFileSync(segmentPath(folder, 1));
  commit(storage, [block("b2"), replace("r1")]);
  await storage.close();
  writeFileSync(segmentPath(folder, 1), log);
  expect(await restarted()).toEqual({ votes: ["r1"], blocks: ["b1"], intact: false });
});

test("the records of a replacement that decay are not taken for a torn write: nobody knows them to be needless", async () => {
  const storage = firstStart(vote("v1"));
  commit(storage, [replace("r1", "r2")]);
  // Not closed: nothing was written behind the replacement.
  const journal = readFileSync(votesPath(folder));
  journal.writeUInt8(journal.readUInt8(journal.indexOf("r2")) ^ 1, journal.indexOf("r2"));
  writeFileSync(votesPath(folder), journal);
  expect(await restarted()).toEqual({ votes: [], blocks: [], intact: false });
});

test("a snapshot that decays is passed over: the blocks behind the one before it are still there", async () => {
  const opened = openStorage(realDisk, folder, { segmentBytes: 16 * 1024 });
  if (!opened.ok) throw new Error(opened.detail);
  const storage = opened.value;
  for (let height = 1; height <= 90; height++) {
    commit(storage, [block(`b${height}`)]);
    if (![10, 20, 80].includes(height)) continue;
    let part: Uint8Array | undefined = bytes(`state ${height}`);
    const next = (): Uint8Array | undefined => {
      const taken = part;
      part = undefined;
      return taken;
    };
    storage.snapshot({ type: "snapshot", height, blockHash: sha256Hex(), next }, () => {});
    while (storage.work());
  }
  storage.release({ type: "release", belowHeight: 91, keepCars: [] });
  while (storage.work());
  expect(storage.recovered().snapshot?.height).toBe(80);
  await storage.close();
  const files = readdirSync(folder).filter((name) => name.includes("snapshot"));
  expect(files).toHaveLength(2);
  const path = join(folder, files[1] ?? "");
  const damaged = readFileSync(path);
  damaged.writeUInt8(0, damaged.indexOf("state 80"));
  writeFileSync(path, damaged);
  const again = open();
  const { snapshot, blocks } = again.recovered();
  expect([...(snapshot?.parts ?? [])]).toEqual([bytes("state 20")]);
  expect([...blocks]).toEqual(Array.from({ length: 70 }, (_, index) => bytes(`b${21 + index}`)));
  await again.close();
});

/** Carries jobs out at once and answers when the test says so: flushes that follow each other do not know of each other. */
function lateAnswers() {
  const inline = inlineExecutor(realDisk);
  const answers: (() => void)[] = [];
  const executor: DiskExecutor = {
    run: (job, done) => inline.run(job, (answer) => void answers.push(() => done(answer))),
    close: inline.close,
  };
  const answerAll = (): void => {
    for (let answer = answers.shift(); answer !== undefined; answer = answers.shift()) answer();
  };
  return { executor, answerAll };
}

test("of flushes on their way a later one may survive an earlier one: both are cut, and stay so", async () => {
  await firstStart().close();
  const late = lateAnswers();
  const opened = openStorage(realDisk, folder, { executor: () => late.executor });
  if (!opened.ok) throw new Error(opened.detail);
  const { append, flush } = opened.value;
  for (const name of ["b1", "b2", "b3"]) {
    append([block(name)]);
    flush(() => {});
    if (name === "b1") late.answerAll();
  }
  // The process is gone; of the second group the first sector never reached the disk.
  const path = segmentPath(folder, 1);
  const torn = readFileSync(path);
  torn.fill(0, GROUPS_AT + ALIGNMENT, GROUPS_AT + 2 * ALIGNMENT);
  writeFileSync(path, torn);
  expect(await restarted()).toMatchObject({ blocks: ["b1"] });
  const again = open();
  commit(again, [block("b2")]);
  // Not closed: a seal would stand where the old third group stood.
  expect(await restarted()).toMatchObject({ blocks: ["b1", "b2"] });
});

test("a car that came after a release was asked for is kept, though its segment is old when the release gets to it", async () => {
  const car = (n: number): PersistEffect => {
    const body = new Uint8Array(3_000).fill(n);
    const head = { digest: sha256Hex(body), validator: 1, incarnation: 1n, number: n };
    return { type: "persist", stream: "log", entry: { kind: "car", ...head, bytes: body } };
  };
  const opened = openStorage(realDisk, folder, { segmentBytes: 32 * 1024 });
  if (!opened.ok) throw new Error(opened.detail);
  const storage = opened.value;
  commit(storage, [block("b1"), block("b2")]);
  for (const height of [2, 3]) {
    const next = (): undefined => undefined;
    storage.snapshot({ type: "snapshot", height, blockHash: sha256Hex(), next }, () => {});
    while (storage.work());
  }
  storage.release({ type: "release", belowHeight: 3, keepCars: [] });
  for (let n = 0; n < 30; n++) commit(storage, [car(n)]);
  while (storage.work());
  expect(storage.recovered().cars).toHaveLength(30);
  storage.release({ type: "release", belowHeight: 3, keepCars: [] });
  while (storage.work());
  // Segments are let go as a whole, and the newest never.
  expect(storage.recovered().cars.length).toBeLessThan(15);
  await storage.close();
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

test("notes ride with later flushes; history is answered from them after a restart, and says what was released", async () => {
  const entries = (height: number) =>
    [0, 1].map((index) => ({
      position: 2 * height - 1 + index,
      debit: 1n,
      credit: BigInt(height),
      id: BigInt(height),
    }));
  const segmentBytes = 16 * 1024;
  const openSmall = (): Storage => {
    const opened = openStorage(realDisk, folder, { segmentBytes });
    if (!opened.ok) throw new Error(opened.detail);
    return opened.value;
  };
  const historyOf = (storage: Storage) => {
    const history = storage.openHistory({
      entriesOf: ({ height, note }) =>
        storage.readBlock(height) !== undefined && note[0] === height % 256 ? entries(height) : undefined,
      scan: ({ height }, visit) => {
        if (storage.readBlock(height) === undefined) return;
        for (const { position, id, debit, credit } of entries(height))
          visit(new DataView(writer().u128(id).u128(debit).u128(credit).done().buffer), 0, position % 2 === 1);
      },
    });
    while (storage.work());
    return history;
  };
  const first = openSmall();
  expect(loadVoteKey(realDisk, folder).ok).toBe(true);
  for (let height = 1; height <= 60; height++) {
    commit(first, [block(`b${height}`)]);
    const note = new Uint8Array(500).fill(height);
    first.note({ type: "executed", height, first: 2 * height - 1, entries: 2, note });
  }
  await first.close();
  const storage = openSmall();
  // What replay tells again is known.
  storage.note({ type: "executed", height: 3, first: 5, entries: 2, note: new Uint8Array([0]) });
  const history = historyOf(storage);
  expect(await history.entriesAfter(0, 1_000)).toEqual({
    entries: Array.from({ length: 60 }, (_, index) => entries(index + 1)).flat(),
    heldFrom: 1,
    indexedTo: 120,
  });
  expect(await history.transferById(44n)).toMatchObject({ type: "found", entry: { position: 87 } });
  for (const height of [40, 60]) {
    storage.snapshot({ type: "snapshot", height, blockHash: sha256Hex(), next: () => undefined }, () => {});
    while (storage.work());
  }
  storage.release({ type: "release", belowHeight: 61, keepCars: [] });
  while (storage.work());
  const oldest = storage.oldestHeight();
  expect(oldest).toBeGreaterThan(1);
  expect(oldest).toBeLessThanOrEqual(41);
  const page = await history.entriesAfter(0, 2);
  expect(page).toMatchObject({ heldFrom: 2 * oldest - 1, entries: entries(oldest) });
  expect(await history.transferById(1n)).toEqual({ type: "released", position: 1 });
  await storage.close();
});
