import { concatBytes, type Hex, toHex } from "../base/bytes.ts";
import { accept, type Result, refuse } from "../base/result.ts";
import { sha256, sha256Hex } from "./hash.ts";
import { type HybridTime, wallMsOf } from "./hybrid-clock.ts";
import { hashBytes, parse, readFlag, readHash } from "./parse.ts";
import { MalformedBytes, type Reader } from "./reader.ts";
import { SHARDS } from "./shard-placement.ts";
import { type KeyPair, SIGNATURE_BYTES, sign, verify } from "./signature.ts";
import { type Writer, writer } from "./writer.ts";

/** Bytes of one entry's content, at most (domain.md, "Memory mesh"). */
export const CONTENT_BYTES_MAX = 64 * 1024;
/** Characters of an entry's id: those that stand in a path as they are (RFC 3986, "unreserved"). */
export const ENTRY_ID = /^[A-Za-z0-9._~-]{1,64}$/;
/** Largest encoding: author, id, clock, flag, content, signature, and two lengths. */
export const ENTRY_BYTES_MAX = 32 + 4 + 64 + 8 + 1 + 4 + CONTENT_BYTES_MAX + SIGNATURE_BYTES;

// Tells this signature from every other one that the same key may make.
const PURPOSE = new TextEncoder().encode("hmn memory entry 1\n");

/** Whose entry, and which: only the author writes it. */
export type EntryKey = { readonly author: Hex; readonly id: string };

/** One version of one entry. A tombstone (`deleted`, no content) says that there is nothing any more. */
export type MemoryEntry = EntryKey & {
  readonly clock: HybridTime;
  readonly deleted: boolean;
  readonly content: Uint8Array;
  readonly signature: Uint8Array;
  /** SHA-256 of what is signed, which covers everything but the signature: two versions with one digest are the same. */
  readonly digest: Hex;
  readonly contentHash: Hex;
  readonly shard: number;
  /** Author and id in one text. */
  readonly key: string;
  /** The whole entry as it travels. */
  readonly bytes: Uint8Array;
};

type Content = EntryKey & { readonly clock: HybridTime; readonly content: Uint8Array | undefined };

/** A new version, signed by its author; without content it is a tombstone. */
export function signEntry(
  { id, clock, content }: Omit<Content, "author">,
  { chainId, author }: { readonly chainId: Hex; readonly author: KeyPair },
): MemoryEntry {
  const fields = { author: toHex(author.publicKey), id, clock, content };
  const message = signedBytes(fields, chainId, sha256(content ?? NOTHING));
  return sealEntry(fields, chainId, sign(message, author.secretKey));
}

/** An entry of its fields and a signature that is there, or is to be checked. */
export function sealEntry(fields: Content, chainId: Hex, signature: Uint8Array): MemoryEntry {
  const { author, id, clock, content } = fields;
  const to = writeKey(writer(), { author, id }).u64(clock);
  const bytes = to
    .u8(content === undefined ? 1 : 0)
    .bytes(content ?? NOTHING)
    .fixed(signature)
    .done();
  return entryOf(fields, chainId, signature, bytes);
}

/** The entry of outside bytes: its form is right; whose it is says `isSigned`. */
export const parseEntry = (bytes: Uint8Array, chainId: Hex): Result<MemoryEntry, "malformed" | "too_large"> => {
  if (bytes.length > ENTRY_BYTES_MAX) return refuse("too_large", `content has at most ${CONTENT_BYTES_MAX} bytes`);
  const parsed = parse(bytes, readFields);
  if (!parsed.ok) return parsed;
  const { signature, ...fields } = parsed.value;
  return accept(entryOf(fields, chainId, signature, bytes));
};

/** Whether its author signed it for this network. */
export const isSigned = ({ author, contentHash, signature, ...entry }: MemoryEntry, chainId: Hex): boolean => {
  const content = entry.deleted ? undefined : entry.content;
  const message = signedBytes({ author, ...entry, content }, chainId, hashBytes(contentHash));
  return verify({ message, signature, publicKey: hashBytes(author) });
};

/** The digest of a version with content, from the hash of that alone. */
export const digestOf = (
  { contentHash, ...version }: EntryKey & { readonly clock: HybridTime; readonly contentHash: Hex },
  chainId: Hex,
): Hex => sha256Hex(signedBytes({ ...version, content: NOTHING }, chainId, hashBytes(contentHash)));

/** The part of the mesh that holds a key. */
export const shardOf = (key: EntryKey): number => shardOfText(keyText(key));

/** Author and id in one text. */
export const keyText = ({ author, id }: EntryKey): string => `${author}/${id}`;

function shardOfText(key: string): number {
  const hash = sha256(Buffer.from(key, "latin1"));
  return new DataView(hash.buffer, hash.byteOffset).getUint32(0, true) % SHARDS;
}

/**
 * Of two versions of one entry the one that stays: by clock, then a tombstone, then by content hash. Positive: `a` is
 * newer; 0: they say the same.
 */
export function compareVersions(a: MemoryEntry, b: MemoryEntry): number {
  if (a.clock !== b.clock) return a.clock > b.clock ? 1 : -1;
  if (a.deleted !== b.deleted) return a.deleted ? 1 : -1;
  return a.contentHash === b.contentHash ? 0 : a.contentHash > b.contentHash ? 1 : -1;
}

/** How far its clock is ahead of this one, in milliseconds; negative: it is behind. */
export const aheadMs = ({ clock }: MemoryEntry, wallMs: number): number => wallMsOf(clock) - wallMs;

/** An entry's bytes behind their length, as messages and the log of the mesh carry them. */
export const writeEntryBytes = (to: Writer, bytes: Uint8Array): Writer => to.bytes(bytes);
/** Longer than any entry that is taken: one that is too large is refused by itself, not with all that came beside it. */
export const readEntryBytes = (from: Reader): Uint8Array => from.bytes(2 * ENTRY_BYTES_MAX);

/** Author, then the id behind its length. */
export const writeKey = (to: Writer, { author, id }: EntryKey): Writer => to.fixed(hashBytes(author)).text(id);
export function readKey(from: Reader): EntryKey {
  const author = readHash(from);
  const id = from.text(64);
  if (!ENTRY_ID.test(id)) throw new MalformedBytes("an id has 1 to 64 letters, digits, and . _ ~ -");
  return { author, id };
}

const NOTHING = new Uint8Array();

function readFields(from: Reader): Content & { readonly signature: Uint8Array } {
  const key = readKey(from);
  const clock = from.u64();
  const deleted = readFlag(from);
  const content = from.bytes(CONTENT_BYTES_MAX);
  if (deleted && content.length > 0) throw new MalformedBytes("a tombstone has no content");
  return { ...key, clock, content: deleted ? undefined : content, signature: from.fixed(SIGNATURE_BYTES) };
}

function entryOf(fields: Content, chainId: Hex, signature: Uint8Array, bytes: Uint8Array): MemoryEntry {
  const { author, id, clock, content = NOTHING } = fields;
  const hash = sha256(content);
  const digest = sha256Hex(signedBytes(fields, chainId, hash));
  const deleted = fields.content === undefined;
  const key = keyText(fields);
  const shard = shardOfText(key);
  return { author, id, clock, deleted, content, signature, digest, contentHash: toHex(hash), shard, key, bytes };
}

/** Purpose, chain id, author, length of the id (u32), id, clock, flag, hash of the content. */
function signedBytes(fields: Content, chainId: Hex, contentHash: Uint8Array): Uint8Array {
  const { author, id, clock, content } = fields;
  const tail = writer()
    .text(id)
    .u64(clock)
    .u8(content === undefined ? 1 : 0)
    .fixed(contentHash)
    .done();
  return concatBytes(PURPOSE, hashBytes(chainId), hashBytes(author), tail);
}
