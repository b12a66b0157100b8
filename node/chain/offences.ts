import { assert } from "../base/assert.ts";
import type { Nanos } from "../base/units.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { systemMove } from "../ledger/system-move.ts";
import { systemAccountId, TOKENS } from "../ledger/tokens.ts";
import { jailFrom } from "./begin-epoch.ts";
import { type Governance, memberOf, voteKeyIn, withValidator } from "./governance.ts";
import type { ProvedOffence } from "./types.ts";
import { stakeOf, type Validator } from "./validator.ts";

/** Of every stake of the offender, bonded or on its way out: 5 %. */
const SLASH_DIVISOR = 20n;

/** Why an offence does not count (again), if it does not. */
export function offenceFault(
  governance: Governance,
  { validator: id, epoch, view, kind, publicKey }: ProvedOffence,
): string | undefined {
  const validator = governance.validators.get(id);
  if (validator === undefined) return `there is no validator ${id}`;
  if (voteKeyIn(governance, { validator: id, epoch }) !== publicKey)
    return `validator ${id} did not vote with this key in epoch ${epoch}, or too long ago`;
  const told = validator.offences.some(
    (offence) => offence.epoch === epoch && offence.view === view && offence.kind === kind,
  );
  const closed = epoch + 1 < governance.epoch.number && validator.offenceEpochs.includes(epoch);
  if (told || closed) return "counted already";
  return stakeOf(validator) === 0n ? `validator ${id} has nothing left to slash` : undefined;
}

/**
 * Counts an offence: the first of an epoch burns a twentieth of the stake at once and jails at the next boundary that can
 * spare the validator; further ones of that epoch only stand in the record. Low Ψ is no offence.
 */
export function countOffence(
  governance: Governance,
  offence: ProvedOffence,
  { ledger, time }: { ledger: Ledger; time: Nanos },
): Governance {
  const validator = governance.validators.get(offence.validator);
  if (validator === undefined || offenceFault(governance, offence) !== undefined) return governance;
  const { epoch, view, kind } = offence;
  const told = { ...validator, offences: [...validator.offences, { epoch, view, kind }] };
  if (validator.offenceEpochs.includes(epoch)) return withValidator(governance, told);
  const slashed = slash({ ...told, offenceEpochs: [...told.offenceEpochs, epoch] }, ledger);
  const member = memberOf(governance, validator.id) !== undefined;
  const jail = member ? ({ type: "due" } as const) : jailFrom(slashed, { time, wasMember: false });
  return withValidator(governance, { ...slashed, jail, returns: undefined });
}

function slash(validator: Validator, ledger: Ledger): Validator {
  const burn = (from: "bond" | "unbonding", amount: bigint): void => {
    if (amount === 0n) return;
    const result = systemMove(ledger, {
      kind: "slash",
      id: BigInt(validator.id),
      ledger: TOKENS.ATR,
      debit: systemAccountId(TOKENS.ATR, from),
      credit: systemAccountId(TOKENS.ATR, "burn"),
      amount,
    });
    assert(result === "applied", "stake is there to be slashed");
  };
  const fromBond = validator.bond / SLASH_DIVISOR;
  burn("bond", fromBond);
  const unbonding = validator.unbonding.map(({ amount, releaseAt }) => {
    burn("unbonding", amount / SLASH_DIVISOR);
    return { amount: amount - amount / SLASH_DIVISOR, releaseAt };
  });
  return { ...validator, bond: validator.bond - fromBond, unbonding };
}
