import { assert } from "../base/assert.ts";
import type { Nanos } from "../base/units.ts";
import { type ByteList, byteList, pushByte, pushU16, pushU32, room } from "./byte-list.ts";
import { EXISTS, isRefused } from "./codes.ts";
import { type SystemMoveKind, systemMoveKinds } from "./system-kinds.ts";

/**
 * One movement, in the order of execution: together they explain every balance. `pending` reserves `amount`; `post`,
 * `void` and `expire` first give back the whole amount that the pending transfer `pendingId` had reserved; `void` and
 * `expire` move nothing else, and every other kind moves `amount` between posted sums.
 */
export type JournalEntry = {
  /** From 1, without gaps. */
  readonly position: number;
  /** Block; 0 is genesis. */
  readonly height: number;
  readonly kind: EntryKind;
  /** The transfer's id; for `issue` and `account_fee` the id of the account that is credited or opened. */
  readonly id: bigint;
  readonly debit: bigint;
  readonly credit: bigint;
  readonly amount: bigint;
  readonly ledger: number;
  readonly code: number;
  readonly flags: number;
  readonly pendingId: bigint;
  readonly userData128: bigint;
  readonly userData64: bigint;
  readonly userData32: number;
  readonly time: Nanos;
};

export type EntryKind =
  | "transfer"
  | "pending"
  | "post"
  | "void"
  | "expire"
  | "account_fee"
  | "token_fee"
  | SystemMoveKind;

/** The number of a kind in a note is its place here. */
export const entryKinds: readonly EntryKind[] = [
  "transfer",
  "pending",
  "post",
  "void",
  "expire",
  "account_fee",
  "token_fee",
  ...systemMoveKinds,
];

type Optional = "code" | "flags" | "pendingId" | "userData128" | "userData64" | "userData32";
/** An entry as execution names it; place, block and time follow from where it is recorded. */
export type NewEntry = Omit<JournalEntry, "position" | "height" | "time" | Optional> &
  Partial<Pick<JournalEntry, Optional>>;

/** What execution made of a block beyond its bytes: entries `first` to `first + count - 1`, to be told by `entriesOf`. */
export type JournalNote = { readonly first: number; readonly count: number; readonly note: Uint8Array };

/**
 * Writes the note of the block under way. Entries of plain transfers and plain reservations follow from the batch and are
 * only counted. A note is a row of items in the order of execution: an entry by itself, or a batch with what was refused
 * in it, what was a repeat, and its entries that do not follow from its bytes.
 */
export type Journal = {
  /** Entries since genesis. */
  count: number;
  first: number;
  readonly note: ByteList;
  /** Entries of the batch under way that its bytes do not tell. */
  readonly told: ByteList;
  /** Index of the record under way, or `OUTSIDE` of a batch. */
  record: number;
};

export const OUTSIDE = -1;
/** An entry in a note: the fields of a transfer up to its ledger, code, flags, kind, zero, index of its record. */
export const ENTRY_BYTES = 120;
export const Item = { entry: 1, batch: 2 } as const;
export const BatchHas = { refused: 1, repeats: 2 } as const;

export const createJournal = (count = 0): Journal => ({
  count,
  first: count + 1,
  note: byteList(),
  told: byteList(),
  record: OUTSIDE,
});

export function record(journal: Journal, entry: NewEntry): void {
  journal.count += 1;
  const into = journal.record === OUTSIDE ? journal.note : journal.told;
  if (journal.record === OUTSIDE) pushByte(into, Item.entry);
  const at = room(into, ENTRY_BYTES);
  const { view } = into;
  const u128 = (offset: number, value: bigint): void => {
    view.setBigUint64(at + offset, BigInt.asUintN(64, value), true);
    view.setBigUint64(at + offset + 8, value >> 64n, true);
  };
  u128(0, entry.id);
  u128(16, entry.debit);
  u128(32, entry.credit);
  u128(48, entry.amount);
  u128(64, entry.pendingId ?? 0n);
  u128(80, entry.userData128 ?? 0n);
  view.setBigUint64(at + 96, entry.userData64 ?? 0n, true);
  view.setUint32(at + 104, entry.userData32 ?? 0, true);
  view.setUint32(at + 108, entry.ledger, true);
  view.setUint16(at + 112, entry.code ?? 0, true);
  view.setUint16(at + 114, entry.flags ?? 0, true);
  const kind = entryKinds.indexOf(entry.kind);
  assert(kind >= 0, "kind of an entry has a number");
  view.setUint8(at + 116, kind);
  view.setUint8(at + 117, 0);
  view.setUint16(at + 118, Math.max(0, journal.record), true);
}

/** Counts an entry that follows from the batch's bytes. */
export function countPlain(journal: Journal): void {
  journal.count += 1;
}

/** Notes a batch that was executed: one result number for each of its records, as `applied`, `exists`, or a refusal. */
export function noteBatch(journal: Journal, batch: number, results: Uint8Array): void {
  journal.record = OUTSIDE;
  const { note, told } = journal;
  const refused = results.some(isRefused);
  const repeats = results.includes(EXISTS);
  pushByte(note, Item.batch);
  pushU32(note, batch);
  pushU16(note, results.length);
  pushByte(note, (refused ? BatchHas.refused : 0) | (repeats ? BatchHas.repeats : 0));
  if (refused) pushBits(note, results, isRefused);
  if (repeats) pushBits(note, results, (result) => result === EXISTS);
  pushU32(note, told.length / ENTRY_BYTES);
  const at = room(note, told.length);
  note.bytes.set(told.bytes.subarray(0, told.length), at);
  told.length = 0;
}

function pushBits(note: ByteList, results: Uint8Array, is: (result: number) => boolean): void {
  const at = room(note, Math.ceil(results.length / 8));
  for (let index = 0; index < results.length; index++) {
    const byte = at + (index >> 3);
    if (is(results[index] as number)) note.bytes[byte] = (note.bytes[byte] as number) | (1 << (index & 7));
  }
}

/** Ends the block under way and begins the next one. */
export function takeNote(journal: Journal): JournalNote {
  assert(journal.told.length === 0, "entries of a batch are noted with it");
  const { first, count, note } = journal;
  journal.first = count + 1;
  const bytes = note.bytes.slice(0, note.length);
  note.length = 0;
  return { first, count: count + 1 - first, note: bytes };
}
