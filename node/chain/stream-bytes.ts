import { equalBytes } from "../base/bytes.ts";
import { readOutcome, writeOutcome } from "../codec/client-protocol.ts";
import { hashBytes, readCounter, readFlag, readHash, writeCounter } from "../codec/parse.ts";
import { MalformedBytes, type Reader } from "../codec/reader.ts";
import { writer } from "../codec/writer.ts";
import { outcomeLeaf } from "./outcome.ts";
import { SEQUENCE_WINDOW, type Stream, type TakenSequence } from "./streams.ts";

/** A part of a snapshot ends when it is larger than this; one entry more may stand in it. */
const PART_BYTES = 192 * 1024;
const ENTRIES_MAX = 2 * Number(SEQUENCE_WINDOW);

/** A client's stream as a snapshot carries it: in several parts where its results are many. */
export function streamParts({ key, stream, highest, lastExpiryMs, taken }: Stream): Uint8Array[] {
  const inWindow = [...taken].filter(([sequence]) => sequence + SEQUENCE_WINDOW > highest);
  const parts: Uint8Array[] = [];
  let entries: Uint8Array[] = [];
  let bytes = 0;
  const end = (): void => {
    const out = writeCounter(writer().fixed(hashBytes(key)).u64(stream).u64(highest), lastExpiryMs).u32(entries.length);
    for (const entry of entries) out.fixed(entry);
    parts.push(out.done());
    entries = [];
    bytes = 0;
  };
  for (const [sequence, result] of inWindow) {
    const entry = entryBytes(sequence, result);
    entries.push(entry);
    bytes += entry.length;
    if (bytes > PART_BYTES) end();
  }
  if (entries.length > 0 || parts.length === 0) end();
  return parts;
}

function entryBytes(sequence: bigint, { batch, height, expiryMs, leaf, outcome }: TakenSequence): Uint8Array {
  const out = writeCounter(writer().u64(sequence).fixed(hashBytes(batch)), height);
  writeCounter(out, expiryMs)
    .fixed(leaf)
    .u8(outcome === undefined ? 0 : 1);
  return (outcome === undefined ? out : writeOutcome(out, outcome)).done();
}

export function readStreamPart(from: Reader): Stream {
  const fields = {
    key: readHash(from),
    stream: from.u64(),
    highest: from.u64(),
    lastExpiryMs: readCounter(from),
  };
  const taken = new Map<bigint, TakenSequence>();
  for (let left = from.count(ENTRIES_MAX); left > 0; left--) {
    const sequence = from.u64();
    const entry = { batch: readHash(from), height: readCounter(from), expiryMs: readCounter(from) };
    const leaf = from.fixed(32).slice();
    const outcome = readFlag(from) ? readOutcome(from) : undefined;
    // The state root covers the leaf, so the leaf has to cover what a repeat is answered.
    if (outcome !== undefined && !equalBytes(outcomeLeaf({ batch: entry.batch, outcome }), leaf))
      throw new MalformedBytes("a stored result is not the one of its hash");
    taken.set(sequence, { ...entry, leaf, outcome });
  }
  return { ...fields, taken };
}
