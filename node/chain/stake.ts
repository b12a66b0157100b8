import { assert } from "../base/assert.ts";
import { accept, type Result, refuse } from "../base/result.ts";
import { type Nanos, nanos } from "../base/units.ts";
import type { ResultCode } from "../ledger/codes.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { type SystemMoveKind, systemMove } from "../ledger/system-move.ts";
import { systemAccountId, TOKENS, validatorAccountId } from "../ledger/tokens.ts";
import { type Governance, withValidator } from "./governance.ts";
import type { GovernanceCode } from "./governance-codes.ts";
import { UNBONDING_NS, UNBONDINGS_MAX, type Validator } from "./validator.ts";

type Place = { readonly ledger: Ledger; readonly cause: bigint; readonly time: Nanos };

const BONDED = systemAccountId(TOKENS.ATR, "bond");
const UNBONDING = systemAccountId(TOKENS.ATR, "unbonding");

/** Bonds more. The signer of the batch owns the account. */
export function bond(
  validator: Validator,
  { account, amount }: { account: bigint; amount: bigint },
  place: Place,
): Result<Validator, ResultCode> {
  const moved = move("bond", { debit: account, credit: BONDED, amount }, place);
  return moved === "applied" ? accept({ ...validator, bond: validator.bond + amount }) : refuse(moved);
}

/** Begins to take stake out: it weighs nothing any more, and can be slashed until it is over. */
export function unbond(
  validator: Validator,
  amount: bigint,
  place: Place,
): Result<Validator, GovernanceCode | ResultCode> {
  if (amount > validator.bond) return refuse("exceeds_bond");
  if (validator.unbonding.length >= UNBONDINGS_MAX) return refuse("too_many_unbondings");
  const moved = move("unbond", { debit: BONDED, credit: UNBONDING, amount }, place);
  if (moved !== "applied") return refuse(moved);
  const releaseAt = nanos(place.time + UNBONDING_NS);
  return accept({
    ...validator,
    bond: validator.bond - amount,
    unbonding: [...validator.unbonding, { amount, releaseAt }],
  });
}

/** Hands out what has unbonded by now; called as each block begins. */
export function releaseUnbonded(governance: Governance, place: Omit<Place, "cause">): Governance {
  let after = governance;
  for (const validator of governance.validators.values()) {
    const due = validator.unbonding.filter(({ releaseAt }) => releaseAt <= place.time);
    if (due.length === 0) continue;
    const credit = validatorAccountId(validator.id, TOKENS.ATR);
    for (const { amount } of due) {
      if (amount === 0n) continue;
      const moved = move("unbonded", { debit: UNBONDING, credit, amount }, { ...place, cause: BigInt(validator.id) });
      assert(moved === "applied", "unbonded stake reaches its owner");
    }
    const unbonding = validator.unbonding.filter(({ releaseAt }) => releaseAt > place.time);
    after = withValidator(after, { ...validator, unbonding });
  }
  return after;
}

const move = (
  kind: SystemMoveKind,
  { debit, credit, amount }: { debit: bigint; credit: bigint; amount: bigint },
  { ledger, cause }: Place,
): "applied" | ResultCode => systemMove(ledger, { kind, id: cause, ledger: TOKENS.ATR, debit, credit, amount });
