import { present } from "../base/assert.ts";
import { TOKENS, type TokenName } from "../ledger/tokens.ts";
import { type Chain, totalsOf } from "./chain.ts";
import type { MintRecord } from "./mint-record.ts";

/** What exists of a token, in its smallest unit: held = issued − burned, at most the cap. */
export type TokenSupply = {
  readonly issued: bigint;
  readonly burned: bigint;
  readonly held: bigint;
  readonly cap: bigint;
};

export type SupplyView = {
  readonly tokens: Readonly<Record<TokenName, TokenSupply>>;
  /** The mints that stand in the state, newest first. */
  readonly mints: readonly MintRecord[];
};

export function supplyView(chain: Chain): SupplyView {
  const totals = totalsOf(chain);
  const supply = (token: TokenName): TokenSupply => {
    const { issued, burned, held } = totals[token];
    const cap = present(chain.genesis.supplyCaps.get(TOKENS[token]), "every token has a cap");
    return { issued, burned, held, cap };
  };
  const [FLX, CHR, ATR, PSY, RES] = [supply("FLX"), supply("CHR"), supply("ATR"), supply("PSY"), supply("RES")];
  return { tokens: { FLX, CHR, ATR, PSY, RES }, mints: chain.governance.coherence.mints.toReversed() };
}
