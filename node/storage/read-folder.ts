import type { Disk } from "./disk.ts";
import type { EntryKey } from "./entry-key.ts";
import type { Damage } from "./log-walk.ts";
import { describeDamage, walkLog } from "./log-walk.ts";
import { listSegments } from "./segment.ts";
import { readThrough, type Snapshot, snapshotHeights } from "./snapshot-files.ts";

/** One entry of the log as it stands on disk. */
export type FoundEntry = {
  readonly type: "entry";
  readonly key: EntryKey;
  readonly path: string;
  /** First byte of the body. */
  readonly offset: number;
  readonly bytes: Uint8Array;
};

export type FolderReading = {
  /** Every entry in the order of writing, and between them what is damaged. What a crash tore off is left out: nobody was told of it. */
  readonly entries: Iterable<FoundEntry | { readonly type: "damage"; readonly damage: Damage; readonly text: string }>;
  /** Newest first; each whole, or with what is wrong in its file. */
  readonly snapshots: readonly (Snapshot | { readonly damage: Damage })[];
};

/**
 * Opens a data folder to look at it: takes no lock, changes nothing, and may look at a running node's folder. It then
 * ends where the node's last write had come to.
 */
export function openForReading(disk: Disk, folder: string): FolderReading {
  return {
    entries: { [Symbol.iterator]: () => entriesOf(disk, folder) },
    snapshots: snapshotHeights(disk, folder).map((height) => readThrough(disk, folder, height)),
  };
}

function* entriesOf(disk: Disk, folder: string): ReturnType<FolderReading["entries"][typeof Symbol.iterator]> {
  const segments = listSegments(disk, folder);
  const paths = new Map(segments.map(({ sequence, path }) => [sequence, path]));
  let open: { readonly path: string; readonly file: number } | undefined;
  try {
    for (const event of walkLog(disk, segments)) {
      if (event.type === "damage") yield { ...event, text: describeDamage(event.damage) };
      if (event.type !== "entry") continue;
      const { segment, offset, length } = event.place;
      const path = paths.get(segment) ?? "";
      if (open?.path !== path) {
        if (open !== undefined) disk.close(open.file);
        open = { path, file: disk.open(path, "reading") };
      }
      yield { type: "entry", key: event.key, path, offset, bytes: disk.read(open.file, offset, length) };
    }
  } finally {
    if (open !== undefined) disk.close(open.file);
  }
}
