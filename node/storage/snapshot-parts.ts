import { join } from "node:path";
import type { Disk } from "./disk.ts";
import { placesOf, snapshotHeights } from "./snapshot-files.ts";

export type SnapshotPart = { readonly height: number; readonly bytes: Uint8Array; readonly last: boolean };

/** Hands out parts of whole snapshots, for nodes that are far behind. The file is read through once, when its first part is asked for. */
export type SnapshotParts = {
  read(height: number, part: number): SnapshotPart | undefined;
  /** The file of this height may be another one now. */
  forget(height: number): void;
};

export function snapshotParts(disk: Disk, folder: string): SnapshotParts {
  /** By height: finding them reads the whole file, which a peer that asks for one and the other must not make happen twice. */
  const known = new Map<number, ReturnType<typeof placesOf>>();
  const read = (height: number, part: number): SnapshotPart | undefined => {
    const heights = snapshotHeights(disk, folder);
    const wanted = height === 0 ? heights[0] : heights.find((one) => one === height);
    if (wanted === undefined) return undefined;
    for (const old of known.keys()) if (!heights.includes(old)) known.delete(old);
    if (!known.has(wanted)) known.set(wanted, placesOf(disk, folder, wanted));
    const found = known.get(wanted);
    const place = found?.places[part];
    if (found === undefined || place === undefined) return undefined;
    const file = disk.open(join(folder, found.name), "reading");
    try {
      const bytes = disk.read(file, place.offset, place.length);
      return { height: wanted, bytes, last: part === found.places.length - 1 };
    } finally {
      disk.close(file);
    }
  };
  const forget = (height: number): void => void known.delete(height);
  return { read, forget };
}
