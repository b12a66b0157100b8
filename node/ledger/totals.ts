import { present } from "../base/assert.ts";
import type { Ledger } from "./ledger.ts";
import { systemAccountId, TOKENS, type TokenName } from "./tokens.ts";

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

/** Sums over all accounts, per token. Takes time in proportion to the accounts: for checks, not for each block. */
export function totalsOf(ledger: Ledger): Readonly<Record<TokenName, Totals>> {
  const totals = (token: number): Totals => {
    const sums = { debitsPosted: 0n, creditsPosted: 0n, debitsPending: 0n, creditsPending: 0n, held: 0n };
    const issuance = present(ledger.accounts.get(systemAccountId(token, "issuance")), "issuance account is there");
    const burn = present(ledger.accounts.get(systemAccountId(token, "burn")), "burn account is there");
    for (const account of ledger.accounts.values()) {
      if (account.ledger !== token) continue;
      sums.debitsPosted += account.debitsPosted;
      sums.creditsPosted += account.creditsPosted;
      sums.debitsPending += account.debitsPending;
      sums.creditsPending += account.creditsPending;
      if (account !== issuance && account !== burn) sums.held += account.creditsPosted - account.debitsPosted;
    }
    return {
      ledger: token,
      issued: issuance.debitsPosted - issuance.creditsPosted,
      burned: burn.creditsPosted - burn.debitsPosted,
      ...sums,
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
