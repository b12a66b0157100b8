import type { Hex } from "../base/bytes.ts";
import { accept, type Result, refuse } from "../base/result.ts";
import {
  BLOCK_BYTES_MAX,
  type BlockHeader,
  encodeHeader,
  hashHeader,
  parseBlock,
  readHeader,
  type SealedBlock,
} from "./block.ts";
import {
  type Committee,
  encodeCertificate,
  type Finalization,
  isFinalization,
  readCertificate,
  type Verify,
  verifyCertificate,
} from "./certificate.ts";
import { parse } from "./parse.ts";
import { MalformedBytes } from "./reader.ts";
import { writer } from "./writer.ts";

/** Blocks that may be notarized on top of each other before one of them is final. */
export const UNFINAL_BLOCKS_MAX = 4096;
/** A block, a header of each unfinal one above it, a certificate: rounded up. */
export const RECORD_BYTES_MAX = BLOCK_BYTES_MAX + 256 * UNFINAL_BLOCKS_MAX + 64 * 1024;

/**
 * A finalized block as the log and catching up carry it, complete in itself: its finality is proved by `certificate`,
 * which is for the block or, over the chain of `headers`, for a descendant of the same epoch.
 */
export type BlockRecord = {
  readonly block: SealedBlock;
  readonly headers: readonly BlockHeader[];
  readonly certificate: Finalization;
};

export function encodeRecord({ block, headers, certificate }: BlockRecord): Uint8Array {
  const to = writer().bytes(block.bytes).u32(headers.length);
  for (const header of headers) to.fixed(encodeHeader(header));
  return to.fixed(encodeCertificate(certificate)).done();
}

export function parseRecord(bytes: Uint8Array): Result<BlockRecord, "malformed"> {
  const raw = parse(bytes, (from) => {
    const block = from.bytes(BLOCK_BYTES_MAX);
    const count = from.count(UNFINAL_BLOCKS_MAX);
    const headers: BlockHeader[] = [];
    for (let index = 0; index < count; index++) headers.push(readHeader(from));
    const certificate = readCertificate(from);
    if (!isFinalization(certificate)) throw new MalformedBytes("certificate is not of finality");
    return { block, headers, certificate };
  });
  if (!raw.ok) return raw;
  const block = parseBlock(raw.value.block);
  return block.ok ? accept({ ...raw.value, block: block.value }) : block;
}

/** Whether the record's certificate is a quorum's and finalizes the record's block. */
export function verifyRecord(
  record: BlockRecord,
  setting: { chainId: string; committee: Committee; verify: Verify },
): Result<BlockRecord, "not-a-quorum" | "wrong-signature" | "not-linked"> {
  if (!isLinked(record)) return refuse("not-linked");
  const verified = verifyCertificate(record.certificate, setting);
  return verified.ok ? accept(record) : verified;
}

/** Whether the headers lead from the block to the one that the certificate names, inside one epoch. */
export function isLinked({
  block,
  headers,
  certificate: { ballot },
}: Pick<BlockRecord, "headers" | "certificate"> & {
  block: Pick<SealedBlock, "kind" | "epoch" | "height" | "hash">;
}): boolean {
  let top: { hash: Hex; height: number } = block;
  if (block.kind === "tail" || block.epoch !== ballot.epoch) return false;
  for (const header of headers) {
    // A tail block has no height of its own (rule 5).
    const height = header.kind === "tail" ? top.height : top.height + 1;
    if (header.parent !== top.hash || header.height !== height || header.epoch !== ballot.epoch) return false;
    top = { hash: hashHeader(header), height };
  }
  return top.hash === ballot.block && top.height === ballot.height;
}
