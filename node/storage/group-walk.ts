import type { Disk } from "./disk.ts";
import { align, GROUPS_AT } from "./group.ts";
import { type FoundGroup, scanGroups } from "./scan.ts";
import type { Segment } from "./segment.ts";
import type { SegmentIndex } from "./segment-index.ts";

/** What a walk through the files of a log meets, in the order of writing. */
export type WalkEvent =
  | { readonly type: "group"; readonly segment: Segment; readonly group: FoundGroup }
  /** These groups were durable once and cannot be read any more. */
  | {
      readonly type: "missing";
      readonly segment: Segment;
      readonly offset: number;
      readonly from: number;
      readonly to: number;
    }
  /** Neither copy of the file's header can be read: with the salt every group in it is lost. */
  | { readonly type: "no-header"; readonly segment: Segment }
  /** From here on nothing was ever acknowledged (rule 2): it was on its way when the process or the power went. The walk ends. */
  | { readonly type: "torn"; readonly segment: Segment; readonly offset: number };

/** Where a walk came to its end. */
export type WalkEnd = {
  /** The next group's number is above this one. */
  readonly number: number;
  /** Every group up to this one was durable, as later groups say. */
  readonly durable: number;
  /** Highest block that the groups speak of. */
  readonly height: number;
  /** End of the last group that counts; undefined: there is none. */
  readonly last: { readonly segment: Segment; readonly end: number } | undefined;
};

export type WalkOptions = {
  readonly onBytes?: (bytes: number) => void;
  /** The index of a segment whose groups end before this number: then the segment itself is not read. */
  readonly indexOf?: (segment: Segment, nextGroup: number) => SegmentIndex | undefined;
};

/**
 * Reads all files of a log. A group that is missing or wrong although a later one says that it was durable is damage; one
 * above every such number was never acknowledged, and the log ends before it. Nothing is left out without an event.
 */
export function* walkGroups(
  disk: Disk,
  segments: readonly Segment[],
  { onBytes = () => {}, indexOf = () => undefined }: WalkOptions = {},
): Generator<WalkEvent, WalkEnd> {
  const durable = newestDurable(disk, segments, indexOf);
  let expected: number | undefined;
  let number = 0;
  let height = 0;
  let last: WalkEnd["last"];
  const end = (): WalkEnd => ({ number: Math.max(number, durable), durable, height, last });
  for (const [index, segment] of segments.entries()) {
    if (segment.header === undefined) {
      yield { type: "no-header", segment };
      expected = undefined;
      continue;
    }
    expected ??= segment.header.firstGroup;
    const voidFrom = voidedBy(segments, index);
    let offset = GROUPS_AT;
    const groups = indexOf(segment, voidFrom) ?? groupsIn(disk, segment, { bodies: true, onBytes });
    for (const group of groups) {
      if (group.number >= voidFrom) break;
      // A group from before a refused write, where newer ones came to an end already.
      if (group.number < expected) continue;
      if (group.number > expected) {
        if (expected <= durable)
          yield { type: "missing", segment, offset, from: expected, to: Math.min(group.number - 1, durable) };
        if (group.number - 1 > durable) {
          yield { type: "torn", segment, offset };
          return end();
        }
      }
      if (group.number > durable && group.records.some(({ intact }) => !intact)) {
        yield { type: "torn", segment, offset: group.position };
        return end();
      }
      yield { type: "group", segment, group };
      number = group.number;
      expected = number + 1;
      height = Math.max(height, group.height);
      offset = align(group.end);
      last = { segment, end: offset };
    }
    if (!Number.isFinite(voidFrom) || expected >= voidFrom) continue;
    if (expected > durable) {
      yield { type: "torn", segment, offset };
      return end();
    }
    yield { type: "missing", segment, offset, from: expected, to: voidFrom - 1 };
    expected = voidFrom;
  }
  return end();
}

/** The newest number that is named as durable: by the newest group that counts, the header of a file, or an index. */
function newestDurable(disk: Disk, segments: readonly Segment[], indexOf: NonNullable<WalkOptions["indexOf"]>): number {
  let durable = 0;
  let groups = 0;
  for (const [index, segment] of [...segments.entries()].toReversed()) {
    const voidFrom = voidedBy(segments, index);
    durable = Math.max(durable, segment.header?.durable ?? 0);
    // Made when all of it was durable, and so was everything before.
    if (indexOf(segment, voidFrom) !== undefined) return Math.max(durable, voidFrom - 1);
    if (groups > 0) continue;
    for (const group of groupsIn(disk, segment, { bodies: false })) {
      if (group.number >= voidFrom) break;
      durable = Math.max(durable, group.durable);
      groups += 1;
    }
  }
  return durable;
}

/** Number from which a segment's groups are void: a later segment begins with it, as the writes before were refused. */
function voidedBy(segments: readonly Segment[], index: number): number {
  for (const { header } of segments.slice(index + 1)) if (header !== undefined) return header.firstGroup;
  return Number.POSITIVE_INFINITY;
}

function* groupsIn(
  disk: Disk,
  { path, header }: Segment,
  how: Parameters<typeof scanGroups>[3],
): Generator<FoundGroup> {
  if (header === undefined) return;
  const file = disk.open(path, "reading");
  try {
    yield* scanGroups(disk, file, header, how);
  } finally {
    disk.close(file);
  }
}
