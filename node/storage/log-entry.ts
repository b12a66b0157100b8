import { fromHex, toHex } from "../base/bytes.ts";
import type { Result } from "../base/result.ts";
import { parse, readCounter, writeCounter } from "../codec/parse.ts";
import { MalformedBytes } from "../codec/reader.ts";
import { writer } from "../codec/writer.ts";
import type { LogEntry } from "../ports.ts";

const KINDS = { block: 1, car: 2 } as const;
const DIGEST_BYTES = 32;
const BYTES_MAX = 64 * 1024 * 1024;
const CARS_MAX = 1 << 16;

/** A log entry as one record of the file. */
export function encodeEntry(entry: LogEntry): Uint8Array {
  if (entry.kind === "block") {
    const to = writeCounter(writer().u8(KINDS.block), entry.height).u32(entry.cars.length);
    for (const digest of entry.cars) to.fixed(digestBytes(digest));
    return to.bytes(entry.bytes).done();
  }
  const to = writer().u8(KINDS.car).fixed(digestBytes(entry.digest)).u32(entry.validator).u64(entry.incarnation);
  return writeCounter(to, entry.number).bytes(entry.bytes).done();
}

export const parseEntry = (record: Uint8Array): Result<LogEntry, "malformed"> =>
  parse(record, (from): LogEntry => {
    const kind = from.u8();
    if (kind === KINDS.block) {
      const height = readCounter(from);
      const count = from.count(CARS_MAX);
      const cars: string[] = [];
      for (let index = 0; index < count; index++) cars.push(toHex(from.fixed(DIGEST_BYTES)));
      return { kind: "block", height, cars, bytes: from.bytes(BYTES_MAX) };
    }
    if (kind !== KINDS.car) throw new MalformedBytes("unknown kind of entry");
    const digest = toHex(from.fixed(DIGEST_BYTES));
    const head = { digest, validator: from.u32(), incarnation: from.u64(), number: readCounter(from) };
    return { kind: "car", ...head, bytes: from.bytes(BYTES_MAX) };
  });

function digestBytes(digest: string): Uint8Array {
  const bytes = fromHex(digest, DIGEST_BYTES);
  if (bytes === undefined) throw new Error(`${digest} is no digest`);
  return bytes;
}
