import { unreachable } from "../base/assert.ts";
import { fromHex, type Hex, toHex } from "../base/bytes.ts";
import type { Result } from "../base/result.ts";
import { PPM } from "../base/units.ts";
import { VALIDATORS_MAX } from "./certificate.ts";
import type { HybridTime } from "./hybrid-clock.ts";
import { type EntryKey, readEntryBytes, readKey, writeEntryBytes, writeKey } from "./memory-entry.ts";
import { hashBytes, parse, readCounter, readFlag, readHash, writeCounter } from "./parse.ts";
import { MalformedBytes, type Reader } from "./reader.ts";
import { SHARDS } from "./shard-placement.ts";
import { SIGNATURE_BYTES } from "./signature.ts";
import { type Writer, writer } from "./writer.ts";

/** Hexadecimal digits of an entry's place in a digest tree: its clock (16), then the start of its digest (32). */
export const CLOCK_DIGITS = 16;
export const SHORT_DIGITS = 32;
export const PLACE_DIGITS = CLOCK_DIGITS + SHORT_DIGITS;
/** What one message holds at most; what is left over waits for the next. */
export const MESSAGE_BRANCHES_MAX = 64;
export const MESSAGE_LISTS_MAX = 64;
/** Places in one list. */
export const LIST_MAX = 64;
export const MESSAGE_ENTRIES_MAX = 32;
/** Intervals of one signal: 15 segments of 32 that overlap by half (cal/resonance.ts). */
export const SIGNAL_SAMPLES_MAX = 256;
const SHORT_BYTES = SHORT_DIGITS / 2;

/** A set of entries: how many, and a hash over them (16 bytes); equal for equal sets only. */
export type Summary = { readonly count: number; readonly hash: Hex };
/** The sets below a prefix by their next digit, ascending; those that are not there are empty. */
export type Branch = { readonly prefix: string; readonly children: readonly (Summary & { readonly digit: number })[] };
/** All that the sender has under a prefix, as starts of digests; undefined: it has many, and asks for the receiver's list. */
export type Listing = { readonly prefix: string; readonly digests: readonly Hex[] | undefined };

/** One step of comparing a shard, in both directions (docs/mesh.md, "Anti-entropy"). */
export type SyncMessage = {
  readonly type: "sync";
  /** The initiator's number for the exchange. */
  readonly exchange: number;
  /** Whether this is from the side that was asked. */
  readonly reply: boolean;
  readonly shard: number;
  /** Compared is what has a clock from `from` on and before `to`. */
  readonly from: HybridTime;
  readonly to: HybridTime;
  readonly root: Summary | undefined;
  readonly branches: readonly Branch[];
  readonly lists: readonly Listing[];
  /** Entries that the sender wants, by prefix and start of their digest. */
  readonly wants: readonly { readonly prefix: string; readonly digests: readonly Hex[] }[];
  readonly entries: readonly Uint8Array[];
};

/**
 * What a node measured, in the units of docs/mesh.md, "RΦV": intervals between blocks as it saw them, in microseconds and for
 * heights without a gap, and how its series agrees with those that other publishers told.
 */
export type SignalMessage = {
  readonly type: "signal";
  /** Height at the end of the first interval. */
  readonly first: number;
  readonly intervalsUs: readonly number[];
  readonly scores: readonly { readonly publisher: number; readonly scorePpm: number }[];
};
/** A replica's signature for anchoring a version that both hold (codec/anchor.ts). */
export type AttestMessage = EntryKey & {
  readonly type: "attest";
  readonly digest: Hex;
  readonly epoch: number;
  readonly signature: Uint8Array;
};

/** What nodes say to each other on the port of the mesh. Entries are bytes, each to be parsed by itself. */
export type MeshMessage =
  | SyncMessage
  | { readonly type: "push"; readonly entries: readonly Uint8Array[] }
  /** From a node that does not hold the shard to one that does. */
  | ({ readonly type: "get"; readonly request: number } & EntryKey)
  | { readonly type: "got"; readonly request: number; readonly entry: Uint8Array | undefined }
  | { readonly type: "put"; readonly request: number; readonly entry: Uint8Array }
  /** Empty: taken; otherwise why not. */
  | { readonly type: "put-answer"; readonly request: number; readonly refusal: string }
  | SignalMessage
  | AttestMessage;

/** The position is the tag on the wire: append only. */
const TYPES = [
  "sync",
  "push",
  "get",
  "got",
  "put",
  "put-answer",
  "signal",
  "attest",
] as const satisfies readonly MeshMessage["type"][];
const REFUSAL_CHARACTERS_MAX = 32;

export function encodeMeshMessage(message: MeshMessage): Uint8Array {
  const to = writer().u8(TYPES.indexOf(message.type));
  switch (message.type) {
    case "sync":
      return writeSync(to, message).done();
    case "push":
      return writeList(to, message.entries, writeEntryBytes).done();
    case "get":
      return writeKey(to.u32(message.request), message).done();
    case "got":
      to.u32(message.request).u8(message.entry === undefined ? 0 : 1);
      return (message.entry === undefined ? to : writeEntryBytes(to, message.entry)).done();
    case "put":
      return writeEntryBytes(to.u32(message.request), message.entry).done();
    case "put-answer":
      return to.u32(message.request).text(message.refusal).done();
    case "signal":
      writeList(writeCounter(to, message.first), message.intervalsUs, (out, interval) => out.u32(interval));
      return writeList(to, message.scores, (out, { publisher, scorePpm }) => out.u32(publisher).u32(scorePpm)).done();
    case "attest":
      writeKey(to, message).fixed(hashBytes(message.digest));
      return to.u32(message.epoch).fixed(message.signature).done();
    default:
      return unreachable(message);
  }
}

/** The message of outside bytes: form and limits hold. */
export const parseMeshMessage = (bytes: Uint8Array): Result<MeshMessage, "malformed"> => parse(bytes, readMessage);

function readMessage(from: Reader): MeshMessage {
  const type = TYPES[from.u8()];
  if (type === undefined) throw new MalformedBytes("no such message");
  if (type === "sync") return readSync(from);
  if (type === "push") return { type, entries: readList(from, MESSAGE_ENTRIES_MAX, readEntryBytes) };
  if (type === "signal") return readSignal(from);
  if (type === "attest") {
    const key = readKey(from);
    return { type, ...key, digest: readHash(from), epoch: from.u32(), signature: from.fixed(SIGNATURE_BYTES) };
  }
  const request = from.u32();
  switch (type) {
    case "get":
      return { type, request, ...readKey(from) };
    case "got":
      return { type, request, entry: readFlag(from) ? readEntryBytes(from) : undefined };
    case "put":
      return { type, request, entry: readEntryBytes(from) };
    case "put-answer":
      return { type, request, refusal: from.text(REFUSAL_CHARACTERS_MAX) };
    default:
      return unreachable(type);
  }
}

function readSignal(from: Reader): SignalMessage {
  const first = readCounter(from);
  const intervalsUs = readList(from, SIGNAL_SAMPLES_MAX, () => from.u32());
  const scores = readList(from, VALIDATORS_MAX, () => ({ publisher: from.u32(), scorePpm: from.u32() }));
  if (scores.some(({ scorePpm }) => scorePpm > PPM)) throw new MalformedBytes("a score is more than all");
  return { type: "signal", first, intervalsUs, scores };
}

function writeSync(to: Writer, message: SyncMessage): Writer {
  to.u32(message.exchange)
    .u8(message.reply ? 1 : 0)
    .u8(message.shard)
    .u64(message.from)
    .u64(message.to);
  to.u8(message.root === undefined ? 0 : 1);
  if (message.root !== undefined) writeSummary(to, message.root);
  writeList(to, message.branches, (_, { prefix, children }) => {
    writePrefix(to, prefix).u16(children.reduce((bits, { digit }) => bits | (1 << digit), 0));
    for (const child of children) writeSummary(to, child);
    return to;
  });
  writeList(to, message.lists, (_, { prefix, digests }) => {
    writePrefix(to, prefix).u8(digests === undefined ? 0 : 1);
    return digests === undefined ? to : writeList(to, digests, writeShort);
  });
  writeList(to, message.wants, (_, { prefix, digests }) => writeList(writePrefix(to, prefix), digests, writeShort));
  return writeList(to, message.entries, writeEntryBytes);
}

function readSync(from: Reader): SyncMessage {
  const exchange = from.u32();
  const reply = readFlag(from);
  const shard = from.u8();
  if (shard >= SHARDS) throw new MalformedBytes("no such shard");
  const [first, last] = [from.u64(), from.u64()];
  const root = readFlag(from) ? readSummary(from) : undefined;
  const branches = readList(from, MESSAGE_BRANCHES_MAX, readBranch);
  const lists = readList(from, MESSAGE_LISTS_MAX, () => {
    const prefix = readPrefix(from);
    return { prefix, digests: readFlag(from) ? readList(from, LIST_MAX, readShort) : undefined };
  });
  const wants = readList(from, MESSAGE_LISTS_MAX, () => ({
    prefix: readPrefix(from),
    digests: readList(from, LIST_MAX, readShort),
  }));
  const entries = readList(from, MESSAGE_ENTRIES_MAX, readEntryBytes);
  return { type: "sync", exchange, reply, shard, from: first, to: last, root, branches, lists, wants, entries };
}

function readBranch(from: Reader): Branch {
  const prefix = readPrefix(from);
  if (prefix.length === PLACE_DIGITS) throw new MalformedBytes("nothing is below a whole place");
  const bits = from.u16();
  const digits = Array.from({ length: 16 }, (_, digit) => digit).filter((digit) => (bits >> digit) & 1);
  return { prefix, children: digits.map((digit) => ({ digit, ...readSummary(from) })) };
}

const writeSummary = (to: Writer, { count, hash }: Summary): Writer => writeShort(to.u32(count), hash);

function readSummary(from: Reader): Summary {
  const count = from.u32();
  return { count, hash: readShort(from) };
}

const writeShort = (to: Writer, hash: Hex): Writer => to.fixed(fromHex(hash, SHORT_BYTES) ?? new Uint8Array());
const readShort = (from: Reader): Hex => toHex(from.fixed(SHORT_BYTES));

/** Number of digits (one byte), then two to a byte; an odd one has a zero behind it. */
function writePrefix(to: Writer, prefix: string): Writer {
  const even = prefix.length % 2 === 0 ? prefix : `${prefix}0`;
  return to.u8(prefix.length).fixed(fromHex(even) ?? new Uint8Array());
}

function readPrefix(from: Reader): string {
  const digits = from.u8();
  if (digits > PLACE_DIGITS) throw new MalformedBytes("a prefix is longer than a place");
  const text = toHex(from.fixed(Math.ceil(digits / 2)));
  if (!text.slice(digits).match(/^0?$/)) throw new MalformedBytes("a digit behind the prefix");
  return text.slice(0, digits);
}

function writeList<T>(to: Writer, items: readonly T[], write: (to: Writer, item: T) => Writer): Writer {
  to.u16(items.length);
  for (const item of items) write(to, item);
  return to;
}

function readList<T>(from: Reader, max: number, read: (from: Reader) => T): readonly T[] {
  const count = from.u16();
  if (count > max) throw new MalformedBytes(`${count} is over the limit of ${max}`);
  return Array.from({ length: count }, () => read(from));
}
