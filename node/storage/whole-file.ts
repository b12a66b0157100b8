import type { Disk } from "./disk.ts";

/** A small file as a whole, on the device when this returns: after a crash the old one is there, or the new one. */
export function writeWhole(disk: Disk, path: string, bytes: Uint8Array): void {
  const temporary = `${path}.new`;
  const file = disk.open(temporary, "create");
  try {
    disk.write(file, 0, bytes);
    disk.sync(file);
  } finally {
    disk.close(file);
  }
  disk.rename(temporary, path);
}
