import { assert } from "../base/assert.ts";
import { accept, refuse } from "../base/result.ts";
import { type Rotation, verifyRotation } from "../codec/rotation.ts";
import { accountOf } from "../ledger/ledger.ts";
import { setOwner } from "../ledger/system-move.ts";
import { tokenLedgers, validatorAccountId } from "../ledger/tokens.ts";
import type { Governed, Scene } from "./execute-validator.ts";
import { type Governance, withValidator } from "./governance.ts";

/**
 * Gives an account a new owner key; the old owner signed the batch, the new one the record. The five accounts of a
 * validator's owner and the validator itself go over together: the owner key is one.
 */
export function executeRotation(governance: Governance, rotation: Rotation, scene: Scene): Governed {
  const account = accountOf(scene.ledger, rotation.account);
  if (account === undefined) return refuse("account_not_found");
  if (account.owner === undefined) return refuse("account_moved_by_system_only");
  if (account.owner !== scene.signer) return refuse("signer_not_owner");
  if (!verifyRotation(rotation, scene.chainId)) return refuse("owner_signature_invalid");
  const validator = [...governance.validators.values()].find(({ id }) =>
    tokenLedgers.some((token) => validatorAccountId(id, token) === rotation.account),
  );
  const ids =
    validator === undefined ? [rotation.account] : tokenLedgers.map((token) => validatorAccountId(validator.id, token));
  for (const [index, id] of ids.entries()) {
    const result = setOwner(scene.ledger, id, rotation.ownerKey);
    if (result === "applied") continue;
    assert(index === 0, "an owner gets all of a validator's accounts or none");
    return refuse(result);
  }
  if (validator === undefined) return accept(governance);
  return accept(withValidator(governance, { ...validator, ownerKey: rotation.ownerKey }));
}
