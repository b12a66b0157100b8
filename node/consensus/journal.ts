import { unreachable } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import type { Result } from "../base/result.ts";
import { parseBlock, type SealedBlock } from "../codec/block.ts";
import { type Certificate, encodeCertificate, readCertificate } from "../codec/certificate.ts";
import { hashBytes, parse, readHash } from "../codec/parse.ts";
import { MalformedBytes } from "../codec/reader.ts";
import { encodeVote, readVote, type Vote } from "../codec/vote.ts";
import { writer } from "../codec/writer.ts";
import type { ConsensusState } from "./state.ts";

/** One record of the `votes` stream (rules 2 and 3). The first is always `opened`: a journal without it is not this node's. */
export type JournalRecord =
  | { readonly type: "opened"; readonly chainId: Hex; readonly validator: number }
  | { readonly type: "block"; readonly block: SealedBlock }
  | { readonly type: "vote"; readonly vote: Vote }
  | { readonly type: "certificate"; readonly certificate: Certificate };

/** The position is the tag on disk: append only. */
const TYPES = ["opened", "block", "vote", "certificate"] as const satisfies readonly JournalRecord["type"][];
const BLOCK_TAG = TYPES.indexOf("block");

export function encodeJournal(record: JournalRecord): Uint8Array {
  const to = writer().u8(TYPES.indexOf(record.type));
  switch (record.type) {
    case "opened":
      return to.fixed(hashBytes(record.chainId)).u32(record.validator).done();
    case "block":
      return to.fixed(record.block.bytes).done();
    case "vote":
      return to.fixed(encodeVote(record.vote)).done();
    case "certificate":
      return to.fixed(encodeCertificate(record.certificate)).done();
    default:
      return unreachable(record);
  }
}

export function parseJournal(bytes: Uint8Array): Result<JournalRecord, "malformed"> {
  if (bytes[0] === BLOCK_TAG) {
    const block = parseBlock(bytes.subarray(1));
    return block.ok ? { ok: true, value: { type: "block", block: block.value } } : block;
  }
  return parse(bytes, (from): JournalRecord => {
    const type = TYPES[from.u8()];
    switch (type) {
      case "opened":
        return { type, chainId: readHash(from), validator: from.u32() };
      case "vote":
        return { type, vote: readVote(from) };
      case "certificate":
        return { type, certificate: readCertificate(from) };
      case undefined:
      case "block":
        throw new MalformedBytes("unknown kind of record");
      default:
        return unreachable(type);
    }
  });
}

/** All that the journal still has to hold: the own votes, the certificates and the journaled blocks of undecided views. */
export function compactJournal(state: ConsensusState, self: number): readonly Uint8Array[] {
  const records: JournalRecord[] = [{ type: "opened", chainId: state.config.chainId, validator: self }];
  const blocks = [...state.blocks.values()].filter(({ hash }) => state.journaled.has(hash));
  for (const block of blocks.toSorted((a, b) => a.view - b.view)) records.push({ type: "block", block });
  for (const view of [...state.views.values()].toSorted((a, b) => a.number - b.number)) {
    for (const certificate of [view.notarization, view.nullification]) {
      if (certificate !== undefined) records.push({ type: "certificate", certificate });
    }
    for (const vote of [view.own.notarize, view.own.nullify, view.own.finalize]) {
      if (vote !== undefined) records.push({ type: "vote", vote });
    }
  }
  return records.map(encodeJournal);
}
