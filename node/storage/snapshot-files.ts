import { join } from "node:path";
import type { Hex } from "../base/bytes.ts";
import { hashBytes, parse, readHash } from "../codec/parse.ts";
import { writer } from "../codec/writer.ts";
import type { Recovered } from "../ports.ts";
import type { Disk } from "./disk.ts";
import type { DiskOp } from "./disk-job.ts";
import { type FileHeader, GROUPS_AT, newFileHeader, parseFileHeader } from "./group.ts";
import { walkGroups } from "./group-walk.ts";
import { appendGroup, type GroupFile } from "./group-writer.ts";
import type { Damage } from "./log-walk.ts";

/**
 * Snapshots of the state after a block, one file each: parts, then an end that names the block and their number. A file
 * has its name only when all of it is durable; the newest two are kept, so that one that decays has another behind it.
 */
export const SNAPSHOTS_KEPT = 2;
const NAME = /^snapshot-([0-9]{12})\.snap$/;
const NO_KEY = new Uint8Array();

const snapshotName = (height: number): string => `snapshot-${String(height).padStart(12, "0")}.snap`;
export const snapshotPath = (folder: string, height: number): string => join(folder, snapshotName(height));

export type Snapshot = NonNullable<Recovered["snapshot"]>;

/** Heights of the snapshots in a folder, newest first; nothing is said of their content. */
export const snapshotHeights = (disk: Disk, folder: string): readonly number[] =>
  disk
    .list(folder)
    .flatMap((name) => Number(NAME.exec(name)?.[1] ?? 0) || [])
    .toSorted((a, b) => b - a);

/** Removes what a crash left of snapshots that were never finished. */
export function removeUnfinished(disk: Disk, folder: string): void {
  for (const name of disk.list(folder)) if (/^snapshot-.*\.(tmp|old)$/.test(name)) disk.remove(join(folder, name));
}

/** The snapshot of this height, if every byte of it is what was written: it is read through once now, and its parts later. */
export function openSnapshot(disk: Disk, folder: string, height: number): Snapshot | undefined {
  const read = readThrough(disk, folder, height);
  return "damage" in read ? undefined : read;
}

/** The same, or what is wrong with its file. */
export function readThrough(disk: Disk, folder: string, height: number): Snapshot | { readonly damage: Damage } {
  const path = snapshotPath(folder, height);
  let parts = 0;
  let end: { blockHash: Hex; parts: number } | undefined;
  let read = GROUPS_AT;
  for (const body of bodiesOf(disk, path, height)) {
    if ("damage" in body) return body;
    if (end !== undefined) return { damage: { path, offset: read, what: "more stands behind its end" } };
    if (body.key.length === 0) parts += 1;
    else end = parseEnd(body.key);
    read = body.place.offset + body.place.length;
  }
  if (end === undefined || end.parts !== parts) return { damage: { path, offset: read, what: "its end is missing" } };
  return { height, blockHash: end.blockHash, parts: { [Symbol.iterator]: () => partsOf(disk, path, height) } };
}

function* partsOf(disk: Disk, path: string, height: number): Generator<Uint8Array> {
  for (const body of bodiesOf(disk, path, height)) {
    if ("damage" in body) throw new Error(`${path} is damaged: it was whole when it was opened`);
    if (body.key.length === 0) yield body.read();
  }
}

/** Where the parts of a whole snapshot stand in its file; undefined if it is not whole. */
export function placesOf(
  disk: Disk,
  folder: string,
  height: number,
): { readonly height: number; readonly name: string; readonly places: readonly Body["place"][] } | undefined {
  if (openSnapshot(disk, folder, height) === undefined) return undefined;
  const bodies = [...bodiesOf(disk, snapshotPath(folder, height), height)];
  const places = bodies.flatMap((body) => ("place" in body && body.key.length === 0 ? [body.place] : []));
  return { height, name: snapshotName(height), places };
}

type Body = {
  readonly key: Uint8Array;
  readonly place: { readonly offset: number; readonly length: number };
  read(): Uint8Array;
};

/** Every record in order; what is wrong ends it. */
function* bodiesOf(disk: Disk, path: string, height: number): Generator<Body | { readonly damage: Damage }> {
  const wrong = (offset: number, what: string) => ({ damage: { path, offset, what } });
  const file = disk.open(path, "reading");
  try {
    const header = parseFileHeader(disk.read(file, 0, GROUPS_AT));
    if (header?.kind !== "snapshot" || header.sequence !== height)
      return yield wrong(0, `its header is not of the snapshot of height ${height}`);
    for (const event of walkGroups(disk, [{ sequence: 1, path, header }])) {
      if (event.type !== "group")
        return yield wrong(
          "offset" in event ? event.offset : 0,
          `a part of the snapshot of height ${height} cannot be read`,
        );
      for (const { key, place, intact } of event.group.records) {
        if (!intact) return yield wrong(place.offset, `a part of the snapshot of height ${height}`);
        yield { key, place, read: () => disk.read(file, place.offset, place.length) };
      }
    }
  } finally {
    disk.close(file);
  }
}

const encodeEnd = (blockHash: Hex, parts: number): Uint8Array => writer().fixed(hashBytes(blockHash)).u32(parts).done();

function parseEnd(bytes: Uint8Array): { blockHash: Hex; parts: number } | undefined {
  const parsed = parse(bytes, (from) => ({ blockHash: readHash(from), parts: from.u32() }));
  return parsed.ok ? parsed.value : undefined;
}

/** A snapshot that can be pulled; `later`: the next part has not come yet. */
export type Unwritten = {
  readonly height: number;
  readonly blockHash: Hex;
  readonly next: () => Uint8Array | "later" | undefined;
};

/** A snapshot on its way to disk, part by part. */
export type SnapshotWriter = {
  readonly height: number;
  /** Ops of the next part; undefined: the ops before were the last; `later`: it has not come yet. */
  next(): readonly DiskOp[] | "later" | undefined;
  /** After the last ops are durable, or when it is given up. */
  close(): void;
  /** Removes what was written. */
  abandon(): readonly DiskOp[];
};

/** `attempt` keeps its file apart from one of the same height that is given up and about to be removed. */
export function snapshotWriter(disk: Disk, folder: string, snapshot: Unwritten, attempt: number): SnapshotWriter {
  const path = snapshotPath(folder, snapshot.height);
  const temporary = path.replace(/\.snap$/, `.${attempt}.tmp`);
  const file = disk.open(temporary, "create");
  const facts = { kind: "snapshot", amnesia: false, sequence: snapshot.height, firstGroup: 1, durable: 0 } as const;
  const { header, bytes }: { header: FileHeader; bytes: Uint8Array } = newFileHeader(facts);
  const to: GroupFile = { sequence: 1, file, seed: header.seed, end: GROUPS_AT, reserved: GROUPS_AT };
  let parts = 0;
  let ended = false;
  const group = (key: Uint8Array, body: Uint8Array): DiskOp => {
    const number = parts + 1;
    return appendGroup(to, { number, durable: number - 1, height: snapshot.height }, [{ key, body }]).op;
  };
  return {
    height: snapshot.height,
    next: () => {
      if (ended) return undefined;
      const first: DiskOp[] = parts === 0 ? [{ type: "write", file, position: 0, bytes: new Uint8Array(bytes) }] : [];
      const part = snapshot.next();
      if (part === "later") return part;
      if (part !== undefined) {
        const op = group(NO_KEY, part);
        parts += 1;
        return [...first, op, { type: "sync", file }];
      }
      ended = true;
      const end = group(encodeEnd(snapshot.blockHash, parts), new Uint8Array());
      return [
        ...first,
        end,
        { type: "sync", file },
        { type: "rename", from: temporary, to: path },
        ...prune(disk, folder, snapshot.height),
      ];
    },
    close: () => disk.close(file),
    abandon: () => [{ type: "remove", path: temporary }],
  };
}

/** Removes all but the newest, one being about to come. A removal is a rename first: that is durable. */
function prune(disk: Disk, folder: string, coming: number): readonly DiskOp[] {
  return snapshotHeights(disk, folder)
    .filter((height) => height !== coming)
    .slice(SNAPSHOTS_KEPT - 1)
    .flatMap((height) => removal(folder, height));
}

/** Removes the snapshot of this height, durably. */
export function removal(folder: string, height: number): readonly DiskOp[] {
  const path = snapshotPath(folder, height);
  const old = path.replace(/\.snap$/, ".old");
  return [
    { type: "rename", from: path, to: old },
    { type: "remove", path: old },
  ];
}
