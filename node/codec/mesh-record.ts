import { unreachable } from "../base/assert.ts";
import type { Result } from "../base/result.ts";
import { ANCHOR_BYTES, ANCHORS_MAX } from "./anchor.ts";
import type { HybridTime } from "./hybrid-clock.ts";
import { type EntryKey, readEntryBytes, readKey, writeEntryBytes, writeKey } from "./memory-entry.ts";
import { parse, readCounter, writeCounter } from "./parse.ts";
import { MalformedBytes } from "./reader.ts";
import { writer } from "./writer.ts";

/** What a node writes down of its part of the mesh, in this order: together they say what it holds. */
export type MeshRecord =
  | { readonly type: "entry"; readonly bytes: Uint8Array }
  /** Evicted, over its author's quota, or of a shard that is held elsewhere now. */
  | ({ readonly type: "dropped" } & EntryKey)
  | { readonly type: "watermark"; readonly watermark: HybridTime }
  /** Through which validator the version that is held came into the mesh. */
  | ({ readonly type: "published"; readonly publisher: number } & EntryKey)
  /** Which batch of one record anchored the version that is held. */
  | ({ readonly type: "anchored" } & EntryKey & AnchorNote);

/** Where a version was anchored: the batch proves what it says (chain/proof-anchor.ts). */
export type AnchorNote = { readonly height: number; readonly index: number; readonly batch: Uint8Array };

/** The position is the tag on disk: append only. */
const TYPES = [
  "entry",
  "dropped",
  "watermark",
  "published",
  "anchored",
] as const satisfies readonly MeshRecord["type"][];

/** Of a batch with as many anchors as there can be. */
const BATCH_MAX = 192 + ANCHORS_MAX * ANCHOR_BYTES;

export function encodeMeshRecord(record: MeshRecord): Uint8Array {
  const to = writer().u8(TYPES.indexOf(record.type));
  switch (record.type) {
    case "entry":
      return writeEntryBytes(to, record.bytes).done();
    case "dropped":
      return writeKey(to, record).done();
    case "watermark":
      return to.u64(record.watermark).done();
    case "published":
      return writeKey(to, record).u32(record.publisher).done();
    case "anchored":
      return writeCounter(writeKey(to, record), record.height).u32(record.index).bytes(record.batch).done();
    default:
      return unreachable(record);
  }
}

export const parseMeshRecord = (bytes: Uint8Array): Result<MeshRecord, "malformed"> =>
  parse(bytes, (from): MeshRecord => {
    const type = TYPES[from.u8()];
    switch (type) {
      case "entry":
        return { type, bytes: readEntryBytes(from) };
      case "dropped":
        return { type, ...readKey(from) };
      case "watermark":
        return { type, watermark: from.u64() };
      case "published":
        return { type, ...readKey(from), publisher: from.u32() };
      case "anchored":
        return { type, ...readKey(from), height: readCounter(from), index: from.u32(), batch: from.bytes(BATCH_MAX) };
      case undefined:
        throw new MalformedBytes("no such record");
      default:
        return unreachable(type);
    }
  });
