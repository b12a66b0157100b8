import { assert } from "../base/assert.ts";
import { createLedger, type Ledger } from "../ledger/ledger.ts";
import { openSystemAccount, systemMove } from "../ledger/system-move.ts";
import {
  OPENED_BY_SYSTEM_CODE,
  SYSTEM_ACCOUNTS,
  type SystemAccount,
  systemAccountId,
  TOKENS,
  tokenLedgers,
  validatorAccountId,
} from "../ledger/tokens.ts";
import type { Genesis } from "./genesis.ts";

/** The ledger before the first block: every balance of genesis is issued from its token's issuance account. */
export function openLedger(genesis: Genesis): Ledger {
  const ledger = createLedger(Number.parseInt(genesis.chainId.slice(0, 8), 16) | 0);
  const createdAt = genesis.time;
  for (const token of tokenLedgers)
    for (const name of Object.keys(SYSTEM_ACCOUNTS) as SystemAccount[])
      openSystemAccount(ledger, {
        id: systemAccountId(token, name),
        owner: undefined,
        token,
        code: SYSTEM_ACCOUNTS[name],
        createdAt,
      });
  for (const { id, ownerKey: owner, bond } of genesis.validators) {
    for (const token of tokenLedgers)
      openSystemAccount(ledger, {
        id: validatorAccountId(id, token),
        owner,
        token,
        code: OPENED_BY_SYSTEM_CODE,
        createdAt,
      });
    issue(ledger, { to: systemAccountId(TOKENS.ATR, "bond"), token: TOKENS.ATR, amount: bond });
  }
  for (const { id, ownerKey: owner, ledger: token, balance } of genesis.accounts) {
    openSystemAccount(ledger, { id, owner, token, code: OPENED_BY_SYSTEM_CODE, createdAt });
    if (balance > 0n) issue(ledger, { to: id, token, amount: balance });
  }
  return ledger;
}

function issue(ledger: Ledger, { to, token, amount }: { to: bigint; token: number; amount: bigint }): void {
  const from = systemAccountId(token, "issuance");
  const move = { kind: "issue", id: to, ledger: token, debit: from, credit: to, amount } as const;
  assert(systemMove(ledger, move) === "applied", "balances of genesis fit");
}
