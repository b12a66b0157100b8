import { join } from "node:path";
import { accept, type Result, refuse } from "../base/result.ts";
import { type Disk, isDiskRefusal } from "./disk.ts";
import { inlineExecutor } from "./disk-executor.ts";
import { entryLog } from "./entry-log.ts";
import { heldHeights } from "./held-heights.ts";
import { type Damage, describeDamage } from "./log-walk.ts";
import { openLog } from "./open-log.ts";
import { runningStorage } from "./running-storage.ts";
import { openFiles, type Spare, sparePath } from "./segment.ts";
import { indexPathOf } from "./segment-index.ts";
import { removeUnfinished } from "./snapshot-files.ts";
import { SEGMENT_BYTES, type Storage, type StorageOptions } from "./storage-port.ts";
import { createVotes, openVotes, removeUnfinishedVotes, type VoteJournal } from "./vote-journal.ts";
import { voteKeyPath } from "./vote-key.ts";

export type { Progress, Storage } from "./storage-port.ts";

export const votesPath = (folder: string): string => join(folder, "votes.log");

/**
 * Opens the data folder, which the caller has locked. Call it before `loadVoteKey`: on a first start the journal comes
 * before the key, so a key without a journal means that votes were lost, and then the journal says so for good.
 */
export function openStorage(disk: Disk, folder: string, options: StorageOptions = {}): Result<Storage, "disk"> {
  try {
    return accept(open(disk, folder, options));
  } catch (cause) {
    if (!isDiskRefusal(cause)) throw cause;
    return refuse("disk", cause.message);
  }
}

function open(disk: Disk, folder: string, options: StorageOptions): Storage {
  const findings: string[] = [];
  removeUnfinished(disk, folder);
  let executor = inlineExecutor(disk);
  const closeFile = (file: number): void => executor.run({ kind: "aside", ops: [] }, () => disk.close(file));
  const votes = openJournal({ disk, folder, closeFile }, findings);
  const { onProgress = () => {} } = options;
  const opened = (() => {
    try {
      return openLog(disk, folder, (doneBytes, totalBytes) => onProgress({ phase: "reading", doneBytes, totalBytes }));
    } catch (cause) {
      // A disk that takes no writes is asked again and again.
      votes.close();
      throw cause;
    }
  })();
  const damage = opened.damage.map(describeDamage);
  findings.push(...damage);
  if (opened.torn !== undefined) {
    findings.push(`${opened.torn.path}: cut at byte ${opened.torn.offset}, what followed was never acknowledged`);
  }
  const files = openFiles(disk);
  const spare: Spare = { state: disk.exists(sparePath(folder)) ? "ready" : "none" };
  const segmentBytes = options.segmentBytes ?? SEGMENT_BYTES;
  const held = heldHeights(opened.index.blocks);
  const damaged = new Set(opened.damage.map(({ path }) => path));
  const onDamage = (found: Damage): void => {
    const text = describeDamage(found);
    if (damage.includes(text)) return;
    damage.push(text);
    damaged.add(found.path);
    held.forget();
    // The next opening has to read the segment, or it would take for held what is lost.
    const { key, path } = found;
    if (key !== undefined)
      executor.run({ kind: "aside", ops: [{ type: "remove", path: indexPathOf(path) }] }, () => {});
  };
  const log = entryLog({ disk, folder, segmentBytes, files, spare, closeFile, onDamage }, opened);
  executor = options.executor?.() ?? executor;
  return runningStorage({
    ...{ disk, folder, log, votes, executor, findings, damage, onDamage, held, files, spare, segmentBytes, onProgress },
    ...{ positions: opened.positions, indexed: opened.indexed, isDamaged: (path) => damaged.has(path) },
  });
}

/** The journal, or an empty one in its place that says whether its absence or damage lost votes. */
function openJournal(
  { disk, folder, closeFile }: { disk: Disk; folder: string; closeFile: (file: number) => void },
  findings: string[],
): VoteJournal {
  const path = votesPath(folder);
  removeUnfinishedVotes(disk, folder);
  const hasKey = disk.exists(voteKeyPath(folder));
  if (!hasKey) {
    // Without a key there are no votes of it: a journal that is there belongs to a key that is gone.
    createVotes(disk, path, false);
  } else if (!disk.exists(path)) {
    findings.push("votes: the journal is missing while the key is there");
    createVotes(disk, path, true);
  }
  const opened = openVotes(disk, path, closeFile);
  if (opened.ok) {
    const { journal, tornAt } = opened.value;
    if (tornAt !== undefined) findings.push(`votes: cut at byte ${tornAt}, what followed was never acknowledged`);
    return journal;
  }
  findings.push(`votes: ${opened.detail ?? opened.reason}; kept as ${path}.damaged`);
  disk.rename(path, `${path}.damaged`);
  createVotes(disk, path, true);
  const fresh = openVotes(disk, path, closeFile);
  if (!fresh.ok) throw new Error(`a journal that was just made cannot be read: ${fresh.detail}`);
  return fresh.value.journal;
}
