import { dirname } from "node:path";
import type { Disk } from "./disk.ts";
import type { DiskExecutor } from "./disk-executor.ts";
import type { DiskOp } from "./disk-job.ts";
import { align, GROUPS_AT, newFileHeader, parseFileHeader } from "./group.ts";
import { walkGroups } from "./group-walk.ts";
import { appendGroup, type GroupFile, groupsOf } from "./group-writer.ts";
import { FREE_MIN_BYTES } from "./storage-port.ts";

/**
 * What a node writes down of its memory mesh: one file of groups, appended to, and replaced as a whole when more of it is
 * outdated than not. No consensus state: what a crash cuts off, or a full disk refuses, comes back from the replicas.
 */
export type MeshLog = {
  /** What was found, in order of writing. */
  readonly records: readonly Uint8Array[];
  /** What opening cut off or put aside, for the log. */
  readonly findings: readonly string[];
  /** Writes behind what is there. */
  append(records: readonly Uint8Array[]): void;
  /** These take the place of everything. */
  replace(records: readonly Uint8Array[]): void;
  bytes(): number;
  /** Why the last write failed: what was appended since the last whole file is in doubt until a `replace` went through. */
  failure(): string | undefined;
  close(): Promise<void>;
};

const NO_KEY = new Uint8Array();
/** The ledger's log has the last bytes of a disk to itself. */
const RESERVE_BYTES = 4 * FREE_MIN_BYTES;

/**
 * Opens the file, or makes it. Throws what the disk throws. The executor is made for the first write: many nodes never have
 * one. `reserveBytes` stay free on the disk.
 */
export function openMeshLog(
  disk: Disk,
  path: string,
  newExecutor: () => DiskExecutor,
  { reserveBytes = RESERVE_BYTES }: { readonly reserveBytes?: number } = {},
): MeshLog {
  const findings: string[] = [];
  let to = disk.exists(path) ? undefined : create(disk, path);
  const records: Uint8Array[] = [];
  let number = 0;
  if (to === undefined) {
    const found = readAll(disk, path);
    if (found === undefined) {
      findings.push(`${path}: its header cannot be read; kept as ${path}.damaged`);
      disk.rename(path, `${path}.damaged`);
      to = create(disk, path);
    } else {
      to = found.to;
      number = found.number;
      records.push(...found.records);
      if (found.cutAt !== undefined) findings.push(`${path}: cut at byte ${found.cutAt}`);
    }
  }
  let current: GroupFile = to;
  let failure: string | undefined;
  let made: DiskExecutor | undefined;
  const executor = (): DiskExecutor => {
    made ??= newExecutor();
    return made;
  };
  const run = (ops: readonly DiskOp[]): void =>
    executor().run(
      { kind: "aside", ops: [{ type: "require-space", folder: dirname(path), bytes: reserveBytes }, ...ops] },
      (answer) => {
        if (answer !== undefined) failure = answer;
      },
    );
  const write = (file: GroupFile, all: readonly Uint8Array[]): readonly DiskOp[] => [
    ...groupsOf(all.map((body) => ({ key: NO_KEY, body }))).map((group) => {
      number += 1;
      return appendGroup(file, { number, durable: 0, height: 0 }, group).op;
    }),
    { type: "sync", file: file.file },
  ];
  return {
    records,
    findings,
    append: (all) => {
      // A group behind a hole would be cut off with it: the next whole file has it.
      if (all.length > 0 && failure === undefined) run(write(current, all));
    },
    replace: (all) => {
      const old = current;
      const temporary = `${path}.new`;
      const { header, bytes } = headerOf(number + 1);
      current = { sequence: 1, file: disk.open(temporary, "create"), seed: header.seed, end: GROUPS_AT, reserved: 0 };
      const head: DiskOp = { type: "write", file: current.file, position: 0, bytes: new Uint8Array(bytes) };
      failure = undefined;
      run([head, ...write(current, all), { type: "rename", from: temporary, to: path }]);
      executor().run({ kind: "aside", ops: [] }, () => disk.close(old.file));
    },
    bytes: () => current.end,
    failure: () => failure,
    close: async () => {
      await made?.close();
      disk.close(current.file);
    },
  };
}

const headerOf = (firstGroup: number) =>
  newFileHeader({ kind: "mesh", amnesia: false, sequence: 1, firstGroup, durable: 0 });

function create(disk: Disk, path: string): GroupFile {
  const { header, bytes } = headerOf(1);
  const file = disk.open(`${path}.new`, "create");
  disk.write(file, 0, bytes);
  disk.sync(file);
  disk.rename(`${path}.new`, path);
  return { sequence: 1, file, seed: header.seed, end: GROUPS_AT, reserved: GROUPS_AT };
}

/** All that can be read up to the first group that cannot; the rest is cut off. Undefined: it is no log of the mesh. */
function readAll(disk: Disk, path: string) {
  const file = disk.open(path, "existing");
  const header = parseFileHeader(disk.read(file, 0, GROUPS_AT));
  if (header?.kind !== "mesh") {
    disk.close(file);
    return undefined;
  }
  const records: Uint8Array[] = [];
  let [end, number] = [GROUPS_AT, header.firstGroup - 1];
  for (const event of walkGroups(disk, [{ sequence: 1, path, header }])) {
    if (event.type !== "group") break;
    const { group } = event;
    for (const { place } of group.records) records.push(disk.read(file, place.offset, place.length));
    [end, number] = [align(group.end), group.number];
  }
  // What stands behind the last whole group was never finished, or is damaged.
  const cutAt = disk.size(file) > end ? end : undefined;
  if (cutAt !== undefined) disk.truncate(file, cutAt);
  const to: GroupFile = { sequence: 1, file, seed: header.seed, end, reserved: 0 };
  return { to, records, number, cutAt };
}
