import { join } from "node:path";
import type { Disk } from "./disk.ts";
import { placesOf, snapshotHeights } from "./snapshot-files.ts";

export type SnapshotPart = { readonly height: number; readonly bytes: Uint8Array; readonly last: boolean };

/** Hands out parts of whole snapshots, for nodes that are far behind. The file is read through once, when its first part is asked for. */
export type SnapshotParts = {
  read(height: number, part: number): SnapshotPart | undefined;
  /** The file that was read through may be another one now. */
  forget(): void;
};

export function snapshotParts(disk: Disk, folder: string): SnapshotParts {
  let known: ReturnType<typeof placesOf>;
  const read = (height: number, part: number): SnapshotPart | undefined => {
    const heights = snapshotHeights(disk, folder);
    const wanted = height === 0 ? heights[0] : heights.find((one) => one === height);
    if (wanted === undefined) return undefined;
    if (known?.height !== wanted) known = placesOf(disk, folder, wanted);
    const place = known?.places[part];
    if (known === undefined || place === undefined) return undefined;
    const file = disk.open(join(folder, known.name), "reading");
    try {
      const bytes = disk.read(file, place.offset, place.length);
      return { height: wanted, bytes, last: part === known.places.length - 1 };
    } finally {
      disk.close(file);
    }
  };
  const forget = (): void => {
    known = undefined;
  };
  return { read, forget };
}
