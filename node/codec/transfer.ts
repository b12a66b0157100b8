import { assert } from "../base/assert.ts";

/** One transfer on the wire: 128 bytes, little-endian, in TigerBeetle's layout (consensus.md, "Client batch"). */
export const TRANSFER_BYTES = 128;
export const U128_MAX = (1n << 128n) - 1n;

/** Bits of `Transfer.flags`; numbers as in TigerBeetle, `agent` is our own. */
export const transferFlags = {
  linked: 1 << 0,
  pending: 1 << 1,
  postPending: 1 << 2,
  voidPending: 1 << 3,
  balancingDebit: 1 << 4,
  balancingCredit: 1 << 5,
  /** On a pending transfer: the owner of the account in `userData128` may post or void it too. */
  agent: 1 << 15,
} as const;

export type Transfer = {
  /** The upper 48 bits are milliseconds since 1970. */
  readonly id: bigint;
  readonly debit: bigint;
  readonly credit: bigint;
  /** In the token's smallest unit. */
  readonly amount: bigint;
  readonly pendingId: bigint;
  readonly userData128: bigint;
  readonly userData64: bigint;
  readonly userData32: number;
  /** Seconds of block time after which a pending transfer is void; 0 is never. */
  readonly timeout: number;
  readonly ledger: number;
  readonly code: number;
  readonly flags: number;
  /** Zero from clients; the block time, in nanoseconds, once applied. */
  readonly timestamp: bigint;
};

const LOW_64 = 0xffff_ffff_ffff_ffffn;

/** A transfer whose unnamed fields are zero. */
export const newTransfer = (fields: Partial<Transfer> & Pick<Transfer, "id">): Transfer => ({
  debit: 0n,
  credit: 0n,
  amount: 0n,
  pendingId: 0n,
  userData128: 0n,
  userData64: 0n,
  userData32: 0,
  timeout: 0,
  ledger: 0,
  code: 0,
  flags: 0,
  timestamp: 0n,
  ...fields,
});

export function encodeTransfers(transfers: readonly Transfer[]): Uint8Array {
  const bytes = new Uint8Array(transfers.length * TRANSFER_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [index, transfer] of transfers.entries()) writeTransfer(view, index * TRANSFER_BYTES, transfer);
  return bytes;
}

export function writeTransfer(view: DataView, at: number, transfer: Transfer): void {
  writeU128(view, at, transfer.id);
  writeU128(view, at + 16, transfer.debit);
  writeU128(view, at + 32, transfer.credit);
  writeU128(view, at + 48, transfer.amount);
  writeU128(view, at + 64, transfer.pendingId);
  writeU128(view, at + 80, transfer.userData128);
  view.setBigUint64(at + 96, transfer.userData64, true);
  view.setUint32(at + 104, transfer.userData32, true);
  view.setUint32(at + 108, transfer.timeout, true);
  view.setUint32(at + 112, transfer.ledger, true);
  view.setUint16(at + 116, transfer.code, true);
  view.setUint16(at + 118, transfer.flags, true);
  view.setBigUint64(at + 120, transfer.timestamp, true);
}

/** Reads whole records: every bit pattern is a transfer; whether it is a permitted one is the ledger's question. */
export function decodeTransfers(bytes: Uint8Array): Transfer[] {
  assert(bytes.length % TRANSFER_BYTES === 0, "transfers are whole records");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const transfers: Transfer[] = [];
  for (let at = 0; at < bytes.length; at += TRANSFER_BYTES) transfers.push(readTransfer(view, at));
  return transfers;
}

export const readTransfer = (view: DataView, at: number): Transfer => ({
  id: readU128(view, at),
  debit: readU128(view, at + 16),
  credit: readU128(view, at + 32),
  amount: readU128(view, at + 48),
  pendingId: readU128(view, at + 64),
  userData128: readU128(view, at + 80),
  userData64: view.getBigUint64(at + 96, true),
  userData32: view.getUint32(at + 104, true),
  timeout: view.getUint32(at + 108, true),
  ledger: view.getUint32(at + 112, true),
  code: view.getUint16(at + 116, true),
  flags: view.getUint16(at + 118, true),
  timestamp: view.getBigUint64(at + 120, true),
});

export function writeU128(view: DataView, at: number, value: bigint): void {
  // A DataView would silently wrap a larger number into another account's id or another amount.
  assert(value >= 0n && value <= U128_MAX, "value fits 128 bits");
  view.setBigUint64(at, value & LOW_64, true);
  view.setBigUint64(at + 8, value >> 64n, true);
}

export const readU128 = (view: DataView, at: number): bigint =>
  view.getBigUint64(at, true) | (view.getBigUint64(at + 8, true) << 64n);
