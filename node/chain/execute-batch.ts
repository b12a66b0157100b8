import { unreachable } from "../base/assert.ts";
import { APPLIED, isRefused, recordResults } from "../ledger/codes.ts";
import { type AccountMoment, executeAccounts } from "../ledger/create-account.ts";
import { executeTransfers } from "../ledger/execute-transfers.ts";
import { hasRoomForIds } from "../ledger/known-ids.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { LedgerBatch } from "./execute-governance.ts";
import type { BatchOutcome } from "./types.ts";

type Executed = { readonly outcome: BatchOutcome; readonly applied: number };

/**
 * Executes a checked batch, which is number `place` in its block. `applied` counts transfers that moved or reserved
 * something for the first time.
 */
export function executeBatch(
  ledger: Ledger,
  { type, payload, count }: LedgerBatch,
  place: number,
  moment: AccountMoment,
): Executed {
  switch (type) {
    case "transfers": {
      // Remembered ids take memory until they leave the window: past the bound nothing more is executed.
      if (!hasRoomForIds(ledger.ids, count)) return { outcome: { refused: "ids_exhausted" }, applied: 0 };
      const results = executeTransfers(ledger, { payload, batch: place, moment });
      return { outcome: outcomeOf(results), applied: countOf(results, APPLIED) };
    }
    case "accounts":
      return { outcome: outcomeOf(executeAccounts(ledger, { payload, batch: place, moment })), applied: 0 };
    default:
      return unreachable(type);
  }
}

function countOf(results: Uint8Array, wanted: number): number {
  let found = 0;
  for (const result of results) if (result === wanted) found += 1;
  return found;
}

function outcomeOf(results: Uint8Array): BatchOutcome {
  const failures: { index: number; code: string }[] = [];
  // By index: an iterator over entries would make an array for each record.
  for (let index = 0; index < results.length; index++) {
    const result = results[index] as number;
    if (isRefused(result)) failures.push({ index, code: recordResults[result] as string });
  }
  return { count: results.length, failures };
}
