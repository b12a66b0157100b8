import { join } from "node:path";
import { present } from "../base/assert.ts";
import { accept, type Result, refuse } from "../base/result.ts";
import type { BlockStore, CarHead, LogEntry, PersistEffect, Recovered } from "../ports.ts";
import { type Disk, DiskRefused, isDiskRefusal } from "./disk.ts";
import { encodeEntry, parseEntry } from "./log-entry.ts";
import { createLog, openLog, type RecordLog } from "./record-log.ts";
import { voteKeyPath } from "./vote-key.ts";

/** The data folder of one node: the log of blocks and cars, and own votes in a log of their own (rule 3). */
export type Storage = BlockStore & {
  /**
   * All of it is durable when this accepts. After a refusal nothing that rests on it may leave the process, what is read
   * is what was durable before, and nothing more is taken until `probe` accepts.
   */
  commit(effects: readonly PersistEffect[]): Result<void, "disk">;
  /** Tries whether the disk takes writes again; on success the logs stand at their last durable state. */
  probe(): Result<void, "disk">;
  recovered(): Recovered;
  freeBytes(): number;
  /** What opening found, for the log: bytes cut off, a damaged journal put aside. */
  readonly findings: readonly string[];
  close(): void;
};

/** Less free space than this counts as full, so that the disk's last bytes stay for the file system and the logs of others. */
export const FREE_MIN_BYTES = 16 * 1024 * 1024;
const PROBE_BYTES = 1024 * 1024;

export const blocksPath = (folder: string): string => join(folder, "blocks.log");
export const votesPath = (folder: string): string => join(folder, "votes.log");

/**
 * Opens the data folder, which the caller has locked. Call it before `loadVoteKey`: on a first start the logs come
 * before the key, so a key without logs means that logs were lost, and then the journal says so for good (`amnesia`).
 */
export function openStorage(disk: Disk, folder: string): Result<Storage, "damaged"> {
  const findings: string[] = [];
  const hasKey = disk.exists(voteKeyPath(folder));
  const blocksLost = hasKey && !disk.exists(blocksPath(folder));
  if (!disk.exists(blocksPath(folder))) {
    createLog(disk, blocksPath(folder), { amnesia: blocksLost, records: [] }).close();
  }
  const blocks = openLog(disk, blocksPath(folder));
  if (!blocks.ok) return blocks;
  if (blocks.value.cutBytes > 0)
    findings.push(`blocks: cut ${blocks.value.cutBytes} bytes that were never acknowledged`);
  const votes = openVotes(disk, folder, { hasKey, blocksLost: blocks.value.amnesia }, findings);
  return accept(storageOver(disk, folder, blocks.value, votes, findings));
}

/** The journal, or an empty one in its place that says whether its absence or damage lost votes. */
function openVotes(
  disk: Disk,
  folder: string,
  { hasKey, blocksLost }: { hasKey: boolean; blocksLost: boolean },
  findings: string[],
): RecordLog {
  const path = votesPath(folder);
  const fresh = (amnesia: boolean): RecordLog => createLog(disk, path, { amnesia, records: [] });
  // Without a key there are no votes of it: a journal that is there belongs to a key that is gone.
  if (!hasKey) return fresh(false);
  if (!disk.exists(path)) {
    findings.push("votes: the journal is missing while the key is there");
    return fresh(true);
  }
  const opened = openLog(disk, path);
  if (!opened.ok) {
    findings.push(`votes: ${opened.detail ?? opened.reason}; kept as ${path}.damaged`);
    disk.rename(path, `${path}.damaged`);
    return fresh(true);
  }
  const log = opened.value;
  if (log.cutBytes > 0) findings.push(`votes: cut ${log.cutBytes} bytes that were never acknowledged`);
  if (!blocksLost || log.amnesia) return log;
  // The journal forgets votes that durable blocks made needless; with the blocks gone it no longer covers them.
  findings.push("votes: the blocks are missing while the key is there");
  const records = allRecords(log);
  log.close();
  return createLog(disk, path, { amnesia: true, records });
}

function allRecords(log: RecordLog): Uint8Array[] {
  return Array.from({ length: log.count() }, (_, index) => present(log.read(index), "a counted record can be read"));
}

function storageOver(
  disk: Disk,
  folder: string,
  blocks: RecordLog,
  firstVotes: RecordLog,
  findings: readonly string[],
): Storage {
  let votes = firstVotes;
  let index = indexOf(blocks);
  const attempt = (work: () => void): Result<void, "disk"> => {
    try {
      work();
      return accept(undefined);
    } catch (cause) {
      if (!isDiskRefusal(cause)) throw new Error("the log cannot be written", { cause });
      blocks.forget();
      votes.forget();
      index = indexOf(blocks);
      return refuse("disk", cause.message);
    }
  };
  const requireSpace = (bytes: number): void => {
    // The text names no changing number: status is written on change.
    if (disk.freeBytes(folder) < bytes) throw new DiskRefused(`fewer than ${bytes} bytes are free`);
  };
  const replaceVotes = (records: readonly Uint8Array[]): void => {
    const replaced = votes;
    votes = createLog(disk, replaced.path, { amnesia: replaced.amnesia, records });
    replaced.close();
  };
  return {
    findings,
    commit: (effects) =>
      attempt(() => {
        if (effects.length === 0) return;
        requireSpace(FREE_MIN_BYTES);
        const plan = planOf(effects);
        // Blocks first: a replaced journal may lack votes that only these blocks make needless.
        if (plan.log.length > 0) {
          for (const [at, entry] of plan.log.entries()) addToIndex(index, entry, blocks.count() + at);
          blocks.append(plan.log.map(encodeEntry));
          blocks.sync();
        }
        if (plan.replaceVotes) {
          replaceVotes(plan.votes);
        } else if (plan.votes.length > 0) {
          votes.append(plan.votes);
          votes.sync();
        }
      }),
    probe: () =>
      attempt(() => {
        requireSpace(FREE_MIN_BYTES + PROBE_BYTES);
        const path = join(folder, "probe");
        const file = disk.open(path, "create");
        try {
          disk.write(file, 0, new Uint8Array(PROBE_BYTES).fill(0xa5));
          disk.sync(file);
        } finally {
          disk.close(file);
          disk.remove(path);
        }
        blocks.rewind();
        votes.rewind();
        // A replacement may have failed between its rename and the sync of its folder: then the open file has no name any
        // more. Writing the journal anew from the open file's durable records settles both.
        replaceVotes(allRecords(votes));
      }),
    readBlock: (height) => bytesAt(blocks, index.blocks.get(height)),
    readCar: (digest) => bytesAt(blocks, index.cars.get(digest)),
    oldestHeight: () => 1,
    recovered: () => ({
      votes: allRecords(votes),
      votesIntact: !votes.amnesia,
      blocks: blocksIn(blocks, index),
      cars: [...index.heads],
    }),
    freeBytes: () => disk.freeBytes(folder),
    close: () => {
      blocks.close();
      votes.close();
    },
  };
}

/** Where each entry stands in the log, by what it is asked for. */
type Index = { readonly blocks: Map<number, number>; readonly cars: Map<string, number>; readonly heads: CarHead[] };

function indexOf(log: RecordLog): Index {
  const index: Index = { blocks: new Map(), cars: new Map(), heads: [] };
  for (let at = 0; at < log.count(); at++) addToIndex(index, entryAt(log, at), at);
  return index;
}

function addToIndex(index: Index, entry: LogEntry, at: number): void {
  if (entry.kind === "block") {
    index.blocks.set(entry.height, at);
    return;
  }
  const { digest, validator, incarnation, number } = entry;
  if (!index.cars.has(digest)) index.heads.push({ digest, validator, incarnation, number });
  index.cars.set(digest, at);
}

function entryAt(log: RecordLog, at: number): LogEntry {
  const entry = parseEntry(present(log.read(at), "a counted record can be read"));
  if (!entry.ok) throw new Error(`${log.path}: record ${at} is ${entry.detail ?? entry.reason}`);
  return entry.value;
}

const bytesAt = (log: RecordLog, at: number | undefined): Uint8Array | undefined =>
  at === undefined ? undefined : entryAt(log, at).bytes;

function* blocksIn(log: RecordLog, index: Index): Generator<Uint8Array> {
  for (const at of index.blocks.values()) yield entryAt(log, at).bytes;
}

/** What a step's effects leave in each log: a replacement swallows the votes before it. */
function planOf(effects: readonly PersistEffect[]): {
  readonly log: readonly LogEntry[];
  readonly votes: readonly Uint8Array[];
  readonly replaceVotes: boolean;
} {
  const log: LogEntry[] = [];
  let votes: Uint8Array[] = [];
  let replaceVotes = false;
  for (const effect of effects) {
    if (effect.type === "replace-votes") {
      votes = [...effect.records];
      replaceVotes = true;
    } else if (effect.stream === "log") {
      log.push(effect.entry);
    } else {
      votes.push(effect.record);
    }
  }
  return { log, votes, replaceVotes };
}
