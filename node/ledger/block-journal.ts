import { assert } from "../base/assert.ts";
import type { Nanos } from "../base/units.ts";
import { payloadOf } from "../codec/batch.ts";
import { type Reader, reader } from "../codec/reader.ts";
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

type Untimed = Omit<JournalEntry, "position" | "height" | "time">;
/** The entries that came of one thing: a record of a batch, or a move of the system. */
type Told = { readonly entries: readonly Untimed[]; readonly sent: Transfer | undefined };

/** Every journal entry of a block. Fails where note and batches do not belong together. */
export function entriesOf(block: JournalBlock): JournalEntry[] {
  const { height, time, journal } = block;
  const entries: JournalEntry[] = [];
  for (const told of thingsOf(block))
    for (const entry of told.entries)
      entries.push({ ...entry, position: journal.first + entries.length, height, time });
  assert(entries.length === journal.count, "note tells as many entries as execution counted");
  return entries;
}

/** The transfers that a block applied, in order. */
export function transfersOf(block: JournalBlock): AppliedTransfer[] {
  const transfers: AppliedTransfer[] = [];
  for (const { entries, sent } of thingsOf(block)) {
    const [first] = entries;
    if (sent === undefined || first === undefined) continue;
    transfers.push({
      record: { ...sent, timestamp: block.time },
      height: block.height,
      debit: first.debit,
      credit: first.credit,
      ledger: first.ledger,
      code: first.code,
      // A fee was a part of what the payer paid.
      amount: entries.reduce((sum, { amount }) => sum + amount, 0n),
    });
  }
  return transfers;
}

function* thingsOf({ batches, journal }: JournalBlock): Generator<Told> {
  const note = reader(journal.note);
  while (note.remaining() > 0) {
    const item = note.u8();
    if (item === Item.entry) yield { entries: [readEntry(note).entry], sent: undefined };
    else yield* batchThings(note, batches);
  }
}

function* batchThings(note: Reader, batches: readonly Uint8Array[]): Generator<Told> {
  const batch = batches[note.u32()];
  assert(batch !== undefined, "noted batch is in the block");
  const payload = payloadOf(batch);
  const count = note.u16();
  const parts = note.u8();
  const bits = (): Uint8Array => note.fixed(Math.ceil(count / 8));
  const refused = (parts & BatchHas.refused) === 0 ? undefined : bits();
  const repeats = (parts & BatchHas.repeats) === 0 ? undefined : bits();
  const told = Array.from({ length: note.u32() }, () => readEntry(note));
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const ofTransfers = payload.length === count * TRANSFER_BYTES;
  let next = 0;
  for (let index = 0; index < count; index++) {
    if (isSet(refused, index) || isSet(repeats, index)) continue;
    const sent = ofTransfers ? readTransfer(view, index * TRANSFER_BYTES) : undefined;
    const entries: Untimed[] = [];
    for (; told[next]?.record === index; next++) entries.push((told[next] as Noted).entry);
    if (entries.length === 0 && sent !== undefined) entries.push(plainEntry(sent));
    yield { entries, sent };
  }
  assert(next === told.length, "told entries belong to applied records");
}

const isSet = (bits: Uint8Array | undefined, index: number): boolean =>
  bits !== undefined && ((bits[index >> 3] as number) & (1 << (index & 7))) !== 0;

function plainEntry(sent: Transfer): Untimed {
  const { id, debit, credit, amount, ledger, code, flags, pendingId, userData128, userData64, userData32 } = sent;
  const kind = has(flags, transferFlags.pending) ? "pending" : "transfer";
  return { kind, id, debit, credit, amount, ledger, code, flags, pendingId, userData128, userData64, userData32 };
}

type Noted = { readonly entry: Untimed; readonly record: number };

function readEntry(note: Reader): Noted {
  const before = note.remaining();
  const fields = {
    id: note.u128(),
    debit: note.u128(),
    credit: note.u128(),
    amount: note.u128(),
    pendingId: note.u128(),
    userData128: note.u128(),
    userData64: note.u64(),
    userData32: note.u32(),
    ledger: note.u32(),
    code: note.u16(),
    flags: note.u16(),
  };
  const kind = entryKinds[note.u8()];
  assert(kind !== undefined, "kind of a noted entry is known");
  note.u8();
  const record = note.u16();
  assert(before - note.remaining() === ENTRY_BYTES, "noted entries have one length");
  return { entry: { ...fields, kind }, record };
}
