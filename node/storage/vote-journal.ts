import { join } from "node:path";
import { present } from "../base/assert.ts";
import { accept, type Result, refuse } from "../base/result.ts";
import type { Disk } from "./disk.ts";
import type { DiskOp } from "./disk-job.ts";
import { bodyIntact, GROUPS_AT, type GroupRecord, newFileHeader, parseFileHeader } from "./group.ts";
import { walkGroups } from "./group-walk.ts";
import { appendGroup, type GroupFile, groupsOf, reserveAhead } from "./group-writer.ts";
import { describeDamage, missingGroups } from "./log-walk.ts";
import type { Place } from "./places.ts";

/**
 * Own votes, apart from the log (rule 3), in one file. Records are staged, taken as writes of a disk job, and settled.
 * Each group names the highest block that was durable before it: the votes that those blocks make needless may be gone
 * from here, so a journal is only whole beside a log that still reaches that height.
 */
export type VoteJournal = {
  /** Records were lost before this file was made. */
  readonly amnesia: boolean;
  /** The height that the log has to reach for this journal to be whole. */
  restsOn(): number;
  /** What is durable, in order. */
  records(): readonly Uint8Array[];
  stage(record: Uint8Array): void;
  /** The records take the place of everything before, atomically. */
  stageReplacement(records: readonly Uint8Array[]): void;
  isStaged(): boolean;
  /**
   * Ops that make everything staged durable. Block `durable` is durable already, `written` before these ops are: a
   * replacement waits for it. Throws what the disk throws.
   */
  take(heights: { readonly durable: number; readonly written: number }): readonly DiskOp[];
  settle(): void;
  refuse(): void;
  fail(): void;
  /** Ops that write the durable records anew, once the disk takes writes again: what a refused write left behind must not come back. */
  rewrite(): readonly DiskOp[];
  reserve(): readonly DiskOp[];
  /** Ops that tell a later opening that everything was durable, so that decay of the newest records is not taken for a torn write. */
  seal(): readonly DiskOp[];
  close(): void;
};

const SIZE_MAX = 0xffff_ffff;
const RESERVED_BYTES = 128 * 1024;
const NO_KEY = new Uint8Array();

/** One file of the journal; a replacement makes a new one. */
type Content = {
  readonly to: GroupFile;
  readonly places: Place[];
  /** Of the newest group. */
  number: number;
  durable: number;
  restsOn: number;
};

type Job = {
  readonly content: Content;
  readonly places: readonly Place[];
  readonly number: number;
  readonly height: number;
};

type Group = readonly GroupRecord[];
const keyless = (body: Uint8Array): GroupRecord => ({ key: NO_KEY, body });

const fileFacts = (amnesia: boolean, durable: number) =>
  ({ kind: "votes", amnesia, sequence: 1, firstGroup: 1, durable }) as const;

/** Makes an empty journal, durable under its name when this returns. */
export function createVotes(disk: Disk, path: string, amnesia: boolean): void {
  const file = disk.open(`${path}.new`, "create");
  try {
    disk.write(file, 0, newFileHeader(fileFacts(amnesia, 0)).bytes);
    disk.sync(file);
    disk.rename(`${path}.new`, path);
  } finally {
    disk.close(file);
  }
}

/** Removes what a crash left of replacements that never got their name. */
export function removeUnfinishedVotes(disk: Disk, folder: string): void {
  for (const name of disk.list(folder)) if (/^votes\.log\..*new$/.test(name)) disk.remove(join(folder, name));
}

export type OpenedVotes = { readonly journal: VoteJournal; readonly tornAt: number | undefined };

/**
 * Opens a journal that exists: cuts a torn end, refuses damage before it with its offset. `closeFile` closes a file
 * once nothing that was handed over can still write to it.
 */
export function openVotes(disk: Disk, path: string, closeFile: (file: number) => void): Result<OpenedVotes, "damaged"> {
  const file = disk.open(path, "existing");
  const damaged = (offset: number, what: string): Result<OpenedVotes, "damaged"> => {
    disk.close(file);
    return refuse("damaged", describeDamage({ path, offset, what }));
  };
  const header = parseFileHeader(disk.read(file, 0, GROUPS_AT));
  if (header?.kind !== "votes") return damaged(0, "both copies of its header are wrong");
  const places: Place[] = [];
  let tornAt: number | undefined;
  const walk = walkGroups(disk, [{ sequence: 1, path, header }]);
  let step = walk.next();
  for (; step.done !== true; step = walk.next()) {
    const event = step.value;
    if (event.type === "torn") tornAt = event.offset;
    if (event.type === "missing") return damaged(event.offset, missingGroups(event));
    if (event.type !== "group") continue;
    for (const { place, intact } of event.group.records) {
      if (!intact) return damaged(place.offset, "a record is wrong");
      places.push({ segment: 1, ...place });
    }
  }
  const { number, height, last } = step.value;
  try {
    if (tornAt !== undefined) disk.truncate(file, tornAt);
    // A process killed between write and sync leaves records that only the page cache holds.
    disk.sync(file);
  } catch (cause) {
    disk.close(file);
    throw cause;
  }
  const end = tornAt ?? last?.end ?? GROUPS_AT;
  const to: GroupFile = { sequence: 1, file, seed: header.seed, end, reserved: Math.max(end, disk.size(file)) };
  const content: Content = { to, places, number, durable: number, restsOn: height };
  return accept({ journal: journalOver({ disk, path, closeFile }, header.amnesia, content), tornAt });
}

function journalOver(
  { disk, path, closeFile }: { readonly disk: Disk; readonly path: string; readonly closeFile: (file: number) => void },
  amnesia: boolean,
  opened: Content,
): VoteJournal {
  /** The file that is durable under its name, and the one that writes go to. */
  let durable = opened;
  let current = opened;
  let staged: Uint8Array[] = [];
  let replaces = false;
  let replacements = 0;
  const jobs: Job[] = [];

  /** A new file; all of its first groups are durable before it gets its name. */
  const newContent = (groups: number): { content: Content; temporary: string; ops: readonly DiskOp[] } => {
    // Several replacements may be on their way: each under a name of its own until it is its turn.
    replacements += 1;
    const temporary = `${path}.${replacements}.new`;
    const file = disk.open(temporary, "create");
    const { header, bytes } = newFileHeader(fileFacts(amnesia, groups));
    const to: GroupFile = { sequence: 1, file, seed: header.seed, end: GROUPS_AT, reserved: GROUPS_AT };
    const content: Content = { to, places: [], number: 0, durable: 0, restsOn: current.restsOn };
    return { content, temporary, ops: [{ type: "write", file, position: 0, bytes: new Uint8Array(bytes) }] };
  };
  const write = (content: Content, groups: readonly Group[], height: number): readonly DiskOp[] => {
    const restsOn = Math.max(content.restsOn, height);
    const places: Place[] = [];
    const ops = groups.map((group) => {
      content.number += 1;
      const facts = { number: content.number, durable: content.durable, height: restsOn };
      const { op, written } = appendGroup(content.to, facts, group);
      places.push(...written.map(({ place }) => place));
      return op;
    });
    content.restsOn = restsOn;
    jobs.push({ content, places, number: content.number, height: restsOn });
    return [...ops, { type: "sync", file: content.to.file }];
  };
  const replace = (records: readonly Uint8Array[], height: number): readonly DiskOp[] => {
    const groups = groupsOf(records.map(keyless));
    const { content, temporary, ops } = newContent(groups.length);
    const written = write(content, groups, height);
    current = content;
    return [...ops, ...written, { type: "rename", from: temporary, to: path }];
  };
  const records = (): readonly Uint8Array[] =>
    durable.places.map((place) => {
      const body = disk.read(durable.to.file, place.offset, place.length);
      if (bodyIntact(durable.to.seed, place, body)) return body;
      throw new Error(describeDamage({ path, offset: place.offset, what: "a record is wrong" }));
    });

  return {
    amnesia,
    restsOn: () => durable.restsOn,
    records,
    stage: (record) => void staged.push(record),
    stageReplacement: (all) => {
      staged = [...all];
      replaces = true;
    },
    isStaged: () => replaces || staged.length > 0,
    take: ({ durable: height, written }) => {
      const taken = staged;
      const fresh = replaces;
      staged = [];
      replaces = false;
      return fresh ? replace(taken, written) : write(current, groupsOf(taken.map(keyless)), height);
    },
    settle: () => {
      const { content, places, number, height } = present(jobs.shift(), "a job was taken");
      if (content !== durable) {
        closeFile(durable.to.file);
        durable = content;
      }
      for (const place of places) content.places.push(place);
      content.durable = number;
      content.restsOn = height;
    },
    refuse: () => {
      const { content } = present(jobs.shift(), "a job was taken");
      if (content === durable || jobs.some((job) => job.content === content)) return;
      closeFile(content.to.file);
    },
    fail: () => {
      staged = [];
      replaces = false;
    },
    rewrite: () => {
      current = durable;
      return replace(records(), durable.restsOn);
    },
    reserve: () => reserveAhead(current.to, { bytes: RESERVED_BYTES, sizeMax: SIZE_MAX, flushed: 0 }),
    seal: () => (current.number === current.durable && current.number > 0 ? write(current, [[]], current.restsOn) : []),
    close: () => disk.close(durable.to.file),
  };
}
