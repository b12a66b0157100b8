import { TRANSFER_BYTES } from "../codec/transfer.ts";

/** Where the fields of a transfer stand, in words (consensus.md, "Client batch"). */
export const Word = {
  id: 0,
  debit: 4,
  credit: 8,
  amount: 12,
  pendingId: 16,
  userData128: 20,
  userData64: 24,
  userData32: 26,
  timeout: 27,
  ledger: 28,
  /** Code in the lower half, flags in the upper one. */
  codeAndFlags: 29,
  timestamp: 30,
} as const;

export const RECORD_WORDS = TRANSFER_BYTES / 4;
