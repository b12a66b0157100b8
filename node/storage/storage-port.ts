import type { Result } from "../base/result.ts";
import type { BlockStore, NodeEffect, PersistEffect, Recovered } from "../ports.ts";
import type { DiskExecutor } from "./disk-executor.ts";
import type { History, HistoryEntry, JournalReader } from "./history.ts";
import type { SnapshotPart } from "./snapshot-parts.ts";

type Effect<Type extends NodeEffect["type"]> = Extract<NodeEffect, { type: Type }>;

/** The data folder of one node: the log of blocks and cars, own votes apart from it (rule 3), snapshots. */
export type Storage = BlockStore & {
  /** Takes what a step wants to be durable; it can be read at once. Nothing is written before `flush`. */
  append(effects: readonly PersistEffect[]): void;
  /**
   * Makes everything appended durable; `done` accepts when it is, in the order of the calls. After a refusal nothing that
   * rests on it may leave the process, what is read is what was durable before, and nothing more is taken until a
   * `probe` accepts.
   */
  flush(done: (result: Result<void, "disk">) => void): void;
  /** Keeps what execution made of a block, with the next flush: nothing waits for it. Questions find it at once. */
  note(effect: Effect<"executed">): void;
  /** Begins a snapshot, instead of one that is under way. `onWritten` is called when it is durable under its name. */
  snapshot(effect: Effect<"snapshot">, onWritten: (height: number) => void): void;
  /** Writes a part of a peer's snapshot as it comes; with the first, instead of one that is under way. */
  takeSnapshotPart(effect: Effect<"snapshot-part">, onWritten: (height: number) => void): void;
  /** Removes a whole snapshot. */
  dropSnapshot(height: number): void;
  /** A part of the whole snapshot of this height, or of the newest (height 0). */
  readSnapshotPart(height: number, part: number): SnapshotPart | undefined;
  /** Segments may go; never what the older of the two kept snapshots needs to be followed by. */
  release(effect: Effect<"release">): void;
  /**
   * Opens the index that answers questions about the journal; `work` then builds it. Once at most. Throws what the disk throws.
   */
  openHistory<E extends HistoryEntry>(journal: JournalReader<E>): History<E>;
  /** One bounded piece of background work; false: there is none to do now. */
  work(): boolean;
  /** Reads about so many bytes of what was written long ago; what has decayed is named, and counts as not held. */
  scrub(bytes: number): void;
  /** Called when there is background work again. */
  onWork(wake: () => void): void;
  /** Tries whether the disk takes writes again; on success writing goes on at the last durable state. */
  probe(done: (result: Result<void, "disk">) => void): void;
  recovered(): Recovered;
  /** Bytes that are not durable yet. */
  pendingBytes(): number;
  /** What opening found, for the log: what was cut off, what is damaged, a journal put aside. */
  readonly findings: readonly string[];
  /** What is known to be damaged, each with its file and first wrong byte. */
  damage(): readonly string[];
  /** Waits until everything appended is durable, if the disk takes it. */
  close(): Promise<void>;
};

export type StorageOptions = {
  /** Makes the place where writes are carried out, once the folder is open; inline without it. */
  readonly executor?: () => DiskExecutor;
  readonly segmentBytes?: number;
  readonly onProgress?: (progress: Progress) => void;
};

/** How far recovery has come: first the whole log is read and checked, then its blocks are handed out. */
export type Progress = {
  readonly phase: "reading" | "replaying";
  readonly doneBytes: number;
  readonly totalBytes: number;
};

/** Less free space than this counts as full, so that the disk's last bytes stay for the file system and the logs of others. */
export const FREE_MIN_BYTES = 16 * 1024 * 1024;
export const SEGMENT_BYTES = 64 * 1024 * 1024;
