import { unreachable } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import type { Result } from "../base/result.ts";
import { hashBytes, parse, readCounter, readHash, writeCounter } from "../codec/parse.ts";
import { MalformedBytes } from "../codec/reader.ts";
import { writer } from "../codec/writer.ts";
import type { CarHead } from "../ports.ts";

/** What a record of the log is, without its body: a final block, a car, or what execution made of a block. */
export type EntryKey =
  | { readonly kind: "block"; readonly height: number; readonly cars: readonly Hex[] }
  | ({ readonly kind: "car" } & CarHead)
  /** `first` is the position of the block's first journal entry, `entries` their number. */
  | { readonly kind: "note"; readonly height: number; readonly first: number; readonly entries: number };

/** The position is the tag on disk: append only. */
const KINDS = ["block", "car", "note"] as const satisfies readonly EntryKey["kind"][];
/** More cars than a block may commit. */
const CARS_MAX = 65_536;

export function encodeKey(key: EntryKey): Uint8Array {
  const to = writer().u8(KINDS.indexOf(key.kind));
  switch (key.kind) {
    case "block":
      writeCounter(to, key.height).u32(key.cars.length);
      for (const car of key.cars) to.fixed(hashBytes(car));
      return to.done();
    case "car":
      to.fixed(hashBytes(key.digest)).u32(key.validator).u64(key.incarnation);
      return writeCounter(to, key.number).done();
    case "note":
      writeCounter(to, key.height);
      return writeCounter(to, key.first).u32(key.entries).done();
    default:
      return unreachable(key);
  }
}

/** Its checksum was right, so a key that cannot be read was written by another release. */
export function parseKey(bytes: Uint8Array): Result<EntryKey, "malformed"> {
  return parse(bytes, (from): EntryKey => {
    const kind = KINDS[from.u8()];
    switch (kind) {
      case "block": {
        const height = readCounter(from);
        const cars = Array.from({ length: from.count(CARS_MAX) }, () => readHash(from));
        return { kind, height, cars };
      }
      case "car":
        return {
          kind,
          digest: readHash(from),
          validator: from.u32(),
          incarnation: from.u64(),
          number: readCounter(from),
        };
      case "note":
        return { kind, height: readCounter(from), first: readCounter(from), entries: from.u32() };
      case undefined:
        throw new MalformedBytes("unknown kind of entry");
      default:
        return unreachable(kind);
    }
  });
}
