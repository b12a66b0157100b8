import { present } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import { accountFlags } from "../codec/account.ts";
import { openAccount } from "../ledger/account.ts";
import { record } from "../ledger/journal.ts";
import { addAccount, book, createLedger, type Ledger } from "../ledger/ledger.ts";
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
  const ledger = createLedger();
  const open = ({ id, owner, token, code }: { id: bigint; owner: Hex | undefined; token: number; code: number }) =>
    addAccount(
      ledger,
      openAccount({
        id,
        owner,
        ledger: token,
        code,
        flags:
          id === systemAccountId(token, "issuance")
            ? accountFlags.creditsMustNotExceedDebits
            : accountFlags.debitsMustNotExceedCredits,
        createdAt: genesis.time,
      }),
    );
  for (const token of tokenLedgers)
    for (const name of Object.keys(SYSTEM_ACCOUNTS) as SystemAccount[])
      open({ id: systemAccountId(token, name), owner: undefined, token, code: SYSTEM_ACCOUNTS[name] });
  for (const { id, ownerKey, bond } of genesis.validators) {
    for (const token of tokenLedgers)
      open({ id: validatorAccountId(id, token), owner: ownerKey, token, code: OPENED_BY_SYSTEM_CODE });
    issue(ledger, genesis, { to: systemAccountId(TOKENS.ATR, "bond"), token: TOKENS.ATR, amount: bond });
  }
  for (const { id, ownerKey, ledger: token, balance } of genesis.accounts) {
    open({ id, owner: ownerKey, token, code: OPENED_BY_SYSTEM_CODE });
    if (balance > 0n) issue(ledger, genesis, { to: id, token, amount: balance });
  }
  return ledger;
}

function issue(
  ledger: Ledger,
  genesis: Genesis,
  { to, token, amount }: { to: bigint; token: number; amount: bigint },
): void {
  const issuance = present(ledger.accounts.get(systemAccountId(token, "issuance")), "issuance account is there");
  const account = present(ledger.accounts.get(to), "credited account is there");
  book(ledger, [
    { account: issuance, sum: "debitsPosted", change: amount },
    { account, sum: "creditsPosted", change: amount },
  ]);
  record(ledger, {
    height: 0,
    time: genesis.time,
    kind: "issue",
    id: to,
    debit: issuance.id,
    credit: to,
    amount,
    ledger: token,
  });
}
