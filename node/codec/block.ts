import type { Hex } from "../base/bytes.ts";
import { accept, type Result, refuse } from "../base/result.ts";
import { type Nanos, nanos } from "../base/units.ts";
import type { CarriedVote as CountedVote } from "../chain/types.ts";
import { VALIDATORS_MAX } from "./certificate.ts";
import { type Evidence, offenceKey, readEvidence, writeEvidence } from "./evidence.ts";
import { sha256, sha256Hex } from "./hash.ts";
import { hashBytes, parse, readCounter, readHash, writeCounter } from "./parse.ts";
import { MalformedBytes, type Reader } from "./reader.ts";
import { SIGNATURE_BYTES } from "./signature.ts";
import { readDissent, writeDissent } from "./vote.ts";
import { writer } from "./writer.ts";

/** Hard limits of every block, whatever a leader's own settings are. A frame of the transport holds such a block. */
export const BLOCK_BYTES_MAX = 2 * 1024 * 1024;
/** Votes are carried for this many blocks back; the parent is 1. */
export const CARRIED_DEPTH_MAX = 8;
export const CARRIED_VOTES_MAX = CARRIED_DEPTH_MAX * VALIDATORS_MAX;
export const BLOCK_EVIDENCE_MAX = 32;

const HEADER_DOMAIN = new TextEncoder().encode("hmn/block/2\n");
/** Where there is no hash to name. */
export const ZERO_HASH: Hex = "0".repeat(64);

/**
 * `closing` ends its epoch. `tail` blocks are its descendants in the epoch (rule 5): empty, of the closing block's height,
 * never executed; finality of one finalizes the closing block.
 */
export type BlockKind = "normal" | "closing" | "tail";
/** The position is the tag in the encoding: append only. */
const KINDS = ["normal", "closing", "tail"] as const satisfies readonly BlockKind[];

/** A notarize vote for an ancestor. The signed ballot is made again from the ancestor's header. */
export type CarriedVote = CountedVote & { readonly signature: Uint8Array };

/** What a block's hash covers. The body enters by its hash, so that headers alone prove what a certificate finalizes. */
export type BlockHeader = {
  readonly epoch: number;
  /** From 1 in each epoch. */
  readonly view: number;
  readonly kind: BlockKind;
  readonly height: number;
  readonly parent: Hex;
  /** Id of the validator that proposed it. */
  readonly proposer: number;
  readonly time: Nanos;
  /** Newest finalized block that the proposer had executed (E of rule 6) and the results hash after it. */
  readonly executed: { readonly height: number; readonly resultsHash: Hex };
  /** Of a closing block: hash of the next epoch's set, weights and parameters. Otherwise zeros. */
  readonly next: Hex;
  /** H(H(votes) ‖ H(evidence) ‖ H(payload)). */
  readonly bodyHash: Hex;
};

/** A block as its proposer makes it. */
export type Block = Omit<BlockHeader, "bodyHash"> & {
  /** By depth, then signer, ascending. */
  readonly votes: readonly CarriedVote[];
  /** By `offenceKey` ascending. */
  readonly evidence: readonly Evidence[];
  /** What the lanes say; opaque here. */
  readonly payload: Uint8Array;
};

/** A block with what is computed from it once: its hash, its body's hash, its bytes. */
export type SealedBlock = Block & BlockHeader & { readonly hash: Hex; readonly bytes: Uint8Array };

export function encodeHeader(header: BlockHeader): Uint8Array {
  const to = writeCounter(writer().u32(header.epoch), header.view).u8(KINDS.indexOf(header.kind));
  writeCounter(to, header.height).fixed(hashBytes(header.parent)).u32(header.proposer).u64(header.time);
  writeCounter(to, header.executed.height).fixed(hashBytes(header.executed.resultsHash));
  return to.fixed(hashBytes(header.next)).fixed(hashBytes(header.bodyHash)).done();
}

export function readHeader(from: Reader): BlockHeader {
  return {
    epoch: from.u32(),
    view: readCounter(from),
    kind: readKind(from),
    height: readCounter(from),
    parent: readHash(from),
    proposer: from.u32(),
    time: nanos(from.u64()),
    executed: { height: readCounter(from), resultsHash: readHash(from) },
    next: readHash(from),
    bodyHash: readHash(from),
  };
}

function readKind(from: Reader): BlockKind {
  const kind = KINDS[from.u8()];
  if (kind === undefined) throw new MalformedBytes("unknown kind of block");
  return kind;
}

export const hashHeader = (header: BlockHeader): Hex => sha256Hex(HEADER_DOMAIN, encodeHeader(header));

export function headerOf(block: BlockHeader): BlockHeader {
  const { epoch, view, kind, height, parent, proposer, time, executed, next, bodyHash } = block;
  return { epoch, view, kind, height, parent, proposer, time, executed, next, bodyHash };
}

export function sealBlock(block: Block): SealedBlock {
  const { epoch, view, kind, height, parent, proposer, time, executed, next, votes, evidence, payload } = block;
  const [voteBytes, evidenceBytes] = [encodeVotes(votes), encodeEvidence(evidence)];
  const bodyHash = hashBody({ votes: voteBytes, evidence: evidenceBytes, payload });
  const header = { epoch, view, kind, height, parent, proposer, time, executed, next, bodyHash };
  const bytes = writer().fixed(encodeHeader(header)).bytes(voteBytes).bytes(evidenceBytes).bytes(payload).done();
  return { ...header, votes, evidence, payload, hash: hashHeader(header), bytes };
}

/** The block of outside bytes: form, order and limits hold, and the header's hash of the body is the body's. */
export function parseBlock(bytes: Uint8Array): Result<SealedBlock, "malformed"> {
  if (bytes.length > BLOCK_BYTES_MAX) return refuse("malformed", "block is too large");
  const raw = parse(bytes, (from) => ({
    header: readHeader(from),
    votes: from.bytes(BLOCK_BYTES_MAX),
    evidence: from.bytes(BLOCK_BYTES_MAX),
    payload: from.bytes(BLOCK_BYTES_MAX),
  }));
  if (!raw.ok) return raw;
  const { header, payload } = raw.value;
  if (hashBody(raw.value) !== header.bodyHash) return refuse("malformed", "the body is not the header's");
  const votes = parse(raw.value.votes, readVotes);
  if (!votes.ok) return votes;
  const evidence = parse(raw.value.evidence, readEvidences);
  if (!evidence.ok) return evidence;
  return accept({
    ...header,
    votes: votes.value,
    evidence: evidence.value,
    payload,
    hash: hashHeader(header),
    bytes,
  });
}

const hashBody = ({ votes, evidence, payload }: Record<"votes" | "evidence" | "payload", Uint8Array>): Hex =>
  sha256Hex(sha256(votes), sha256(evidence), sha256(payload));

function encodeVotes(votes: readonly CarriedVote[]): Uint8Array {
  const to = writer().u32(votes.length);
  for (const { depth, signer, executedHash, signature } of votes) {
    writeDissent(to.u8(depth).u32(signer), executedHash).fixed(signature);
  }
  return to.done();
}

function readVotes(from: Reader): readonly CarriedVote[] {
  const count = from.count(CARRIED_VOTES_MAX);
  const votes: CarriedVote[] = [];
  for (let index = 0; index < count; index++) {
    const depth = from.u8();
    const signer = from.u32();
    const executedHash = readDissent(from);
    const signature = from.fixed(SIGNATURE_BYTES);
    if (depth < 1 || depth > CARRIED_DEPTH_MAX) throw new MalformedBytes("no vote is carried from so far");
    const before = votes.at(-1);
    if (before !== undefined && (before.depth > depth || (before.depth === depth && before.signer >= signer)))
      throw new MalformedBytes("carried votes are not ascending");
    votes.push(executedHash === undefined ? { depth, signer, signature } : { depth, signer, executedHash, signature });
  }
  return votes;
}

function encodeEvidence(evidence: readonly Evidence[]): Uint8Array {
  const to = writer().u32(evidence.length);
  for (const one of evidence) writeEvidence(to, one);
  return to.done();
}

function readEvidences(from: Reader): readonly Evidence[] {
  const count = from.count(BLOCK_EVIDENCE_MAX);
  const found: Evidence[] = [];
  for (let index = 0; index < count; index++) {
    const evidence = readEvidence(from);
    const before = found.at(-1);
    if (before !== undefined && offenceKey(before) >= offenceKey(evidence))
      throw new MalformedBytes("evidence is not ascending");
    found.push(evidence);
  }
  return found;
}
