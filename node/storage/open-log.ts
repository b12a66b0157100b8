import type { Disk } from "./disk.ts";
import { align, GROUPS_AT } from "./group.ts";
import type { GroupFile } from "./group-writer.ts";
import type { BlockEntries } from "./journal-positions.ts";
import { indexEntry, type LogIndex, logIndex } from "./log-index.ts";
import { type Damage, walkLog } from "./log-walk.ts";
import { listSegments, type Segment } from "./segment.ts";
import { indexPathOf, readIndex } from "./segment-index.ts";

/** The log as opening leaves it. */
export type OpenedLog = {
  readonly index: LogIndex;
  /** Of each segment that can be read, its path, checksum seed, and first group's number. */
  readonly segments: Map<number, { readonly path: string; readonly seed: number; readonly firstGroup: number }>;
  /** Segments whose index was read in their place. */
  readonly indexed: ReadonlySet<number>;
  /** Where writing goes on; undefined: in a new segment. */
  readonly active: GroupFile | undefined;
  /** Of the newest segment; 0: none. */
  readonly sequence: number;
  /** Of the newest group. */
  readonly number: number;
  /** Highest block that was ever durable here. */
  readonly height: number;
  readonly damage: readonly Damage[];
  /** Where opening cut off what was never acknowledged. */
  readonly torn: { readonly path: string; readonly offset: number } | undefined;
  /** Journal positions that notes speak of, by height. */
  readonly positions: readonly BlockEntries[];
};

/**
 * Reads the log, cuts what was never acknowledged, and names what is damaged. Of a segment that has an index nothing but that is
 * read: its bodies are checked when they are read, and by the scrub. Throws what the disk throws.
 */
export function openLog(
  disk: Disk,
  folder: string,
  onProgress: (doneBytes: number, totalBytes: number) => void = () => {},
): OpenedLog {
  for (const name of disk.list(folder)) if (/^log-.*\.new$/.test(name)) disk.remove(`${folder}/${name}`);
  const all = listSegments(disk, folder);
  const totalBytes = all.reduce((sum, { path }) => sum + sizeOf(disk, readInPlaceOf(disk, path)), 0);
  let doneBytes = 0;
  const onBytes = (bytes: number): void => {
    doneBytes += bytes;
    onProgress(doneBytes, totalBytes);
  };
  const index = logIndex();
  const damage: Damage[] = [];
  const positions: BlockEntries[] = [];
  let torn: { segment: Segment; offset: number } | undefined;
  const indexed = new Set<number>();
  const indexOf = (segment: Segment, nextGroup: number) => {
    const found = readIndex(disk, segment, nextGroup, onBytes);
    if (found !== undefined) indexed.add(segment.sequence);
    return found;
  };
  const walk = walkLog(disk, all, { onBytes, indexOf });
  let step = walk.next();
  for (; step.done !== true; step = walk.next()) {
    const event = step.value;
    switch (event.type) {
      case "entry":
        indexEntry(index, event.key, event.place);
        if (event.key.kind === "note") positions.push(event.key);
        break;
      case "damage":
        // An older record of the same entry is as good, so nothing is forgotten here.
        damage.push(event.damage);
        break;
      case "torn":
        torn = event;
        break;
    }
  }
  const kept = torn === undefined ? all : all.filter(({ sequence }) => sequence <= (torn?.segment.sequence ?? 0));
  if (torn !== undefined) cut(disk, torn, all);
  removeLostIndexes(disk, folder, kept);
  const { number, height, last } = step.value;
  const newest = kept.at(-1);
  const end = torn?.offset ?? (last?.segment === newest ? last?.end : GROUPS_AT) ?? GROUPS_AT;
  // A process killed between write and sync leaves groups that only the page cache holds; what is read as written must be
  // durable. No flush is spread over more than two segments.
  for (const { path } of kept.slice(-2)) withFile(disk, path, "existing", (file) => disk.sync(file));
  const active = damage.length > 0 || newest === undefined ? undefined : reopen(disk, newest, end);
  return {
    index,
    segments: new Map(
      kept.flatMap(({ sequence, path, header }) =>
        header === undefined ? [] : [[sequence, { path, seed: header.seed, firstGroup: header.firstGroup }] as const],
      ),
    ),
    indexed,
    active,
    sequence: newest?.sequence ?? 0,
    number,
    height,
    damage,
    torn: torn === undefined ? undefined : { path: torn.segment.path, offset: torn.offset },
    positions,
  };
}

/** Cuts the torn end off, durably, before anything is written behind it: its groups must not come back to life. */
function cut(disk: Disk, torn: { segment: Segment; offset: number }, all: readonly Segment[]): void {
  for (const { sequence, path } of all.toReversed()) {
    if (sequence <= torn.segment.sequence) break;
    // A removal alone may be undone by a crash; a rename is durable.
    disk.rename(path, `${path}.new`);
    disk.remove(`${path}.new`);
  }
  withFile(disk, torn.segment.path, "existing", (file) => {
    disk.truncate(file, torn.offset);
    disk.sync(file);
  });
}

/** Indexes of segments that are gone: a crash came between the two. */
function removeLostIndexes(disk: Disk, folder: string, kept: readonly Segment[]): void {
  const paths = new Set(kept.map(({ path }) => indexPathOf(path)));
  for (const name of disk.list(folder)) {
    const path = `${folder}/${name}`;
    if (/^log-.*\.idx$/.test(name) && !paths.has(path)) disk.remove(path);
  }
}

function reopen(disk: Disk, { path, sequence, header }: Segment, end: number): GroupFile | undefined {
  if (header === undefined) return undefined;
  const file = disk.open(path, "existing");
  const direct = disk.openDirect(path);
  return {
    sequence,
    file,
    direct,
    seed: header.seed,
    end: align(end),
    reserved: Math.max(disk.size(file), align(end)),
  };
}

function readInPlaceOf(disk: Disk, path: string): string {
  const index = indexPathOf(path);
  return disk.exists(index) ? index : path;
}

const sizeOf = (disk: Disk, path: string): number => withFile(disk, path, "reading", disk.size);

function withFile<T>(disk: Disk, path: string, how: "reading" | "existing", work: (file: number) => T): T {
  const file = disk.open(path, how);
  try {
    return work(file);
  } finally {
    disk.close(file);
  }
}
