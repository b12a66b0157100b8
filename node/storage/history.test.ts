import { beforeEach, describe, expect, it } from "vitest";
import { present } from "../base/assert.ts";
import { seededRandom } from "../base/random.ts";
import { writer } from "../codec/writer.ts";
import { inlineExecutor } from "./disk-executor.ts";
import { type History, type JournalReader, openHistory } from "./history.ts";
import { type BlockEntries, type JournalPositions, journalPositions } from "./journal-positions.ts";
import { type OpenFiles, openFiles } from "./segment.ts";
import { type TestDisk, testDisk } from "./test-disk.ts";

type Entry = { readonly position: number; readonly id: bigint; readonly debit: bigint; readonly credit: bigint };

const FOLDER = "/data";
const ACCOUNTS = 40;
/** Small, so that some hundred entries fill tables and files. */
const SIZES = { tableIds: 300, filePages: 2 };

let disk: TestDisk;
let positions: JournalPositions;
let all: Entry[];
/** Heights whose blocks the log has. */
let held: Set<number>;
let files: OpenFiles;
beforeEach(() => {
  disk = testDisk();
  positions = journalPositions();
  all = [];
  held = new Set();
});

const NOTE = new Uint8Array([1]);
const journal: JournalReader<Entry> = {
  entriesOf: ({ height, first, entries }) => (held.has(height) ? all.slice(first - 1, first - 1 + entries) : undefined),
  scan: ({ height, first, entries }, visit) => {
    if (!held.has(height)) return;
    for (const { id, debit, credit, position } of all.slice(first - 1, first - 1 + entries)) {
      const bytes = writer().u8(0).u128(id).u128(debit).u128(credit).done();
      // Some entries are the ledger's own.
      visit(new DataView(bytes.buffer), 1, position % 10 !== 0);
    }
  },
};

function open(): History<Entry> {
  const executor = inlineExecutor(disk);
  files = openFiles(disk);
  return openHistory(
    {
      ...{ disk, folder: FOLDER, files, positions },
      write: (ops, done) => executor.run({ kind: "aside", ops }, done),
      readNote: () => NOTE,
    },
    journal,
    SIZES,
  );
}

/** Blocks of random entries. Account 7 is in every tenth. */
function execute(blocks: number): void {
  const random = seededRandom(BigInt(all.length + 1));
  for (let count = 0; count < blocks; count++) {
    const height = held.size + 1;
    const first = all.length + 1;
    const entries = random.below(12);
    for (let position = first; position < first + entries; position++) {
      const id = (BigInt(1_000_000 + position) << 80n) | BigInt(random.below(1_000_000));
      const [debit, credit] = [BigInt(100 + random.below(ACCOUNTS)), BigInt(200 + random.below(ACCOUNTS))];
      all.push({ position, id, debit: position % 10 === 3 ? 7n : debit, credit });
    }
    positions.add({ height, first, entries });
    held.add(height);
  }
}

const index = (history: History<Entry>): void => {
  while (history.work());
};

async function wholeAccount(history: History<Entry>, account: bigint): Promise<number[]> {
  const found: number[] = [];
  for (let next: number | undefined, more = true; more; more = next !== undefined) {
    const page = await history.entriesOfAccount(account, { limit: 7, ...(next === undefined ? {} : { before: next }) });
    found.push(...page.entries.map(({ position }) => position));
    next = page.next;
  }
  return found;
}

const expectedOf = (account: bigint, from = 1): number[] =>
  all
    .flatMap(({ position, debit, credit }) =>
      position >= from && (debit === account || credit === account) ? [position] : [],
    )
    .toReversed();

describe("history", () => {
  it("gives the journal page by page, an account's entries newest first, and a transfer by its id", async () => {
    const history = open();
    execute(200);
    index(history);
    expect((await history.entriesAfter(0, 5)).entries).toEqual(all.slice(0, 5));
    expect((await history.entriesAfter(317, 40)).entries).toEqual(all.slice(317, 357));
    expect(await history.entriesAfter(all.length, 5)).toEqual({ entries: [], heldFrom: 1, indexedTo: all.length });
    for (const account of [7n, 105n, 220n, 999n])
      expect(await wholeAccount(history, account)).toEqual(expectedOf(account));
    for (const entry of all.filter(({ position }) => position % 30 === 1)) {
      expect(await history.transferById(entry.id)).toEqual({ type: "found", entry });
    }
    const own = present(all[9], "the tenth is the ledger's own");
    expect(await history.transferById(own.id)).toEqual({ type: "unknown", indexedTo: all.length });
  });

  it("indexes what was just executed from memory, and reads back what did not fit there", async () => {
    execute(40);
    const batches = [new Uint8Array(4 * 1024 * 1024)];
    const history = openHistory(
      {
        ...{ disk, folder: FOLDER, files: openFiles(disk), positions },
        write: () => {},
        readNote: () => NOTE,
      },
      {
        ...journal,
        scan: (block, visit) => {
          fromMemory += block.batches === batches ? 1 : 0;
          journal.scan(block, visit);
        },
      },
    );
    let fromMemory = 0;
    for (let block = positions.from(1); block !== undefined; block = positions.from(block.first + block.entries))
      history.note({ ...block, note: NOTE, batches });
    index(history);
    expect(fromMemory).toBe(16);
    expect(await wholeAccount(history, 7n)).toEqual(expectedOf(7n));
    // The room is free again; what is indexed already takes none.
    const first = present(positions.from(1), "there is a block");
    for (let count = 0; count < 20; count++) history.note({ ...first, note: NOTE, batches });
    execute(2);
    const newest = present(positions.find(all.length), "the newest block has entries");
    history.note({ ...newest, note: NOTE, batches });
    index(history);
    expect(fromMemory).toBe(17);
  });

  it("goes on after a restart, with what it wrote and what it had not yet written", async () => {
    for (let life = 0; life < 6; life++) {
      const history = open();
      execute(90);
      // Some lives end before everything is indexed.
      if (life % 2 === 0) index(history);
      else for (let step = 0; step < 30; step++) history.work();
      history.close();
      files.closeAll();
    }
    const history = open();
    index(history);
    for (const account of [7n, 101n, 230n]) expect(await wholeAccount(history, account)).toEqual(expectedOf(account));
    for (const entry of all.filter(({ position }) => position % 40 === 2)) {
      expect(await history.transferById(entry.id)).toEqual({ type: "found", entry });
    }
    expect(disk.paths().filter((path) => path.includes("account-chain")).length).toBeGreaterThan(1);
    expect(disk.paths().filter((path) => path.includes("id-table")).length).toBeGreaterThan(3);
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])(
    "makes again what a crash, a turned bit or a removed file took of its index (seed %i)",
    async (seed) => {
      const random = seededRandom(BigInt(seed));
      const before = open();
      execute(250);
      index(before);
      if (seed % 3 === 0) disk.powerCut(random);
      else {
        before.close();
        files.closeAll();
        if (seed % 3 === 1) disk.flipBit(random, (path) => path.includes("history"));
        else disk.remove(random.pick(disk.paths().filter((path) => path.includes("history"))));
      }
      const history = open();
      execute(20);
      index(history);
      for (const account of [7n, 113n, 207n]) {
        const found = await wholeAccount(history, account);
        expect(found, `seed ${seed}`).toEqual(expectedOf(account));
      }
      for (const entry of all.filter(({ position }) => position % 20 === 4)) {
        expect(await history.transferById(entry.id), `seed ${seed}`).toEqual({ type: "found", entry });
      }
    },
  );

  it("says what is not held any more, keeps ids longer than entries, and lets its files go", async () => {
    const history = open();
    execute(400);
    index(history);
    const filesBefore = disk.paths().length;
    for (let height = 1; height <= 300; height++) held.delete(height);
    positions.dropBelow(301);
    history.release(0);
    const heldFrom = present(positions.from(1), "later blocks are held").first;
    expect(await history.entriesAfter(0, 3)).toMatchObject({
      heldFrom,
      entries: all.slice(heldFrom - 1, heldFrom + 2),
    });
    expect(await wholeAccount(history, 7n)).toEqual(expectedOf(7n, heldFrom));
    const old = present(all[4], "the fifth entry");
    expect(await history.transferById(old.id)).toEqual({ type: "released", position: 5 });
    history.release(1_000_000 + heldFrom);
    expect(await history.transferById(old.id)).toMatchObject({ type: "unknown" });
    expect(disk.paths().length).toBeLessThan(filesBefore);
    const young = present(
      all.findLast(({ position }) => position % 10 !== 0),
      "entries are held",
    );
    expect(await history.transferById(young.id)).toEqual({ type: "found", entry: young });
  });

  it("begins behind blocks that it never had, and a page ends before one that is lost", async () => {
    execute(100);
    const whole = positions;
    positions = journalPositions();
    const blocks: BlockEntries[] = [];
    for (let block = whole.from(1); block !== undefined; block = whole.from(block.first + block.entries))
      blocks.push(block);
    // The genesis and what came behind a peer's snapshot, as a node finds it that joined late; then the rest arrives.
    const [genesis, ...others] = blocks;
    const later = others.slice(40);
    const first = present(later[0], "there are later blocks").first;
    positions.add(present(genesis, "there is a first block"));
    for (const block of later) positions.add(block);
    const history = open();
    index(history);
    expect(await history.entriesAfter(0, 3)).toMatchObject({
      heldFrom: first,
      entries: all.slice(first - 1, first + 2),
    });
    for (const block of others.slice(0, 40)) positions.add(block);
    expect(await history.entriesAfter(0, 3)).toMatchObject({ heldFrom: 1, entries: all.slice(0, 3) });

    const lost = present(blocks[10], "there is a tenth");
    held.delete(lost.height);
    const before = await history.entriesAfter(0, all.length);
    expect(before.entries).toEqual(all.slice(0, lost.first - 1));
    const end = lost.first + lost.entries - 1;
    expect(await history.entriesAfter(lost.first - 1, 2)).toMatchObject({
      heldFrom: end + 1,
      entries: all.slice(end, end + 2),
    });
    // What was noted, and then refused by the disk, is known again once its block is executed again.
    const last = present(blocks.at(-1), "there is a last one");
    positions.dropAbove(last.height - 1);
    expect(positions.newest()).toBe(last.first - 1);
    positions.add(last);
    expect(positions.newest()).toBe(all.length);
    expect(positions.heldFrom()).toBe(1);
  });

  it("stays usable when the disk refuses to take its index", async () => {
    const history = open();
    disk.onChange = (call) => {
      if (call === "write") throw Object.assign(new Error("ENOSPC: no space left"), { code: "ENOSPC" });
    };
    execute(150);
    index(history);
    expect(await wholeAccount(history, 7n)).toEqual(expectedOf(7n));
    const entry = present(all[41], "an entry of a table that was refused");
    expect(await history.transferById(entry.id)).toEqual({ type: "found", entry });
    disk.onChange = () => {};
    history.close();
    files.closeAll();
    const again = open();
    index(again);
    expect(await wholeAccount(again, 7n)).toEqual(expectedOf(7n));
    expect(await again.transferById(entry.id)).toEqual({ type: "found", entry });
  });
});
