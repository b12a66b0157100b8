/**
 * Movements that the system makes by itself, as the journal names them. A conversion burns one token and issues another:
 * two moves; `pool_burn` and `pool_issue` are that of the PSY fees into the ATR pool. `unbonded` ends an unbonding. `mint`
 * issues a share of a mint, `mint_pool` pays one from the ATR pool; their id is the first half of the mint's.
 */
export const systemMoveKinds = [
  "issue",
  "bond",
  "unbond",
  "unbonded",
  "slash",
  "convert_burn",
  "convert_issue",
  "pool_burn",
  "pool_issue",
  "mint",
  "mint_pool",
] as const;

export type SystemMoveKind = (typeof systemMoveKinds)[number];
