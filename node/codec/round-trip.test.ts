import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Result } from "../base/result.ts";
import { decodeAccountRecords, signAccountRecord, verifyAccountRecord } from "./account.ts";
import { parseBlock } from "./block.ts";
import { encodeRecord, parseRecord } from "./block-record.ts";
import { encodeCertificate, parseCertificate } from "./certificate.ts";
import { parse } from "./parse.ts";
import { encodePeerMessage, parsePeerMessage } from "./peer-message.ts";
import type { Reader } from "./reader.ts";
import {
  accountRecord,
  ballot,
  block,
  certificate,
  OWNER,
  peerMessage,
  record,
  u16,
  u32,
  u64,
  u128,
  vote,
} from "./test-values.ts";
import { encodeBallot, encodeVote, readBallot, readVote } from "./vote.ts";
import { type Writer, writer } from "./writer.ts";

type Codec = {
  readonly name: string;
  /** A value of any kind as its bytes, and what reading those bytes has to give. */
  readonly written: fc.Arbitrary<{ readonly bytes: Uint8Array; readonly value: unknown }>;
  readonly parse: (bytes: Uint8Array) => Result<unknown>;
  /** The bytes of what was read. */
  readonly again: (value: unknown) => Uint8Array;
};

function codec<T>(
  name: string,
  values: fc.Arbitrary<T>,
  encode: (value: T) => Uint8Array,
  parseValue: (bytes: Uint8Array) => Result<T>,
): Codec {
  return {
    name,
    written: values.map((value) => ({ bytes: encode(value), value })),
    parse: parseValue,
    // What `parse` accepted is a T.
    again: (value) => encode(value as T),
  };
}

const reading =
  <T>(read: (from: Reader) => T) =>
  (bytes: Uint8Array): Result<T> =>
    parse(bytes, read);

/** Every field of the writer once; a text is written with its own length. */
type Fields = { a: number; b: number; c: number; d: bigint; e: bigint; f: Uint8Array; g: string };
const fields: fc.Arbitrary<Fields> = fc.record({
  a: fc.integer({ min: 0, max: 255 }),
  b: u16,
  c: u32,
  d: u64,
  e: u128,
  f: fc.uint8Array({ maxLength: 600 }),
  g: fc
    .tuple(fc.constantFrom("", "\ufeff", "\0"), fc.string({ unit: "grapheme", maxLength: 20 }))
    .map((parts) => parts.join("")),
});
const writeFields = ({ a, b, c, d, e, f, g }: Fields): Uint8Array => {
  const to: Writer = writer().u8(a).u16(b).u32(c).u64(d).u128(e).bytes(f).text(g);
  return to.done();
};
const readFields = (from: Reader): Fields => ({
  a: from.u8(),
  b: from.u16(),
  c: from.u32(),
  d: from.u64(),
  e: from.u128(),
  f: from.bytes(600),
  g: from.text(2_000),
});

const CODECS: readonly Codec[] = [
  codec("plain fields", fields, writeFields, reading(readFields)),
  codec("ballot", ballot, encodeBallot, reading(readBallot)),
  codec("vote", vote, encodeVote, reading(readVote)),
  codec("certificate", certificate, encodeCertificate, parseCertificate),
  codec("block", block, ({ bytes }) => bytes, parseBlock),
  codec("block record", record, encodeRecord, parseRecord),
  codec("peer message", peerMessage, encodePeerMessage, parsePeerMessage),
];

/** One to three bytes turned, cut off, put in or added. */
const change = fc.oneof(
  fc.record({ how: fc.constant("turn" as const), at: fc.nat(), by: fc.integer({ min: 1, max: 255 }) }),
  fc.record({ how: fc.constant("cut" as const), at: fc.nat(), by: fc.nat(8) }),
  fc.record({ how: fc.constant("insert" as const), at: fc.nat(), by: fc.integer({ min: 0, max: 255 }) }),
);

function changed(bytes: Uint8Array, changes: readonly { how: "turn" | "cut" | "insert"; at: number; by: number }[]) {
  let list = [...bytes];
  for (const { how, at, by } of changes) {
    const place = at % (list.length + 1);
    if (how === "turn") list = list.map((byte, index) => (index === place ? byte ^ by : byte));
    else if (how === "cut") list.splice(place, by);
    else list.splice(place, 0, by);
  }
  return Uint8Array.from(list);
}

describe.each(CODECS)("a $name", ({ written, parse: read, again }) => {
  it("comes back from its bytes as it was", () => {
    fc.assert(
      fc.property(written, ({ bytes, value }) => {
        expect(read(bytes)).toEqual({ ok: true, value });
      }),
    );
  });

  it("is refused when it is cut or longer", () => {
    fc.assert(
      fc.property(written, fc.nat(), ({ bytes }, cut) => {
        expect(read(bytes.subarray(0, cut % bytes.length)).ok).toBe(false);
        expect(read(Uint8Array.from([...bytes, 0])).ok).toBe(false);
      }),
    );
  });

  it("has one encoding: changed bytes are refused or mean what they say", () => {
    fc.assert(
      fc.property(written, fc.array(change, { minLength: 1, maxLength: 3 }), ({ bytes }, changes) => {
        const mutated = changed(bytes, changes);
        const parsed = read(mutated);
        if (parsed.ok) expect(again(parsed.value)).toEqual(mutated);
      }),
      { numRuns: 300 },
    );
  });
});

describe("an account record", () => {
  const chainId = "c0".repeat(32);
  it("comes back from its bytes as it was, signed for its network alone", () => {
    fc.assert(
      fc.property(accountRecord, (value) => {
        const [read] = decodeAccountRecords(signAccountRecord({ record: value, chainId, owner: OWNER }));
        expect(read).toMatchObject({ ...value, reservedZero: true });
        expect(read !== undefined && verifyAccountRecord(read, chainId)).toBe(true);
        expect(read !== undefined && verifyAccountRecord(read, "c1".repeat(32))).toBe(false);
      }),
      { numRuns: 40 },
    );
  });
});
