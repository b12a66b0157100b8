import { assert, present } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import { type Disk, readIfReadable } from "./disk.ts";
import type { DiskOp } from "./disk-job.ts";
import { type EntryKey, encodeKey } from "./entry-key.ts";
import { bodyIntact, GROUPS_AT, newFileHeader } from "./group.ts";
import {
  appendGroup,
  boundOf,
  type GroupFile,
  groupsOf,
  numbersOf,
  RESERVE_BYTES,
  reserveAhead,
  type Written,
} from "./group-writer.ts";
import { keptHeads } from "./kept-heads.ts";
import { forgetEntry, indexEntry, isHeld, type LogIndex } from "./log-index.ts";
import { type Damage, nameOf } from "./log-walk.ts";
import type { OpenedLog } from "./open-log.ts";
import type { Place } from "./places.ts";
import { type OpenFiles, type Spare, segmentPath, sparePath } from "./segment.ts";

/**
 * The log of entries in segments. An entry is staged, then taken with all that was staged since, as the writes of one
 * disk job, and settled when that job is done. What is staged or on its way can be read already.
 */
export type EntryLog = {
  /** Takes an entry unless it is held already. `again` writes it whatever is held: to move it out of an old segment. */
  stage(key: EntryKey, body: Uint8Array, again?: "again"): void;
  isStaged(): boolean;
  /** Ops that make everything staged durable; empty if nothing is. Throws what the disk throws where a file is opened. */
  take(): readonly DiskOp[];
  /** The oldest job taken is durable. */
  settle(): void;
  /** The oldest job taken was refused. */
  refuse(): void;
  /** A refused write: forgets what is not durable, for readers at once. Nothing is taken before `resume`. */
  fail(): void;
  /** Ops that begin a new segment, so that nothing of what was refused comes back. Throws what the disk throws. */
  resume(): readonly DiskOp[];
  /** Ops that reserve room ahead. */
  reserve(): readonly DiskOp[];
  /** Ops that tell a later opening that everything was durable, so that decay of the newest entries is not taken for a torn write. */
  seal(): readonly DiskOp[];
  /** Highest block that is durable, and that is at least on its way. */
  heights(): { readonly durable: number; readonly written: number };
  readBlock(height: number): Uint8Array | undefined;
  readNote(height: number): Uint8Array | undefined;
  readCar(digest: Hex): Uint8Array | undefined;
  /** What stands at a place, if it still is what was written. */
  readPlace(key: EntryKey, place: Place): Uint8Array | undefined;
  /** The entry is found not to be what was written: it is not held any more. */
  lose(key: EntryKey, place: Place): void;
  readonly index: LogIndex;
  readonly segments: OpenedLog["segments"];
  /** Segments from this one on are written to, or have entries that are not durable yet. */
  busyFrom(): number;
  isPending(key: EntryKey): boolean;
  /** See `KeptHeads.take`. */
  takeHeads(sequence: number): readonly Uint8Array[] | undefined;
  close(): void;
};

type Staged = { readonly entry: EntryKey; readonly key: Uint8Array; readonly body: Uint8Array };
type Job = { readonly written: readonly Written<Staged>[]; readonly number: number };

export type EntryLogOptions = {
  readonly disk: Disk;
  readonly folder: string;
  readonly segmentBytes: number;
  readonly files: OpenFiles;
  readonly spare: Spare;
  /** Closes a file once nothing that was handed over can still write to it: its number may be another file's by then. */
  readonly closeFile: (file: number) => void;
  /** Something that was durable is found to be wrong while it is read. */
  readonly onDamage: (damage: Damage) => void;
};

export function entryLog(options: EntryLogOptions, opened: OpenedLog): EntryLog {
  const { disk, folder, segmentBytes, files } = options;
  const { index, segments } = opened;
  let { active, sequence } = opened;
  let { number } = opened;
  /** Highest block written. */
  let { height } = opened;
  let durable = { number, height };
  let staged: Staged[] = [];
  /** Bytes of the last job taken. */
  let flushed = 0;
  const jobs: Job[] = [];
  /** Bodies that are staged or on their way, by what they are asked for. */
  const pending = new Map<string, { readonly entry: EntryKey; readonly body: Uint8Array }>();

  const heads = keptHeads();

  const openSegment = (): { file: GroupFile; ops: readonly DiskOp[] } => {
    sequence += 1;
    heads.begin(sequence);
    const path = segmentPath(folder, sequence);
    const recycled = options.spare.state === "ready";
    if (recycled) options.spare.state = "none";
    const from = recycled ? sparePath(folder) : `${path}.new`;
    const file = disk.open(from, recycled ? "existing" : "create");
    const { header, bytes } = newFileHeader({
      kind: "log",
      amnesia: false,
      sequence,
      firstGroup: number + 1,
      durable: durable.number,
    });
    segments.set(sequence, { path, seed: header.seed, firstGroup: header.firstGroup });
    const to: GroupFile = {
      ...{ sequence, file, direct: disk.openDirect(from) },
      seed: header.seed,
      end: GROUPS_AT,
      reserved: recycled ? disk.size(file) : GROUPS_AT,
    };
    return {
      file: to,
      ops: [
        { type: "write", file, position: 0, bytes: new Uint8Array(bytes) },
        { type: "sync", file },
        { type: "rename", from, to: path },
      ],
    };
  };

  const take = (): readonly DiskOp[] => {
    if (staged.length === 0) return [];
    const ops: DiskOp[] = [];
    const written: Written<Staged>[] = [];
    for (const records of groupsOf(staged)) {
      if (active !== undefined && active.end > GROUPS_AT && active.end + boundOf(records) > segmentBytes) {
        retired.push(...numbersOf(active));
        active = undefined;
      }
      if (active === undefined) {
        const next = openSegment();
        active = next.file;
        ops.push(...next.ops);
      }
      number += 1;
      for (const { entry } of records) if (entry.kind === "block") height = Math.max(height, entry.height);
      const position = active.end;
      const group = appendGroup(active, { number, durable: durable.number, height }, records);
      heads.add(active.sequence, { position, head: group.head });
      ops.push(group.op, { type: "sync", file: active.file });
      written.push(...group.written);
    }
    jobs.push({ written, number });
    flushed = boundOf(staged);
    staged = [];
    return ops;
  };
  /** Segments that are full: their files are closed when nothing is on its way any more. */
  const retired: number[] = [];
  const closeRetired = (): void => {
    if (jobs.length === 0) for (const file of retired.splice(0)) options.closeFile(file);
  };

  const unpend = ({ item: { entry, body } }: Written<Staged>): void => {
    const name = pendingName(entry);
    if (pending.get(name)?.body === body) pending.delete(name);
  };
  const readPlace = (key: EntryKey, place: Place): Uint8Array | undefined => {
    const segment = present(segments.get(place.segment), "an indexed entry stands in a segment");
    const own = active?.sequence === place.segment ? active.file : files.get(segment.path);
    const body = readIfReadable(disk, own, place.offset, place.length);
    if (bodyIntact(segment.seed, place, body)) return body;
    lose(key, place);
    return undefined;
  };
  const lose = (key: EntryKey, { segment, offset }: Place): void => {
    forgetEntry(index, key);
    const { path } = present(segments.get(segment), "an indexed entry stands in a segment");
    options.onDamage({ path, offset, what: nameOf(key), key });
  };
  const read = (key: EntryKey, place: Place | undefined): Uint8Array | undefined =>
    pending.get(pendingName(key))?.body ?? (place === undefined ? undefined : readPlace(key, place));

  return {
    index,
    segments,
    stage: (entry, body, again) => {
      const name = pendingName(entry);
      if (again === undefined && (pending.has(name) || isHeld(index, entry))) return;
      pending.set(name, { entry, body });
      staged.push({ entry, key: encodeKey(entry), body });
    },
    isStaged: () => staged.length > 0,
    take,
    settle: () => {
      const job = present(jobs.shift(), "a job was taken");
      for (const record of job.written) {
        indexEntry(index, record.item.entry, record.place);
        unpend(record);
      }
      durable = { number: job.number, height: Math.max(durable.height, ...heightsOf(job.written)) };
      closeRetired();
    },
    refuse: () => {
      present(jobs.shift(), "a job was taken");
      closeRetired();
    },
    fail: () => {
      heads.forget();
      staged = [];
      pending.clear();
    },
    resume: () => {
      assert(jobs.length === 0, "every job is answered before writing goes on");
      if (active !== undefined) for (const file of numbersOf(active)) options.closeFile(file);
      active = undefined;
      // A segment whose beginning was refused may never have got its name.
      for (const [begun, { path }] of segments) if (!disk.exists(path)) segments.delete(begun);
      number = durable.number;
      height = durable.height;
      const next = openSegment();
      active = next.file;
      return next.ops;
    },
    seal: () => {
      if (active === undefined || jobs.length > 0 || number === 0) return [];
      number += 1;
      const { op } = appendGroup(active, { number, durable: durable.number, height }, []);
      jobs.push({ written: [], number });
      return [op, { type: "sync", file: active.file }];
    },
    heights: () => ({ durable: durable.height, written: height }),
    reserve: () =>
      active === undefined ? [] : reserveAhead(active, { bytes: RESERVE_BYTES, sizeMax: segmentBytes, flushed }),
    readBlock: (at) => read({ kind: "block", height: at, cars: [] }, index.blocks.get(at)),
    readNote: (at) => read({ kind: "note", height: at, first: 0, entries: 0 }, index.notes.get(at)),
    readCar: (digest) =>
      read({ kind: "car", digest, validator: 0, incarnation: 0n, number: 0 }, index.cars.place(digest)),
    readPlace,
    lose,
    busyFrom: () => jobs[0]?.written[0]?.place.segment ?? active?.sequence ?? sequence + 1,
    takeHeads: heads.take,
    isPending: (key) => pending.has(pendingName(key)),
    close: () => {
      for (const file of [...retired.splice(0), ...(active === undefined ? [] : numbersOf(active))]) disk.close(file);
      files.closeAll();
    },
  };
}

const pendingName = (key: EntryKey): string => (key.kind === "car" ? key.digest : `${key.kind} ${key.height}`);

function* heightsOf(written: readonly Written<Staged>[]): Generator<number> {
  for (const { item } of written) if (item.entry.kind === "block") yield item.entry.height;
}
