import { unreachable } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import { accountFlags, decodeAccountRecords } from "../codec/account.ts";
import { decodeTransfers, transferFlags } from "../codec/transfer.ts";
import { has } from "../ledger/account.ts";
import { applyChains } from "../ledger/chains.ts";
import type { RecordResult } from "../ledger/codes.ts";
import { createAccount } from "../ledger/create-account.ts";
import { createTransfer } from "../ledger/create-transfer.ts";
import type { Ledger, Moment } from "../ledger/ledger.ts";
import type { LedgerBatch } from "./execute-governance.ts";
import type { BatchOutcome } from "./types.ts";

type Executed = { readonly outcome: BatchOutcome; readonly applied: number };

/** Executes a checked batch. `applied` counts transfers that moved or reserved something for the first time. */
export function executeBatch(
  ledger: Ledger,
  batch: LedgerBatch,
  moment: Moment & { readonly chainId: Hex; readonly accountFee: bigint },
): Executed {
  switch (batch.type) {
    case "transfers": {
      const results = applyChains({
        ledger,
        records: decodeTransfers(batch.payload),
        linked: (transfer) => has(transfer.flags, transferFlags.linked),
        apply: (transfer) => createTransfer(ledger, transfer, moment),
      });
      return { outcome: outcomeOf(results), applied: results.filter((result) => result === "applied").length };
    }
    case "accounts": {
      const results = applyChains({
        ledger,
        records: decodeAccountRecords(batch.payload),
        linked: (account) => has(account.flags, accountFlags.linked),
        apply: (account) => createAccount(ledger, account, moment),
      });
      return { outcome: outcomeOf(results), applied: 0 };
    }
    default:
      return unreachable(batch.type);
  }
}

const outcomeOf = (results: readonly RecordResult[]): BatchOutcome => ({
  count: results.length,
  failures: results.flatMap((code, index) => (code === "applied" || code === "exists" ? [] : [{ index, code }])),
});
