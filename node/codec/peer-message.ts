import { unreachable } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import type { Result } from "../base/result.ts";
import {
  type Ack,
  type AvailabilityCertificate,
  readAck,
  readAvailability,
  writeAck,
  writeAvailability,
} from "./availability.ts";
import { BATCH_BYTES_MAX } from "./batch.ts";
import { BLOCK_BYTES_MAX, parseBlock, type SealedBlock } from "./block.ts";
import { CAR_BATCHES_MAX, CAR_BYTES_MAX, readTip, type Tip, writeTip } from "./car.ts";
import { type Certificate, encodeCertificate, readCertificate } from "./certificate.ts";
import { hashBytes, parse, readCounter, readFlag, readHash, writeCounter } from "./parse.ts";
import { BLOCK_CARS_MAX } from "./payload.ts";
import { MalformedBytes, type Reader } from "./reader.ts";
import { SIGNATURE_BYTES } from "./signature.ts";
import { encodeVote, readVote, type Vote } from "./vote.ts";
import { readVoteAnswer, type VoteAnswer, writeVoteAnswer } from "./vote-answer.ts";
import { type Writer, writer } from "./writer.ts";

/** Certificates that one proposal carries: its parent's, and those of nullified views in between. */
export const JUSTIFICATION_MAX = 256;
/** Records in one answer to a node that catches up; the answerer also bounds the bytes. */
export const RANGE_RECORDS_MAX = 256;
/** Cars of one lane in one answer; the answerer also bounds the bytes. */
export const CARS_MAX = 256;
export const PEER_FRAME_BYTES_MAX = 16 * 1024 * 1024;
/** A whole car: its batches, a length before each, header and signature. */
export const CAR_FRAME_BYTES_MAX = CAR_BYTES_MAX + 4 * CAR_BATCHES_MAX + 1024;
/** One part of a snapshot; the first holds the records of its newest blocks. */
export const SNAPSHOT_PART_BYTES_MAX = 4 * 1024 * 1024;

/** A final block for a node that catches up: the record, and those of the block's cars that fit, as bytes of the log. */
export type RangeItem = { readonly record: Uint8Array; readonly cars: readonly Uint8Array[] };

/** One frame between nodes. The transport has proved the sender; signatures inside prove the authors. */
export type PeerMessage =
  | {
      readonly type: "proposal";
      readonly block: SealedBlock;
      readonly signature: Uint8Array;
      readonly justification: readonly Certificate[];
    }
  | { readonly type: "vote"; readonly vote: Vote }
  | { readonly type: "certificate"; readonly certificate: Certificate }
  /** The next piece of a validator's lane, whole; read it with `parseCar`. */
  | { readonly type: "car"; readonly car: Uint8Array }
  /** To the lane's owner only. */
  | { readonly type: "ack"; readonly ack: Ack }
  | { readonly type: "availability"; readonly certificate: AvailabilityCertificate }
  /** What a validator without a lane signed by itself, for a member's lane: nothing but its duties. */
  | { readonly type: "batch"; readonly batch: Uint8Array }
  /** Asks for the cars from a number on up to this tip, on the way that leads back from its digest. */
  | { readonly type: "car-request"; readonly from: number; readonly tip: Tip }
  /** Cars that were asked for, oldest first; read each with `parseCar`. */
  | { readonly type: "cars"; readonly cars: readonly Uint8Array[] }
  /** Asks for a notarized block that the sender never got. */
  | { readonly type: "block-request"; readonly block: Hex }
  | { readonly type: "block"; readonly block: SealedBlock }
  /** Asks for certificates of views, both ends included. */
  | { readonly type: "certificates-request"; readonly from: number; readonly to: number }
  /** Asks for finalized blocks from a height on. */
  | { readonly type: "range-request"; readonly from: number }
  /** `oldest` is the oldest height that the sender still has. */
  | {
      readonly type: "range";
      readonly from: number;
      readonly oldest: number;
      readonly items: readonly RangeItem[];
    }
  /** Asks for the newest snapshot (height 0), or for a later part of the one of this height. */
  | { readonly type: "snapshot-request"; readonly height: number; readonly part: number }
  /** One slice; `last`: no slice follows. The first says what block it is of. Without a snapshot: height 0. */
  | {
      readonly type: "snapshot-part";
      readonly height: number;
      readonly part: number;
      readonly last: boolean;
      readonly bytes: Uint8Array;
    }
  /** A member whose vote journal is gone asks where the others stand (rule 3). */
  | { readonly type: "vote-query"; readonly nonce: Hex }
  | { readonly type: "vote-answer"; readonly answer: VoteAnswer }
  /** The sender is about to leave: its views are nullified at once. */
  | { readonly type: "stopping" }
  /** Is the peer there? Wire version 2; the number comes back. */
  | { readonly type: "probe"; readonly round: number }
  | { readonly type: "probe-answer"; readonly round: number };

/** The position is the tag on the wire. */
const TYPES = [
  "proposal",
  "vote",
  "certificate",
  "car",
  "ack",
  "availability",
  "batch",
  "car-request",
  "cars",
  "block-request",
  "block",
  "certificates-request",
  "range-request",
  "range",
  "snapshot-request",
  "snapshot-part",
  "vote-query",
  "vote-answer",
  "stopping",
  "probe",
  "probe-answer",
] as const satisfies readonly PeerMessage["type"][];

export function encodePeerMessage(message: PeerMessage): Uint8Array {
  const tag = TYPES.indexOf(message.type);
  if (message.type === "car") return carFrame(tag, message.car);
  return write(writer().u8(tag), message).done();
}

/** The bulk of all traffic is cars: one copy, no growing buffer. */
function carFrame(tag: number, car: Uint8Array): Uint8Array {
  const frame = new Uint8Array(5 + car.length);
  frame[0] = tag;
  new DataView(frame.buffer).setUint32(1, car.length, true);
  frame.set(car, 5);
  return frame;
}

function write(to: Writer, message: Exclude<PeerMessage, { type: "car" }>): Writer {
  switch (message.type) {
    case "proposal":
      to.bytes(message.block.bytes).fixed(message.signature).u32(message.justification.length);
      for (const certificate of message.justification) to.fixed(encodeCertificate(certificate));
      return to;
    case "vote":
      return to.fixed(encodeVote(message.vote));
    case "certificate":
      return to.fixed(encodeCertificate(message.certificate));
    case "ack":
      return writeAck(to, message.ack);
    case "availability":
      return writeAvailability(to, message.certificate);
    case "batch":
      return to.bytes(message.batch);
    case "car-request":
      return writeTip(writeCounter(to, message.from), message.tip);
    case "cars":
      to.u32(message.cars.length);
      for (const car of message.cars) to.bytes(car);
      return to;
    case "block-request":
      return to.fixed(hashBytes(message.block));
    case "block":
      return to.bytes(message.block.bytes);
    case "certificates-request":
      return writeCounter(writeCounter(to, message.from), message.to);
    case "range-request":
      return writeCounter(to, message.from);
    case "range":
      writeCounter(writeCounter(to, message.from), message.oldest).u32(message.items.length);
      for (const { record, cars } of message.items) {
        to.bytes(record).u32(cars.length);
        for (const car of cars) to.bytes(car);
      }
      return to;
    case "snapshot-request":
      return writeCounter(to, message.height).u32(message.part);
    case "snapshot-part":
      writeCounter(to, message.height).u32(message.part);
      return to.u8(message.last ? 1 : 0).bytes(message.bytes);
    case "vote-query":
      return to.fixed(hashBytes(message.nonce));
    case "vote-answer":
      return writeVoteAnswer(to, message.answer);
    case "stopping":
      return to;
    case "probe":
    case "probe-answer":
      return to.u32(message.round);
    default:
      return unreachable(message);
  }
}

/** Views into the frame, not copies: whoever keeps a car keeps its frame. */
export const parsePeerMessage = (frame: Uint8Array): Result<PeerMessage, "malformed"> => parse(frame, read);

function read(from: Reader): PeerMessage {
  const type = TYPES[from.u8()];
  switch (type) {
    case undefined:
      throw new MalformedBytes("unknown kind of message");
    case "proposal": {
      const block = readBlock(from);
      const signature = from.fixed(SIGNATURE_BYTES);
      return { type, block, signature, justification: list(from, JUSTIFICATION_MAX, readCertificate) };
    }
    case "vote":
      return { type, vote: readVote(from) };
    case "certificate":
      return { type, certificate: readCertificate(from) };
    case "car":
      return { type, car: readCarBytes(from) };
    case "ack":
      return { type, ack: readAck(from) };
    case "availability":
      return { type, certificate: readAvailability(from) };
    case "batch":
      return { type, batch: from.bytes(BATCH_BYTES_MAX) };
    case "car-request":
      return { type, from: readCounter(from), tip: readTip(from) };
    case "cars":
      return { type, cars: list(from, CARS_MAX, readCarBytes) };
    case "block-request":
      return { type, block: readHash(from) };
    case "block":
      return { type, block: readBlock(from) };
    case "certificates-request":
      return { type, from: readCounter(from), to: readCounter(from) };
    case "range-request":
      return { type, from: readCounter(from) };
    case "range":
      return {
        type,
        from: readCounter(from),
        oldest: readCounter(from),
        items: list(from, RANGE_RECORDS_MAX, (item) => ({
          record: item.bytes(PEER_FRAME_BYTES_MAX),
          cars: list(item, BLOCK_CARS_MAX, readCarBytes),
        })),
      };
    case "snapshot-request":
      return { type, height: readCounter(from), part: from.u32() };
    case "snapshot-part":
      return {
        type,
        height: readCounter(from),
        part: from.u32(),
        last: readFlag(from),
        bytes: from.bytes(SNAPSHOT_PART_BYTES_MAX),
      };
    case "vote-query":
      return { type, nonce: readHash(from) };
    case "vote-answer":
      return { type, answer: readVoteAnswer(from) };
    case "stopping":
      return { type };
    case "probe":
    case "probe-answer":
      return { type, round: from.u32() };
    default:
      return unreachable(type);
  }
}

function list<T>(from: Reader, max: number, readOne: (from: Reader) => T): T[] {
  const count = from.count(max);
  const items: T[] = [];
  for (let index = 0; index < count; index++) items.push(readOne(from));
  return items;
}

const readCarBytes = (from: Reader): Uint8Array => from.bytes(CAR_FRAME_BYTES_MAX);

function readBlock(from: Reader): SealedBlock {
  const block = parseBlock(from.bytes(BLOCK_BYTES_MAX));
  if (!block.ok) throw new MalformedBytes(block.detail ?? "block is malformed");
  return block.value;
}
