import { unreachable } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import type { Result } from "../base/result.ts";
import { parseBlock, type SealedBlock } from "../codec/block.ts";
import { type Certificate, encodeCertificate, readCertificate } from "../codec/certificate.ts";
import { hashBytes, parse, readCounter, readHash, writeCounter } from "../codec/parse.ts";
import { MalformedBytes } from "../codec/reader.ts";
import { encodeVote, readVote, type Vote } from "../codec/vote.ts";
import { writer } from "../codec/writer.ts";
import { type ConsensusState, decidedView, isAbove, type Place } from "./state.ts";

/** One record of the `votes` stream (rules 2 and 3). */
export type JournalRecord =
  /** Always the first, else it is no journal. What was voted up to the place is decided and not kept. */
  | { readonly type: "opened"; readonly chainId: Hex; readonly validator: number; readonly since: Place }
  | { readonly type: "block"; readonly block: SealedBlock }
  | { readonly type: "vote"; readonly vote: Vote }
  | { readonly type: "certificate"; readonly certificate: Certificate }
  /** This node has seen two quorums contradict each other and votes no more. */
  | { readonly type: "forked"; readonly epoch: number; readonly view: number }
  /** The journal before was lost; answers of the others let this node vote above the place. */
  | { readonly type: "regained"; readonly epoch: number; readonly view: number };

/** The position is the tag on disk: append only. */
const TYPES = [
  "opened",
  "block",
  "vote",
  "certificate",
  "forked",
  "regained",
] as const satisfies readonly JournalRecord["type"][];
const BLOCK_TAG = TYPES.indexOf("block");

export function encodeJournal(record: JournalRecord): Uint8Array {
  const to = writer().u8(TYPES.indexOf(record.type));
  switch (record.type) {
    case "opened": {
      to.fixed(hashBytes(record.chainId)).u32(record.validator).u32(record.since.epoch);
      return writeCounter(to, record.since.view).done();
    }
    case "block":
      return to.fixed(record.block.bytes).done();
    case "vote":
      return to.fixed(encodeVote(record.vote)).done();
    case "certificate":
      return to.fixed(encodeCertificate(record.certificate)).done();
    case "forked":
    case "regained":
      return writeCounter(to.u32(record.epoch), record.view).done();
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
      case "opened": {
        const facts = { chainId: readHash(from), validator: from.u32() };
        return { type, ...facts, since: { epoch: from.u32(), view: readCounter(from) } };
      }
      case "vote":
        return { type, vote: readVote(from) };
      case "certificate":
        return { type, certificate: readCertificate(from) };
      case "forked":
      case "regained":
        return { type, epoch: from.u32(), view: readCounter(from) };
      case undefined:
      case "block":
        throw new MalformedBytes("unknown kind of record");
      default:
        return unreachable(type);
    }
  });
}

/** The first record of a journal that begins here. */
export function openedRecord({ config }: ConsensusState, since: Place): JournalRecord {
  return { type: "opened", chainId: config.chainId, validator: config.validator, since };
}

/** All that the journal still has to hold: the own votes, the certificates and the journaled blocks of undecided views. */
export function compactJournal(state: ConsensusState): readonly Uint8Array[] {
  const { epoch, regained, voteAbove } = state;
  const here = { epoch, view: decidedView(state) };
  const records: JournalRecord[] = [openedRecord(state, isAbove(voteAbove, here) ? voteAbove : here)];
  if (regained !== undefined) records.push({ type: "regained", ...regained });
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
  return [...records.map(encodeJournal), ...state.laterJournal];
}
