import type { Disk } from "./disk.ts";
import {
  ALIGNMENT,
  align,
  bodyIntact,
  type FileHeader,
  type FoundRecord,
  GROUP_HEADER_BYTES,
  GROUPS_AT,
  type GroupFacts,
  type GroupHeader,
  groupLength,
  parseGroupHeader,
  parseHeads,
} from "./group.ts";

/** A group that is there. A record's `intact` says whether its body is what was written; its key always is. */
export type FoundGroup = GroupFacts & {
  readonly position: number;
  readonly end: number;
  /** Header and heads as they stand in the file; good until the next group is asked for. */
  readonly head: Uint8Array;
  readonly records: readonly (FoundRecord & { readonly intact: boolean })[];
};

/**
 * Every group of a file that can still be read, in order of position. What stands between two of them is unreadable; the
 * numbers of the groups tell whether something is missing there, which is not decided here.
 * Without `bodies` they are passed over, and taken for intact.
 */
export function* scanGroups(
  disk: Disk,
  file: number,
  { seed }: Pick<FileHeader, "seed">,
  { bodies, onBytes = () => {} }: { readonly bodies: boolean; readonly onBytes?: (bytes: number) => void },
): Generator<FoundGroup> {
  const size = disk.size(file);
  const read = windowed(disk, file, size, onBytes, bodies ? WINDOW_BYTES : SMALL_WINDOW_BYTES);
  for (let position = GROUPS_AT; position + GROUP_HEADER_BYTES <= size; ) {
    const found = groupAt(read, position, { size, seed, bodies });
    if (found === undefined) {
      position += ALIGNMENT;
      continue;
    }
    yield found;
    position = align(found.end);
  }
}

function groupAt(
  read: Read,
  position: number,
  { size, seed, bodies }: { readonly size: number; readonly seed: number; readonly bodies: boolean },
): FoundGroup | undefined {
  const header: GroupHeader | undefined = parseGroupHeader(seed, position, read(position, GROUP_HEADER_BYTES));
  if (header === undefined) return undefined;
  const end = position + groupLength(header);
  if (position + GROUP_HEADER_BYTES + header.headsLength > size) return undefined;
  const head = read(position, GROUP_HEADER_BYTES + header.headsLength);
  const heads = parseHeads(seed, position, header, head.subarray(GROUP_HEADER_BYTES));
  if (heads === undefined) return undefined;
  const records = heads.map((record) => ({
    ...record,
    intact: !bodies || bodyIntact(seed, record.place, read(record.place.offset, record.place.length)),
  }));
  const { number, durable, height } = header;
  return { number, durable, height, position, end, head, records };
}

type Read = (position: number, length: number) => Uint8Array;
const WINDOW_BYTES = 1024 * 1024;
const SMALL_WINDOW_BYTES = 64 * 1024;

/** Reads through a window, so that a log of many small records does not cost a system call for each. */
function windowed(disk: Disk, file: number, size: number, onBytes: (bytes: number) => void, bytesMin: number): Read {
  let start = 0;
  let window: Uint8Array = new Uint8Array(0);
  return (position, length) => {
    if (position < start || position + length > start + window.length) {
      const wanted = Math.min(Math.max(length, bytesMin), Math.max(0, size - position));
      window = disk.read(file, position, wanted);
      onBytes(window.length);
      start = position;
    }
    return window.subarray(position - start, position - start + length);
  };
}
