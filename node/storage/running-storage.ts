import { join } from "node:path";
import { assert } from "../base/assert.ts";
import { accept, type Result, refuse } from "../base/result.ts";
import type { PersistEffect } from "../ports.ts";
import { compaction } from "./compaction.ts";
import { type Disk, isDiskRefusal } from "./disk.ts";
import type { DiskExecutor } from "./disk-executor.ts";
import type { DiskOp } from "./disk-job.ts";
import type { EntryLog } from "./entry-log.ts";
import { RESERVE_BYTES } from "./group-writer.ts";
import type { HeldHeights } from "./held-heights.ts";
import { type History, type HistoryEntry, openHistory } from "./history.ts";
import { type BlockEntries, journalPositions } from "./journal-positions.ts";
import type { Damage } from "./log-walk.ts";
import { scrub } from "./scrub.ts";
import { type OpenFiles, openFiles, type Spare } from "./segment.ts";
import { segmentIndexer } from "./segment-indexer.ts";
import { snapshotParts } from "./snapshot-parts.ts";
import { snapshots } from "./snapshots.ts";
import { FREE_MIN_BYTES, type Progress, type Storage } from "./storage-port.ts";
import type { VoteJournal } from "./vote-journal.ts";

const PROBE_BYTES = 1024 * 1024;
/** Ids are looked up for the unbonding time and a day more, even after their blocks were released. */
const IDS_KEPT_MS = 8 * 24 * 3_600_000;

/** What opening a folder gives. */
export type Parts = {
  readonly disk: Disk;
  readonly folder: string;
  readonly log: EntryLog;
  readonly votes: VoteJournal;
  readonly executor: DiskExecutor;
  readonly findings: readonly string[];
  readonly damage: readonly string[];
  readonly onDamage: (damage: Damage) => void;
  readonly isDamaged: (path: string) => boolean;
  readonly indexed: ReadonlySet<number>;
  readonly held: HeldHeights;
  readonly files: OpenFiles;
  readonly spare: Spare;
  readonly segmentBytes: number;
  readonly positions: readonly BlockEntries[];
  readonly onProgress: (progress: Progress) => void;
};

/** The storage over an open folder: one flush after the other, in order, until the disk refuses one. */
export function runningStorage(parts: Parts): Storage {
  const { disk, folder, log, votes, executor, held } = parts;
  let failed: string | undefined;
  /** Bytes that were appended since the last flush, and bytes on their way. */
  let appendedBytes = 0;
  let flushedBytes = 0;
  let wake = (): void => {};
  const positions = journalPositions();
  for (const block of parts.positions) positions.add(block);
  let history:
    | (Pick<History<HistoryEntry>, "note" | "work" | "release" | "close"> & { readonly files: OpenFiles })
    | undefined;
  const requireSpace = (bytes: number): DiskOp => ({ type: "require-space", folder, bytes });

  const fail = (reason: string): void => {
    failed ??= reason;
    appendedBytes = 0;
    positions.dropAbove(log.heights().durable);
    log.fail();
    votes.fail();
    snapshotted.giveUp();
  };
  /** What `work` throws of the disk's refusals is a refusal of the storage. */
  const refusable = (work: () => void): string | undefined => {
    try {
      work();
      return undefined;
    } catch (cause) {
      if (!isDiskRefusal(cause)) throw cause;
      fail(cause.message);
      return cause.message;
    }
  };
  const runAside = (ops: readonly DiskOp[], done: (refused: string | undefined) => void = () => {}): void => {
    executor.run({ kind: "aside", ops }, (answer) => {
      done(answer);
      wake();
    });
  };

  const flush = (done: (result: Result<void, "disk">) => void): void => {
    if (failed !== undefined) {
      done(refuse("disk", failed));
      return;
    }
    const ops: DiskOp[] = [requireSpace(FREE_MIN_BYTES)];
    const taken = { log: false, votes: false };
    const bytes = appendedBytes;
    appendedBytes = 0;
    const refused = refusable(() => {
      const logOps = log.take();
      taken.log = logOps.length > 0;
      ops.push(...logOps);
      if (!votes.isStaged()) return;
      const { durable, written } = log.heights();
      ops.push(...votes.take({ durable, written }));
      taken.votes = true;
    });
    flushedBytes += bytes;
    // A job that cannot be written is refused in its turn, behind those that are on their way.
    executor.run({ kind: "commit", ops: refused === undefined ? ops : [] }, (answer) => {
      flushedBytes -= bytes;
      const reason = refused ?? answer;
      if (taken.log) reason === undefined ? log.settle() : log.refuse();
      if (taken.votes) reason === undefined ? votes.settle() : votes.refuse();
      if (reason !== undefined) fail(reason);
      done(reason === undefined ? accept(undefined) : refuse("disk", reason));
    });
    const reserve = failed === undefined ? [...log.reserve(), ...votes.reserve()] : [];
    if (reserve.length > 0) runAside([requireSpace(FREE_MIN_BYTES + 2 * RESERVE_BYTES), ...reserve]);
  };

  /** The highest block behind this height that is whole, with all before it: what opening took from indexes was not read yet. */
  const wholeAfter = (height: number): number => {
    let tip = height;
    while (log.index.blocks.has(tip + 1) && log.readBlock(tip + 1) !== undefined) tip += 1;
    return tip;
  };
  function* blocksOf(from: number, to: number): Generator<Uint8Array> {
    let totalBytes = 0;
    for (let height = from; height <= to; height++) totalBytes += log.index.blocks.get(height)?.length ?? 0;
    let doneBytes = 0;
    for (let height = from; height <= to; height++) {
      const bytes = log.readBlock(height);
      // A restart names it and fetches it again; the votes may rest on it.
      if (bytes === undefined) throw new Error(`block ${height} was whole a moment ago, and is damaged now`);
      yield bytes;
      doneBytes += bytes.length;
      parts.onProgress({ phase: "replaying", doneBytes, totalBytes });
    }
  }
  const runSparingly = (ops: readonly DiskOp[], done: (refused: string | undefined) => void): void =>
    runAside([requireSpace(FREE_MIN_BYTES), ...ops], done);
  const snapshotted = snapshots({ disk, folder, runAside: runSparingly, onRefused: fail });
  const parted = snapshotParts(disk, folder);
  const onSnapshots = (height: number, work: (onWritten: typeof parted.forget) => void, then = parted.forget): void => {
    if (failed !== undefined) return;
    parted.forget(height);
    refusable(() =>
      work((written) => {
        parted.forget(written);
        then(written);
      }),
    );
    wake();
  };
  const indexer = segmentIndexer({ ...parts, runAside: runSparingly });
  const scrubbed = scrub(parts);
  const compacted = compaction({ ...parts, runAside, flush: () => flush(() => wake()) });
  const compact = (): boolean => {
    if (!compacted.step(snapshotted.coveredHeight() + 1)) return false;
    positions.dropBelow(held.oldest());
    history?.release(Date.now() - IDS_KEPT_MS);
    return true;
  };
  const probed = (done: (result: Result<void, "disk">) => void): void => {
    const refused = refusable(() => {
      const ops = [...log.resume(), ...votes.rewrite()];
      executor.run({ kind: "commit", ops }, (answer) => {
        if (answer === undefined) {
          votes.settle();
          failed = undefined;
          done(accept(undefined));
          return;
        }
        votes.refuse();
        done(refuse("disk", answer));
      });
    });
    if (refused !== undefined) done(refuse("disk", refused));
  };

  return {
    findings: parts.findings,
    damage: () => parts.damage,
    append: (effects) => {
      if (failed !== undefined) return;
      for (const effect of effects) {
        appendedBytes += bytesOf(effect);
        if (effect.type === "replace-votes") votes.stageReplacement(effect.records);
        else if (effect.stream === "votes") votes.stage(effect.record);
        else log.stage(effect.entry, effect.entry.bytes);
      }
    },
    flush,
    note: (effect) => {
      if (failed !== undefined) return;
      const { height, first, entries, note } = effect;
      log.stage({ kind: "note", height, first, entries }, note);
      positions.add({ height, first, entries });
      if (history === undefined) return;
      if (effect.batches !== undefined) history.note(effect);
      wake();
    },
    openHistory: (journal) => {
      assert(history === undefined, "history is opened once");
      const files = openFiles(disk);
      const opened = openHistory({ disk, folder, files, write: runAside, positions, readNote: log.readNote }, journal);
      history = { ...opened, files };
      wake();
      return opened;
    },
    readSnapshotPart: parted.read,
    snapshot: (effect, then) => onSnapshots(effect.height, (written) => snapshotted.begin(effect, written), then),
    takeSnapshotPart: (effect, then) =>
      onSnapshots(effect.height, (written) => snapshotted.take(effect, written), then),
    dropSnapshot: (height) => onSnapshots(height, () => snapshotted.drop(height)),
    release: ({ belowHeight, keepCars }) => {
      compacted.want(belowHeight, keepCars);
      wake();
    },
    work: () =>
      failed === undefined && (snapshotted.step() || compact() || indexer.step() || (history?.work() ?? false)),
    scrub: scrubbed.step,
    onWork: (callback) => {
      wake = callback;
    },
    probe: (done) => {
      if (failed === undefined) return done(accept(undefined));
      const path = join(folder, "probe");
      let file = 0;
      const refused = refusable(() => {
        file = disk.open(path, "create");
      });
      if (refused !== undefined) return done(refuse("disk", refused));
      const ops: DiskOp[] = [
        requireSpace(FREE_MIN_BYTES + PROBE_BYTES),
        { type: "write", file, position: 0, bytes: new Uint8Array(PROBE_BYTES).fill(0xa5) },
        { type: "sync", file },
      ];
      executor.run({ kind: "probe", ops }, (answer) => {
        disk.close(file);
        disk.remove(path);
        if (answer === undefined) probed(done);
        else done(refuse("disk", answer));
      });
    },
    readBlock: log.readBlock,
    readCar: log.readCar,
    oldestHeight: () => held.oldest(),
    recovered: () => {
      const found = snapshotted.newest();
      const base = found?.height ?? 0;
      const tip = wholeAfter(base);
      return {
        votes: votes.records(),
        votesIntact: !votes.amnesia && tip >= votes.restsOn(),
        ...(found === undefined ? {} : { snapshot: found }),
        blocks: { [Symbol.iterator]: () => blocksOf(base + 1, tip) },
        cars: [...log.index.cars.all()].map(({ digest, validator, incarnation, number }) => ({
          ...{ digest, validator, incarnation, number },
        })),
      };
    },
    pendingBytes: () => appendedBytes + flushedBytes + snapshotted.waitingBytes(),
    close: async () => {
      snapshotted.giveUp();
      indexer.close();
      scrubbed.close();
      if (failed === undefined) {
        if (log.isStaged() || votes.isStaged()) flush(() => {});
        // Wait for what is on its way: only then is everything known to be durable.
        await new Promise<void>((resolve) => executor.run({ kind: "aside", ops: [] }, () => resolve()));
        const seals = failed === undefined ? { log: log.seal(), votes: votes.seal() } : undefined;
        if (seals !== undefined) executor.run({ kind: "commit", ops: [...seals.log, ...seals.votes] }, () => {});
      }
      await executor.close();
      history?.close();
      history?.files.closeAll();
      log.close();
      votes.close();
    },
  };
}

function bytesOf(effect: PersistEffect): number {
  if (effect.type === "replace-votes") return effect.records.reduce((sum, { length }) => sum + length, 0);
  return effect.stream === "votes" ? effect.record.length : effect.entry.bytes.length;
}
