import { describe, expect, it } from "vitest";
import type { Result } from "../base/result.ts";
import { fc } from "../base/test-property.ts";
import { decodeAccountRecords, signAccountRecord, verifyAccountRecord } from "./account.ts";
import { readAck, readAvailability, writeAck, writeAvailability } from "./availability.ts";
import { encodeBatch, parseBatch } from "./batch.ts";
import { encodeHeader, headerOf, parseBlock, readHeader, sealBlock } from "./block.ts";
import { encodeRecord, parseRecord } from "./block-record.ts";
import { parseCar, readTip, sealCar, writeTip } from "./car.ts";
import { encodeCertificate, parseCertificate } from "./certificate.ts";
import { readEvidence, writeEvidence } from "./evidence.ts";
import { parse } from "./parse.ts";
import { encodePayload, parsePayload } from "./payload.ts";
import { encodePeerMessage, parsePeerMessage } from "./peer-message.ts";
import type { Reader } from "./reader.ts";
import { changed, changes, describeCodec } from "./test-codec.ts";
import {
  accountRecord,
  ack,
  availability,
  ballot,
  batch,
  block,
  car,
  certificate,
  evidence,
  OWNER,
  payload,
  peerMessage,
  record,
  tip,
  u16,
  u32,
  u64,
  u128,
  vote,
  voteAnswer,
} from "./test-values.ts";
import { encodeBallot, encodeVote, readBallot, readVote } from "./vote.ts";
import { readVoteAnswer, writeVoteAnswer } from "./vote-answer.ts";
import { type Writer, writer } from "./writer.ts";

const reading =
  <T>(read: (from: Reader) => T) =>
  (bytes: Uint8Array): Result<T> =>
    parse(bytes, read);
const writing =
  <T>(write: (to: Writer, value: T) => Writer) =>
  (value: T): Uint8Array =>
    write(writer(), value).done();

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
const writeFields = (to: Writer, { a, b, c, d, e, f, g }: Fields): Writer =>
  to.u8(a).u16(b).u32(c).u64(d).u128(e).bytes(f).text(g);
const readFields = (from: Reader): Fields => ({
  a: from.u8(),
  b: from.u16(),
  c: from.u32(),
  d: from.u64(),
  e: from.u128(),
  f: from.bytes(600),
  g: from.text(2_000),
});

describeCodec("run of plain fields", { values: fields, encode: writing(writeFields), parse: reading(readFields) });
describeCodec("ballot", { values: ballot, encode: encodeBallot, parse: reading(readBallot) });
describeCodec("vote", { values: vote, encode: encodeVote, parse: reading(readVote) });
describeCodec("certificate", { values: certificate, encode: encodeCertificate, parse: parseCertificate });
describeCodec("piece of evidence", { values: evidence, encode: writing(writeEvidence), parse: reading(readEvidence) });
describeCodec("header", { values: block.map(headerOf), encode: encodeHeader, parse: reading(readHeader) });
// Its bytes are made anew, not those that it was read from.
describeCodec("block", { values: block, encode: (value) => sealBlock(value).bytes, parse: parseBlock });
describeCodec("block record", { values: record, encode: encodeRecord, parse: parseRecord });
describeCodec("lane's tip", { values: tip, encode: writing(writeTip), parse: reading(readTip) });
describeCodec("acknowledgement", { values: ack, encode: writing(writeAck), parse: reading(readAck) });
describeCodec("certificate of availability", {
  values: availability,
  encode: writing(writeAvailability),
  parse: reading(readAvailability),
});
describeCodec("car", {
  values: car,
  encode: (value) => sealCar(value, value.batches, () => value.signature).bytes,
  parse: parseCar,
});
describeCodec("payload", { values: payload, encode: encodePayload, parse: parsePayload, mayBeEmpty: true });
describeCodec("vote answer", { values: voteAnswer, encode: writing(writeVoteAnswer), parse: reading(readVoteAnswer) });
describeCodec("peer message", { values: peerMessage, encode: encodePeerMessage, parse: parsePeerMessage });

describe("a batch", () => {
  it("has one encoding: changed bytes are refused or mean what they say", () => {
    fc.assert(
      fc.property(batch, changes, (bytes, list) => {
        const mutated = changed(bytes, list);
        const parsed = parseBatch(mutated);
        if (!parsed.ok) return;
        const { type, payload: records, chainId, stream, sequence, expiryMs, publicKey } = parsed.value;
        const keyPair = { ...OWNER, publicKey };
        const again = encodeBatch({ type, payload: records, chainId, keyPair, stream, sequence, expiryMs });
        // Hash of the payload and signature are the client's, right or wrong.
        expect(again.subarray(0, 96)).toEqual(mutated.subarray(0, 96));
        expect(records).toEqual(mutated.subarray(192));
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
