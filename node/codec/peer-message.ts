import { unreachable } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import type { Result } from "../base/result.ts";
import { BLOCK_BYTES_MAX, parseBlock, type SealedBlock } from "./block.ts";
import { type Certificate, encodeCertificate, readCertificate } from "./certificate.ts";
import { hashBytes, parse, readCounter, readHash, writeCounter } from "./parse.ts";
import { MalformedBytes, type Reader } from "./reader.ts";
import { SIGNATURE_BYTES } from "./signature.ts";
import { encodeVote, readVote, type Vote } from "./vote.ts";
import { writer } from "./writer.ts";

/** Certificates that one proposal carries: its parent's, and those of nullified views in between. */
export const JUSTIFICATION_MAX = 256;
/** Records in one answer to a node that catches up; the answerer also bounds the bytes. */
export const RANGE_RECORDS_MAX = 256;
export const PEER_FRAME_BYTES_MAX = 16 * 1024 * 1024;

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
  /** A client's signed batch, so that any leader can order it. */
  | { readonly type: "batch"; readonly batch: Uint8Array }
  /** Asks for a notarized block that the sender never got. */
  | { readonly type: "block-request"; readonly block: Hex }
  | { readonly type: "block"; readonly block: SealedBlock }
  /** Asks for certificates of views, both ends included. */
  | { readonly type: "certificates-request"; readonly from: number; readonly to: number }
  /** Asks for finalized blocks from a height on. */
  | { readonly type: "range-request"; readonly from: number }
  | { readonly type: "range"; readonly from: number; readonly records: readonly Uint8Array[] }
  /** The sender is about to leave: its views are nullified at once. */
  | { readonly type: "stopping" };

/** The position is the tag on the wire: append only. */
const TYPES = [
  "proposal",
  "vote",
  "certificate",
  "batch",
  "block-request",
  "block",
  "certificates-request",
  "range-request",
  "range",
  "stopping",
] as const satisfies readonly PeerMessage["type"][];

export function encodePeerMessage(message: PeerMessage): Uint8Array {
  const to = writer().u8(TYPES.indexOf(message.type));
  switch (message.type) {
    case "proposal":
      to.bytes(message.block.bytes).fixed(message.signature).u32(message.justification.length);
      for (const certificate of message.justification) to.fixed(encodeCertificate(certificate));
      return to.done();
    case "vote":
      return to.fixed(encodeVote(message.vote)).done();
    case "certificate":
      return to.fixed(encodeCertificate(message.certificate)).done();
    case "batch":
      return to.bytes(message.batch).done();
    case "block-request":
      return to.fixed(hashBytes(message.block)).done();
    case "block":
      return to.bytes(message.block.bytes).done();
    case "certificates-request":
      return writeCounter(writeCounter(to, message.from), message.to).done();
    case "range-request":
      return writeCounter(to, message.from).done();
    case "range":
      writeCounter(to, message.from).u32(message.records.length);
      for (const record of message.records) to.bytes(record);
      return to.done();
    case "stopping":
      return to.done();
    default:
      return unreachable(message);
  }
}

export const parsePeerMessage = (frame: Uint8Array): Result<PeerMessage, "malformed"> => parse(frame, read);

function read(from: Reader): PeerMessage {
  const type = TYPES[from.u8()];
  switch (type) {
    case undefined:
      throw new MalformedBytes("unknown kind of message");
    case "proposal": {
      const block = readBlock(from);
      const signature = from.fixed(SIGNATURE_BYTES);
      const count = from.count(JUSTIFICATION_MAX);
      const justification: Certificate[] = [];
      for (let index = 0; index < count; index++) justification.push(readCertificate(from));
      return { type, block, signature, justification };
    }
    case "vote":
      return { type, vote: readVote(from) };
    case "certificate":
      return { type, certificate: readCertificate(from) };
    case "batch":
      return { type, batch: from.bytes(BLOCK_BYTES_MAX) };
    case "block-request":
      return { type, block: readHash(from) };
    case "block":
      return { type, block: readBlock(from) };
    case "certificates-request":
      return { type, from: readCounter(from), to: readCounter(from) };
    case "range-request":
      return { type, from: readCounter(from) };
    case "range": {
      const start = readCounter(from);
      const count = from.count(RANGE_RECORDS_MAX);
      const records: Uint8Array[] = [];
      for (let index = 0; index < count; index++) records.push(from.bytes(PEER_FRAME_BYTES_MAX));
      return { type, from: start, records };
    }
    case "stopping":
      return { type };
    default:
      return unreachable(type);
  }
}

function readBlock(from: Reader): SealedBlock {
  const block = parseBlock(from.bytes(BLOCK_BYTES_MAX));
  if (!block.ok) throw new MalformedBytes(block.detail ?? "block is malformed");
  return block.value;
}
