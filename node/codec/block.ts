import { type Hex, toHex } from "../base/bytes.ts";
import type { Result } from "../base/result.ts";
import { nanos } from "../base/units.ts";
import type { Block } from "../chain/types.ts";
import { sha256, sha256Hex } from "./hash.ts";
import { hashBytes, parse, readCounter, readHash, writeCounter } from "./parse.ts";
import type { Reader } from "./reader.ts";
import { writer } from "./writer.ts";

/** Hard limits of every block, whatever a leader's own settings are. A frame of the transport holds such a block. */
export const BLOCK_BYTES_MAX = 8 * 1024 * 1024;
export const BLOCK_BATCHES_MAX = 4096;

const HEADER_DOMAIN = new TextEncoder().encode("hmn/block/1\n");

/**
 * What a block's hash covers. The batches enter by the hash of their ids, so that a chain of headers proves which
 * ancestors a certificate finalizes without carrying anyone's batches.
 */
export type BlockHeader = Omit<Block, "batches"> & { readonly batchesHash: Hex };

/** A block with what is computed from it once: its hash, its batches' ids, its bytes. */
export type SealedBlock = Block & { readonly hash: Hex; readonly ids: readonly Hex[]; readonly bytes: Uint8Array };

export type { Block } from "../chain/types.ts";

export function encodeHeader(header: BlockHeader): Uint8Array {
  const to = writer().u32(header.epoch);
  writeCounter(to, header.view);
  writeCounter(to, header.height);
  to.fixed(hashBytes(header.parent)).u32(header.proposer).u64(header.time);
  writeCounter(to, header.executed.height);
  return to.fixed(hashBytes(header.executed.resultsHash)).fixed(hashBytes(header.batchesHash)).done();
}

export function readHeader(from: Reader): BlockHeader {
  return {
    epoch: from.u32(),
    view: readCounter(from),
    height: readCounter(from),
    parent: readHash(from),
    proposer: from.u32(),
    time: nanos(from.u64()),
    executed: { height: readCounter(from), resultsHash: readHash(from) },
    batchesHash: readHash(from),
  };
}

export const hashHeader = (header: BlockHeader): Hex => sha256Hex(HEADER_DOMAIN, encodeHeader(header));

export function headerOf(block: SealedBlock): BlockHeader {
  const { epoch, view, height, parent, proposer, time, executed } = block;
  return { epoch, view, height, parent, proposer, time, executed, batchesHash: hashOfIds(block.ids) };
}

export function sealBlock(block: Block): SealedBlock {
  const ids = block.batches.map((batch) => sha256Hex(batch));
  const header: BlockHeader = { ...block, batchesHash: hashOfIds(ids) };
  const to = writer().fixed(encodeHeader(header)).u32(block.batches.length);
  for (const batch of block.batches) to.bytes(batch);
  return { ...block, hash: hashHeader(header), ids, bytes: to.done() };
}

/** The block of outside bytes: form and limits hold, and the header's hash of the batches is the batches'. */
export function parseBlock(bytes: Uint8Array): Result<SealedBlock, "malformed"> {
  const raw = parse(bytes, (from) => {
    const header = readHeader(from);
    const count = from.count(BLOCK_BATCHES_MAX);
    const batches: Uint8Array[] = [];
    for (let index = 0; index < count; index++) batches.push(from.bytes(BLOCK_BYTES_MAX));
    return { header, batches };
  });
  if (!raw.ok) return raw;
  if (bytes.length > BLOCK_BYTES_MAX) return { ok: false, reason: "malformed", detail: "block is too large" };
  const { header, batches } = raw.value;
  const ids = batches.map((batch) => toHex(sha256(batch)));
  if (hashOfIds(ids) !== header.batchesHash) {
    return { ok: false, reason: "malformed", detail: "batches are not the header's" };
  }
  const { batchesHash: _, ...facts } = header;
  return { ok: true, value: { ...facts, batches, hash: hashHeader(header), ids, bytes } };
}

const hashOfIds = (ids: readonly Hex[]): Hex => sha256Hex(...ids.map(hashBytes));
