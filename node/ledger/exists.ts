import type { Transfer } from "../codec/transfer.ts";
import type { ResultCode } from "./codes.ts";

/** The first field in which a known id is sent again with something else; undefined for a plain repeat. */
export function differsFrom(known: Transfer, sent: Transfer): ResultCode | undefined {
  if (known.flags !== sent.flags) return "exists_with_different_flags";
  if (known.pendingId !== sent.pendingId) return "exists_with_different_pending_id";
  if (known.timeout !== sent.timeout) return "exists_with_different_timeout";
  if (known.debit !== sent.debit) return "exists_with_different_debit_account_id";
  if (known.credit !== sent.credit) return "exists_with_different_credit_account_id";
  if (known.amount !== sent.amount) return "exists_with_different_amount";
  return commonDifference(known, sent);
}

type Common = Pick<Transfer, "userData128" | "userData64" | "userData32" | "ledger" | "code">;

/** The fields that accounts and transfers share. The order decides which code is answered, so it is the same on all nodes. */
export function commonDifference(known: Common, sent: Common): ResultCode | undefined {
  if (known.userData128 !== sent.userData128) return "exists_with_different_user_data_128";
  if (known.userData64 !== sent.userData64) return "exists_with_different_user_data_64";
  if (known.userData32 !== sent.userData32) return "exists_with_different_user_data_32";
  if (known.ledger !== sent.ledger) return "exists_with_different_ledger";
  if (known.code !== sent.code) return "exists_with_different_code";
  return undefined;
}
