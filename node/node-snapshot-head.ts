import { EPOCH_PROOFS_MAX, type GenesisFile } from "./api/contract.ts";
import { type Hex, toHex } from "./base/bytes.ts";
import { memo } from "./base/memo.ts";
import { accept, type Result, refuse } from "./base/result.ts";
import { type Chain, epochOf, parametersOf } from "./chain/chain.ts";
import { parametersHash } from "./chain/parameters.ts";
import { type EpochProof, followEpochs, namesItsSet, type Trust } from "./chain/proof.ts";
import { trustOfGenesis } from "./chain/proof-trust.ts";
import { finalHeader } from "./chain/prove.ts";
import type { TrustAnchor } from "./chain/types.ts";
import { type BlockHeader, CARRIED_DEPTH_MAX, encodeHeader, hashHeader, readHeader } from "./codec/block.ts";
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

/** What a snapshot says of its own place in the chain, in its first part. */
export type SnapshotHead = {
  /** Made by this node from its own state; a peer's has still to be confirmed by a later final block. */
  readonly own: boolean;
  /** The newest epochs' sets, each proved by the closing block before it; oldest first. */
  readonly epochs: readonly EpochProof[];
  /** The newest final blocks, oldest first; the last one is the block of the snapshot. */
  readonly records: readonly [BlockRecord, ...BlockRecord[]];
};

/** The record that the snapshot is of. */
export const newestOf = ({ records }: Pick<SnapshotHead, "records">): BlockRecord => records.at(-1) ?? records[0];

/** The set of the epoch that a closing block began, with the chain right behind that block. */
export function proveEpoch(record: BlockRecord, chain: Chain): EpochProof {
  const { members } = epochOf(chain);
  return { ...finalHeader(record), members, parametersHash: toHex(parametersHash(parametersOf(chain))) };
}

/** What a node that executed this closing block can vouch for. */
export const anchorOf = memo(
  ({ header }: EpochProof): TrustAnchor => ({
    epoch: header.epoch + 1,
    height: header.height,
    blockHash: hashHeader(header),
    setHash: header.next,
  }),
);

/** The epoch behind a head's block, and the hash of its set; undefined only where the genesis is refused. */
export function claimedSet(
  { epochs, records }: SnapshotHead,
  genesis: GenesisFile,
): { readonly epoch: number; readonly setHash: Hex } | undefined {
  const { block } = newestOf({ records });
  const closing = block.kind === "closing" ? block : epochs.at(-1)?.header;
  if (closing !== undefined) return { epoch: closing.epoch + 1, setHash: closing.next };
  const first = trustOfGenesis(genesis);
  return first.ok ? first.value : undefined;
}

/**
 * What keeps this node from believing a peer's head, if anything (rule 10): its block has to be the operator's anchor, or
 * final by a quorum of a set that follows from one which is known here or anchored. What it says of sets is true up to
 * `claimedSet` then; its state has still to be of that set.
 */
export function headFault(
  head: SnapshotHead,
  known: Start & { readonly anchor: TrustAnchor | undefined; readonly verify: Verify },
): string | undefined {
  const { chainId, anchor, verify } = known;
  const { block } = newestOf(head);
  if (!isGapless(head)) return `its epochs do not lead to epoch ${block.epoch}`;
  if (block.hash === anchor?.blockHash) return undefined;
  const given = head.epochs.find((step) => step.header.next === anchor?.setHash && namesItsSet(step));
  const starts: Start[] = [known];
  if (given !== undefined)
    starts.push({ chainId, epoch: given.header.epoch + 1, members: given.members, setHash: given.header.next });
  const vouches = (start: Start): boolean => {
    const named = head.epochs.find(({ header }) => header.epoch === start.epoch - 1);
    if (named !== undefined && named.header.next !== start.setHash) return false;
    const epochs = head.epochs.filter(({ header: { epoch } }) => epoch >= start.epoch && epoch < block.epoch);
    const reached = followEpochs(epochs, start);
    if (!reached.ok || reached.value.epoch !== block.epoch) return false;
    return verifyRecord(newestOf(head), { chainId, committee: reached.value.committee, verify }).ok;
  };
  return starts.some(vouches) ? undefined : `nothing here vouches for the validators of epoch ${block.epoch}`;
}

/** An epoch whose set is known. */
type Start = Trust & { readonly setHash: Hex };

/** The proofs are of epochs that follow each other, up to the one before the block's; a closing block's own comes with it. */
function isGapless({ epochs, records }: SnapshotHead): boolean {
  const { block } = newestOf({ records });
  const last = block.kind === "closing" ? block.epoch : block.epoch - 1;
  const first = last - epochs.length + 1;
  return (last === 0 || epochs.length > 0) && epochs.every(({ header }, index) => header.epoch === first + index);
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
