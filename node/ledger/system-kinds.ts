/**
 * Movements that the system makes by itself, as the journal names them. A conversion burns one token and issues another:
 * two moves; `pool_burn` and `pool_issue` are that of the PSY fees into the ATR pool. `unbonded` ends an unbonding.
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
] as const;

export type SystemMoveKind = (typeof systemMoveKinds)[number];
