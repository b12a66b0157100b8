import { unreachable } from "../base/assert.ts";
import type { Result } from "../base/result.ts";
import type { HybridTime } from "./hybrid-clock.ts";
import { ENTRY_ID, type EntryKey, readEntryBytes, writeEntryBytes } from "./memory-entry.ts";
import { hashBytes, parse, readHash } from "./parse.ts";
import { MalformedBytes } from "./reader.ts";
import { writer } from "./writer.ts";

/** What a node writes down of its part of the mesh, in this order: together they say what it holds. */
export type MeshRecord =
  | { readonly type: "entry"; readonly bytes: Uint8Array }
  /** Evicted, over its author's quota, or of a shard that is held elsewhere now. */
  | ({ readonly type: "dropped" } & EntryKey)
  | { readonly type: "watermark"; readonly watermark: HybridTime };

/** The position is the tag on disk: append only. */
const TYPES = ["entry", "dropped", "watermark"] as const satisfies readonly MeshRecord["type"][];

export function encodeMeshRecord(record: MeshRecord): Uint8Array {
  const to = writer().u8(TYPES.indexOf(record.type));
  switch (record.type) {
    case "entry":
      return writeEntryBytes(to, record.bytes).done();
    case "dropped":
      return to.fixed(hashBytes(record.author)).text(record.id).done();
    case "watermark":
      return to.u64(record.watermark).done();
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
      case "dropped": {
        const author = readHash(from);
        const id = from.text(64);
        if (!ENTRY_ID.test(id)) throw new MalformedBytes("no id of an entry");
        return { type, author, id };
      }
      case "watermark":
        return { type, watermark: from.u64() };
      case undefined:
        throw new MalformedBytes("no such record");
      default:
        return unreachable(type);
    }
  });
