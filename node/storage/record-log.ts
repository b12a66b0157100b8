import { assert } from "../base/assert.ts";
import { accept, type Result, refuse } from "../base/result.ts";
import type { Disk } from "./disk.ts";
import {
  encodeGroup,
  FILE_HEADER_BYTES,
  type FileHeader,
  newFileHeader,
  parseFileHeader,
  RECORD_HEADER_BYTES,
  recordIntact,
} from "./log-format.ts";
import { type Place, scanLog } from "./log-scan.ts";

/** An append-only file of records. Calls throw what the disk throws; after that nothing may be appended before `rewind`. */
export type RecordLog = {
  readonly path: string;
  /** Records were lost before this file was made. */
  readonly amnesia: boolean;
  /** Bytes of an incomplete last group that opening cut off. */
  readonly cutBytes: number;
  count(): number;
  /** The record of this index (from 0), or undefined beyond the end. Throws if it is no longer what was written. */
  read(index: number): Uint8Array | undefined;
  /** One group; not durable before `sync`. */
  append(records: readonly Uint8Array[]): void;
  sync(): void;
  /** Forgets what no `sync` made durable: it is no longer read. The file is put right by `rewind`. */
  forget(): void;
  /** Brings the file back to what the last successful `sync` made durable. */
  rewind(): void;
  close(): void;
};

/** Makes a log with these records, durable under its name when this returns; a log of that name is replaced atomically. */
export function createLog(
  disk: Disk,
  path: string,
  { amnesia, records }: { amnesia: boolean; records: readonly Uint8Array[] },
): RecordLog {
  const { header, bytes } = newFileHeader(amnesia);
  const temporary = `${path}.new`;
  const file = disk.open(temporary, "create");
  try {
    disk.write(file, 0, bytes);
    const log = logOver(disk, path, file, header, { places: [], end: FILE_HEADER_BYTES, cutBytes: 0 });
    if (records.length > 0) log.append(records);
    log.sync();
    disk.rename(temporary, path);
    return log;
  } catch (cause) {
    disk.close(file);
    throw cause;
  }
}

/** Opens a log that exists: cuts an incomplete last group, refuses damage before it with its offset. */
export function openLog(disk: Disk, path: string): Result<RecordLog, "damaged"> {
  const file = disk.open(path, "existing");
  try {
    const header = parseFileHeader(disk.read(file, 0, FILE_HEADER_BYTES));
    if (header === undefined) return closed(disk, file, path, 0);
    const scan = scanLog(disk, file, FILE_HEADER_BYTES, header);
    if (scan.type === "damaged") return closed(disk, file, path, scan.offset);
    const cutBytes = disk.size(file) - scan.end;
    if (cutBytes > 0) disk.truncate(file, scan.end);
    const log = logOver(disk, path, file, header, { places: scan.places, end: scan.end, cutBytes });
    // A process killed between write and sync leaves records that only the page cache holds; what is read as written must be durable.
    log.sync();
    return accept(log);
  } catch (cause) {
    disk.close(file);
    throw cause;
  }
}

function closed(disk: Disk, file: number, path: string, offset: number): Result<RecordLog, "damaged"> {
  disk.close(file);
  return refuse("damaged", `${path} is damaged at byte ${offset}: it is not what was written there`);
}

function logOver(
  disk: Disk,
  path: string,
  file: number,
  header: FileHeader,
  from: { places: Place[]; end: number; cutBytes: number },
): RecordLog {
  const { places } = from;
  let end = from.end;
  let durable = { end, count: places.length };
  const forget = (): void => {
    end = durable.end;
    places.length = durable.count;
  };
  return {
    path,
    amnesia: header.amnesia,
    cutBytes: from.cutBytes,
    count: () => places.length,
    read: (index) => {
      const place = places[index];
      if (place === undefined) return undefined;
      const bytes = disk.read(file, place.position - RECORD_HEADER_BYTES, RECORD_HEADER_BYTES + place.length);
      const payload = bytes.subarray(RECORD_HEADER_BYTES);
      const intact =
        payload.length === place.length && recordIntact(header.seed, bytes.subarray(0, RECORD_HEADER_BYTES), payload);
      if (!intact) throw new Error(`${path} is damaged at byte ${place.position}: it is not what was written there`);
      return payload;
    },
    append: (records) => {
      assert(records.length > 0, "a group has records");
      const group = encodeGroup(header.seed, end, records);
      disk.write(file, end, group);
      let position = end + group.length - records.reduce((sum, record) => sum + record.length + RECORD_HEADER_BYTES, 0);
      for (const { length } of records) {
        places.push({ position: position + RECORD_HEADER_BYTES, length });
        position += RECORD_HEADER_BYTES + length;
      }
      end += group.length;
    },
    sync: () => {
      disk.sync(file);
      durable = { end, count: places.length };
    },
    forget,
    rewind: () => {
      // After a failed sync the page cache may hold what the device does not (Rebello et al., "Can Applications Recover
      // from fsync Failures?", ATC 2020): such bytes must not be read back as if they were durable.
      disk.truncate(file, durable.end);
      disk.sync(file);
      forget();
    },
    close: () => disk.close(file),
  };
}
