import { type Hex, toHex } from "./base/bytes.ts";
import { accept, type Result, refuse } from "./base/result.ts";
import { type Chain, epochOf, parametersOf } from "./chain/chain.ts";
import { parametersHash } from "./chain/parameters.ts";
import { type EpochProof, followEpochs, type Trust } from "./chain/proof.ts";
import { finalHeader } from "./chain/prove.ts";
import type { Member } from "./chain/types.ts";
import { type BlockHeader, CARRIED_DEPTH_MAX, encodeHeader, readHeader } from "./codec/block.ts";
import {
  type BlockRecord,
  encodeRecord,
  isLinked,
  parseRecord,
  RECORD_BYTES_MAX,
  UNFINAL_BLOCKS_MAX,
  verifyRecord,
} from "./codec/block-record.ts";
import {
  encodeCertificate,
  isFinalization,
  readCertificate,
  VALIDATORS_MAX,
  type Verify,
} from "./codec/certificate.ts";
import { hashBytes, parse, readFlag, readHash } from "./codec/parse.ts";
import { MalformedBytes, type Reader } from "./codec/reader.ts";
import { type Writer, writer } from "./codec/writer.ts";

/** Closing blocks whose proofs a node keeps: whoever knows the set of one of these epochs can check its snapshots. */
export const EPOCH_PROOFS_MAX = 256;

/** What a snapshot says of its own place in the chain, in its first part. */
export type SnapshotHead = {
  /** Made by this node from its own state; a peer's has still to be confirmed by a later final block. */
  readonly own: boolean;
  /** The newest epochs' sets, each proved by the closing block before it; oldest first. */
  readonly epochs: readonly EpochProof[];
  /** The newest final blocks, oldest first; the last one is the block of the snapshot. */
  readonly records: readonly [BlockRecord, ...BlockRecord[]];
};

/** A block and the set of its epoch that the operator vouches for: a checkpoint younger than the unbonding time (rule 10). */
export type TrustAnchor = { readonly height: number; readonly blockHash: Hex; readonly setHash: Hex };

/** The record that the snapshot is of. */
export const newestOf = ({ records }: SnapshotHead): BlockRecord => records.at(-1) ?? records[0];

/** The set of the epoch that a closing block began, with the chain right behind that block. */
export function proveEpoch(record: BlockRecord, chain: Chain): EpochProof {
  const { members } = epochOf(chain);
  return { ...finalHeader(record), members, parametersHash: toHex(parametersHash(parametersOf(chain))) };
}

/**
 * What keeps this node from believing a peer's head, if anything (rule 10): its block has to be the operator's anchor, or
 * final by a quorum of a set that follows from one which is known here or anchored.
 */
export function headFault(
  head: SnapshotHead,
  known: {
    readonly chainId: Hex;
    readonly epoch: number;
    readonly members: readonly Member[];
    readonly anchor: TrustAnchor | undefined;
    readonly verify: Verify;
  },
): string | undefined {
  const { anchor } = known;
  const record = newestOf(head);
  const anchored = head.records.some(
    ({ block: { height, hash } }) => height === anchor?.height && hash === anchor.blockHash,
  );
  if (anchored) return undefined;
  const starts: Trust[] = [{ chainId: known.chainId, epoch: known.epoch, members: known.members }];
  for (const { header, members } of head.epochs) {
    if (header.next === anchor?.setHash) starts.push({ chainId: known.chainId, epoch: header.epoch + 1, members });
  }
  for (const trust of starts) {
    const epochs = head.epochs.filter(({ header: { epoch } }) => epoch >= trust.epoch && epoch < record.block.epoch);
    const reached = followEpochs(epochs, trust);
    if (!reached.ok || reached.value.epoch !== record.block.epoch) continue;
    const { committee } = reached.value;
    if (verifyRecord(record, { chainId: known.chainId, committee, verify: known.verify }).ok) return undefined;
  }
  return `nothing here vouches for the validators of epoch ${record.block.epoch}`;
}

export function encodeHead({ own, epochs, records }: SnapshotHead): Uint8Array {
  const to = writer()
    .u8(own ? 1 : 0)
    .u32(epochs.length);
  for (const epoch of epochs) writeEpoch(to, epoch);
  to.u32(records.length);
  for (const record of records) to.bytes(encodeRecord(record));
  return to.done();
}

/** Form only: what vouches for it is for `headFault`. */
export function parseHead(bytes: Uint8Array): Result<SnapshotHead, "malformed"> {
  const raw = parse(bytes, (from) => ({
    own: readFlag(from),
    epochs: Array.from({ length: from.count(EPOCH_PROOFS_MAX) }, () => readEpoch(from)),
    records: Array.from({ length: from.count(CARRIED_DEPTH_MAX) }, () => from.bytes(RECORD_BYTES_MAX)),
  }));
  if (!raw.ok) return raw;
  const records: BlockRecord[] = [];
  for (const one of raw.value.records) {
    const record = parseRecord(one);
    if (!record.ok) return record;
    const before = records.at(-1)?.block.hash;
    if (!isLinked(record.value) || (before !== undefined && record.value.block.parent !== before))
      return refuse("malformed", "records do not follow each other");
    records.push(record.value);
  }
  const [first, ...rest] = records;
  if (first === undefined) return refuse("malformed", "a snapshot is of a block");
  return accept({ own: raw.value.own, epochs: raw.value.epochs, records: [first, ...rest] });
}

function writeEpoch(to: Writer, { header, headers, certificate, members, parametersHash }: EpochProof): void {
  to.fixed(encodeHeader(header)).u32(headers.length);
  for (const one of headers) to.fixed(encodeHeader(one));
  to.fixed(encodeCertificate(certificate)).u32(members.length);
  for (const { id, weight, publicKey } of members) to.u32(id).u32(weight).fixed(hashBytes(publicKey));
  to.fixed(hashBytes(parametersHash));
}

function readEpoch(from: Reader): EpochProof {
  const header = readHeader(from);
  const headers: BlockHeader[] = Array.from({ length: from.count(UNFINAL_BLOCKS_MAX) }, () => readHeader(from));
  const certificate = readCertificate(from);
  if (!isFinalization(certificate)) throw new MalformedBytes("certificate is not of finality");
  const members = Array.from({ length: from.count(VALIDATORS_MAX) }, () => ({
    id: from.u32(),
    weight: from.u32(),
    publicKey: readHash(from),
  }));
  return { header, headers, certificate, members, parametersHash: readHash(from) };
}
