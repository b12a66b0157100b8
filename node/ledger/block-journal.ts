import { assert } from "../base/assert.ts";
import type { Nanos } from "../base/units.ts";
import { payloadOf } from "../codec/batch.ts";
import { reader } from "../codec/reader.ts";
import { readTransfer, TRANSFER_BYTES, type Transfer, transferFlags } from "../codec/transfer.ts";
import { has } from "./account.ts";
import { BatchHas, ENTRY_BYTES, entryKinds, Item, type JournalEntry, type JournalNote } from "./journal.ts";

/** A block as far as its journal goes: all its batches in the order of execution, and what execution noted. */
export type JournalBlock = {
  readonly height: number;
  readonly time: Nanos;
  readonly batches: readonly Uint8Array[];
  readonly journal: JournalNote;
};

/** A transfer that was applied: as the client sent it, and what came of it. */
export type AppliedTransfer = {
  /** With the block time as its timestamp. */
  readonly record: Transfer;
  readonly height: number;
  /** The accounts and the amount really moved or reserved: post and void take theirs from the pending transfer. */
  readonly debit: bigint;
  readonly credit: bigint;
  readonly ledger: number;
  readonly code: number;
  readonly amount: bigint;
};

type Executed = Pick<JournalBlock, "batches" | "journal">;
type Untimed = Omit<JournalEntry, "position" | "height" | "time">;

/** Every journal entry of a block. Fails where note and batches do not belong together. */
export function entriesOf(block: JournalBlock): JournalEntry[] {
  const { height, time, journal } = block;
  const entries: JournalEntry[] = [];
  walk(block, (sent, sentAt, note, notedAt, noted) => {
    for (const entry of told(sent, sentAt, note, notedAt, noted))
      entries.push({ ...entry, position: journal.first + entries.length, height, time });
  });
  assert(entries.length === journal.count, "note tells as many entries as execution counted");
  return entries;
}

/** The transfers that a block applied, in order. */
export function transfersOf(block: JournalBlock): AppliedTransfer[] {
  const transfers: AppliedTransfer[] = [];
  walk(block, (sent, sentAt, note, notedAt, noted) => {
    const entries = told(sent, sentAt, note, notedAt, noted);
    const [first] = entries;
    if (sent === undefined || first === undefined) return;
    transfers.push({
      record: { ...readTransfer(sent, sentAt), timestamp: block.time },
      height: block.height,
      debit: first.debit,
      credit: first.credit,
      ledger: first.ledger,
      code: first.code,
      // A fee was a part of what the payer paid.
      amount: entries.reduce((sum, { amount }) => sum + amount, 0n),
    });
  });
  return transfers;
}

/** Of one entry: its id, debit and credit are the 48 bytes at `at`. `named`: a client's transfer is looked up by that id. */
export type VisitEntry = (view: DataView, at: number, named: boolean) => void;

/** Calls back for every entry of a block in order. It makes no object of any: an index sees every transfer. */
export function scanEntries(block: Executed, visit: VisitEntry): void {
  let count = 0;
  walk(block, (sent, sentAt, note, notedAt, noted) => {
    for (let index = 0; index < noted; index++) {
      const at = notedAt + index * ENTRY_BYTES;
      visit(note, at, NAMED[note.getUint8(at + KIND_AT)] === true);
    }
    if (noted === 0 && sent !== undefined) visit(sent, sentAt, true);
    count += noted === 0 && sent !== undefined ? 1 : noted;
  });
  assert(count === block.journal.count, "note tells as many entries as execution counted");
}

/** By the number of a kind: the first entry of every transfer is one of these; its fee follows under the same id. */
const NAMED = entryKinds.map((kind) => ["transfer", "pending", "post", "void"].includes(kind));
/** Where an entry in a note has the number of its kind and the index of its record (`ENTRY_BYTES`). */
const KIND_AT = 116;
const RECORD_AT = 118;

/**
 * One thing that the journal tells of, with the entries that were noted of it, `noted` of them from `notedAt` on: a record of
 * a batch, at `sentAt` where it is a transfer, or something of the system. A transfer without noted entries was a plain one.
 */
type VisitThing = (sent: DataView | undefined, sentAt: number, note: DataView, notedAt: number, noted: number) => void;

function walk({ batches, journal }: Executed, visit: VisitThing): void {
  const note = viewOf(journal.note);
  for (let at = 0; at < note.byteLength; ) {
    const item = note.getUint8(at);
    if (item === Item.batch) {
      at = walkBatch(note, at + 1, batches, visit);
      continue;
    }
    assert(item === Item.entry, "a note holds entries and batches");
    visit(undefined, 0, note, at + 1, 1);
    at += 1 + ENTRY_BYTES;
  }
}

/** Answers with where the batch's item ends. */
function walkBatch(note: DataView, at: number, batches: readonly Uint8Array[], visit: VisitThing): number {
  const batch = batches[note.getUint32(at, true)];
  assert(batch !== undefined, "noted batch is in the block");
  const payload = viewOf(payloadOf(batch));
  const count = note.getUint16(at + 4, true);
  const parts = note.getUint8(at + 6);
  const refused = (parts & BatchHas.refused) === 0 ? NO_BITS : at + 7;
  const behind = refused === NO_BITS ? at + 7 : refused + Math.ceil(count / 8);
  const repeats = (parts & BatchHas.repeats) === 0 ? NO_BITS : behind;
  const from = repeats === NO_BITS ? behind : repeats + Math.ceil(count / 8);
  const end = from + 4 + note.getUint32(from, true) * ENTRY_BYTES;
  const sent = payload.byteLength === count * TRANSFER_BYTES ? payload : undefined;
  let next = from + 4;
  for (let index = 0; index < count; index++) {
    if (isSet(note, refused, index) || isSet(note, repeats, index)) continue;
    const first = next;
    while (next < end && note.getUint16(next + RECORD_AT, true) === index) next += ENTRY_BYTES;
    visit(sent, index * TRANSFER_BYTES, note, first, (next - first) / ENTRY_BYTES);
  }
  assert(next === end, "told entries belong to applied records");
  return end;
}

const NO_BITS = -1;
const isSet = (note: DataView, bits: number, index: number): boolean =>
  bits !== NO_BITS && (note.getUint8(bits + (index >> 3)) & (1 << (index & 7))) !== 0;

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The entries that came of one thing. */
function told(...[sent, sentAt, note, notedAt, noted]: Parameters<VisitThing>): readonly Untimed[] {
  if (noted === 0) return sent === undefined ? [] : [plainEntry(readTransfer(sent, sentAt))];
  return Array.from({ length: noted }, (_, index) => readEntry(note, notedAt + index * ENTRY_BYTES));
}

function plainEntry(sent: Transfer): Untimed {
  const { id, debit, credit, amount, ledger, code, flags, pendingId, userData128, userData64, userData32 } = sent;
  const kind = has(flags, transferFlags.pending) ? "pending" : "transfer";
  return { kind, id, debit, credit, amount, ledger, code, flags, pendingId, userData128, userData64, userData32 };
}

function readEntry(note: DataView, at: number): Untimed {
  const from = reader(new Uint8Array(note.buffer, note.byteOffset + at, KIND_AT));
  const fields = {
    id: from.u128(),
    debit: from.u128(),
    credit: from.u128(),
    amount: from.u128(),
    pendingId: from.u128(),
    userData128: from.u128(),
    userData64: from.u64(),
    userData32: from.u32(),
    ledger: from.u32(),
    code: from.u16(),
    flags: from.u16(),
  };
  from.end();
  const kind = entryKinds[note.getUint8(at + KIND_AT)];
  assert(kind !== undefined, "kind of a noted entry is known");
  return { ...fields, kind };
}
