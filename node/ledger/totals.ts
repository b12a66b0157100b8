import { assert } from "../base/assert.ts";
import { SUM, sumOf, tokenOf } from "./accounts.ts";
import { type Ledger, systemAccount } from "./ledger.ts";
import { count, type RunningTotals, runningTotals, totalOf } from "./running-totals.ts";
import { type SystemAccount, TOKENS, type TokenName, tokenLedgers } from "./tokens.ts";

/** What exists of one token. At all times held = issued − burned, and debits equal credits. */
export type Totals = {
  readonly ledger: number;
  readonly issued: bigint;
  readonly burned: bigint;
  /** Credits less debits over all accounts but issuance and burn. */
  readonly held: bigint;
  readonly debitsPosted: bigint;
  readonly creditsPosted: bigint;
  readonly debitsPending: bigint;
  readonly creditsPending: bigint;
};

/** Sums over all accounts, per token, from the running totals that every booking keeps. */
export const totalsOf = (ledger: Ledger): Readonly<Record<TokenName, Totals>> => describe(ledger, ledger.totals);

/** The same, added up account by account: takes time in proportion to them, and finds a booking that went past its total. */
export function recount(ledger: Ledger): Readonly<Record<TokenName, Totals>> {
  const { accounts } = ledger;
  const sums = runningTotals();
  for (let account = 0; account < accounts.rows.count; account++)
    for (const sum of Object.values(SUM)) count(sums, tokenOf(accounts, account), sum, sumOf(accounts, account, sum));
  for (const token of tokenLedgers)
    for (const sum of Object.values(SUM))
      assert(
        totalOf(sums, token, sum) === totalOf(ledger.totals, token, sum),
        "running totals are those of the accounts",
      );
  return describe(ledger, sums);
}

function describe(ledger: Ledger, sums: RunningTotals): Readonly<Record<TokenName, Totals>> {
  const totals = (token: number): Totals => {
    const debitsPosted = totalOf(sums, token, SUM.debitsPosted);
    const creditsPosted = totalOf(sums, token, SUM.creditsPosted);
    const issued = -balance(ledger, token, "issuance");
    const burned = balance(ledger, token, "burn");
    return {
      ledger: token,
      issued,
      burned,
      held: creditsPosted - debitsPosted + issued - burned,
      debitsPosted,
      creditsPosted,
      debitsPending: totalOf(sums, token, SUM.debitsPending),
      creditsPending: totalOf(sums, token, SUM.creditsPending),
    };
  };
  return {
    FLX: totals(TOKENS.FLX),
    CHR: totals(TOKENS.CHR),
    ATR: totals(TOKENS.ATR),
    PSY: totals(TOKENS.PSY),
    RES: totals(TOKENS.RES),
  };
}

function balance(ledger: Ledger, token: number, name: SystemAccount): bigint {
  const account = systemAccount(ledger, token, name);
  return sumOf(ledger.accounts, account, SUM.creditsPosted) - sumOf(ledger.accounts, account, SUM.debitsPosted);
}
