import { unreachable } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import { accept, refuse } from "../base/result.ts";
import {
  type AuthorityRecord,
  authoritySigned,
  type SignedAuthorityRecord,
  voteKeySigned,
} from "../codec/authority-record.ts";
import { accountOf } from "../ledger/ledger.ts";
import { openSystemAccount } from "../ledger/system-move.ts";
import { OPENED_BY_SYSTEM_CODE, TOKENS, tokenLedgers, validatorAccountId } from "../ledger/tokens.ts";
import type { Governed, Scene } from "./execute-validator.ts";
import { type Governance, keyInUse, memberOf, withValidator } from "./governance.ts";
import { orderChange, parameterOf } from "./parameters.ts";
import { bond } from "./stake.ts";
import { newValidator, type Validator } from "./validator.ts";

/** Validators that a network ever knows, those that left included. */
export const VALIDATORS_KNOWN_MAX = 4_096;

/** The keys of genesis that order changes, sorted, and how many of them it takes. */
export type Authority = { readonly publicKeys: readonly Hex[]; readonly threshold: number };

/** Executes one order of the parameter authority; a refusal changed nothing, and its serial may be used again. */
export function executeAuthorityRecord(
  governance: Governance,
  signed: SignedAuthorityRecord,
  scene: Scene & { readonly authority: Authority },
): Governed {
  const { record } = signed;
  const { chainId, authority } = scene;
  if (record.serial <= governance.serial) return refuse("serial_not_above_last");
  if (!authoritySigned(signed, { ...authority, chainId })) return refuse("authority_not_signed");
  const taken = { ...governance, serial: record.serial };
  switch (record.kind) {
    case "join":
      if (!voteKeySigned(signed, { voteKey: record.voteKey, chainId })) return refuse("vote_key_signature_invalid");
      return join(taken, record, scene);
    case "replace_vote_key":
      if (!voteKeySigned(signed, { voteKey: record.voteKey, chainId })) return refuse("vote_key_signature_invalid");
      return replaceVoteKey(taken, record);
    case "set_parameter":
      return setParameter(taken, record, scene);
    case "release":
      return release(taken, record.validator);
    default:
      return unreachable(record);
  }
}

/** Registers a newcomer, or one that left before, with its bond. It enters when it is approved and has caught up. */
function join(governance: Governance, record: Extract<AuthorityRecord, { kind: "join" }>, scene: Scene): Governed {
  const { validator: id, voteKey, ownerKey, account: accountId, amount } = record;
  if (scene.signer !== ownerKey) return refuse("signer_not_owner");
  const known = governance.validators.get(id);
  if (known === undefined && governance.validators.size >= VALIDATORS_KNOWN_MAX) return refuse("too_many_validators");
  if (known !== undefined && known.ownerKey !== ownerKey) return refuse("owner_differs");
  if (memberOf(governance, id) !== undefined) return refuse("already_a_member");
  if (known?.jail !== undefined) return refuse(known.jail.type === "final" ? "jailed_for_ever" : "jailed");
  const own = known?.voteKey === voteKey || known?.join?.voteKey === voteKey;
  if (!own && keyInUse(governance, voteKey)) return refuse("vote_key_in_use");
  if ((known?.bond ?? 0n) + amount < governance.parameters.values.minimumBond) return refuse("bond_below_minimum");
  const announced = Number(governance.parameters.values.stateVersion);
  let validator: Validator = known ?? newValidator({ id, ownerKey, voteKey, bond: 0n, announced });
  if (amount > 0n) {
    const account = accountOf(scene.ledger, accountId);
    if (account === undefined) return refuse("account_not_found");
    if (account.ledger !== TOKENS.ATR) return refuse("account_must_hold_atr");
    if (account.owner !== scene.signer) return refuse("signer_not_owner");
    const bonded = bond(validator, { account: accountId, amount }, scene);
    if (!bonded.ok) return bonded;
    validator = bonded.value;
  }
  if (known === undefined) openAccounts(id, ownerKey, scene);
  const order = governance.requests;
  return accept(
    withValidator(
      { ...governance, requests: order + 1 },
      { ...validator, join: { order, voteKey, approvals: [], caughtUp: false }, returns: undefined },
    ),
  );
}

/** The five accounts that the system makes for a validator's owner, without a fee. */
function openAccounts(id: number, owner: Hex, { ledger, time }: Scene): void {
  for (const token of tokenLedgers)
    openSystemAccount(ledger, {
      id: validatorAccountId(id, token),
      owner,
      token,
      code: OPENED_BY_SYSTEM_CODE,
      createdAt: time,
    });
}

function replaceVoteKey(
  governance: Governance,
  { validator: id, voteKey }: Extract<AuthorityRecord, { kind: "replace_vote_key" }>,
): Governed {
  const validator = governance.validators.get(id);
  if (validator === undefined) return refuse("validator_unknown");
  if (validator.replacement?.voteKey !== voteKey && keyInUse(governance, voteKey)) return refuse("vote_key_in_use");
  const order = governance.requests;
  return accept(
    withValidator(
      { ...governance, requests: order + 1 },
      { ...validator, replacement: { order, voteKey, approvals: [] } },
    ),
  );
}

function setParameter(
  governance: Governance,
  { parameter, value, serial }: Extract<AuthorityRecord, { kind: "set_parameter" }>,
  { time }: Scene,
): Governed {
  const name = parameterOf(parameter);
  if (name === undefined) return refuse("parameter_unknown");
  const ordered = orderChange(governance.parameters, { name, value, serial, time });
  return ordered.ok ? accept({ ...governance, parameters: ordered.value }) : ordered;
}

function release(governance: Governance, id: number): Governed {
  const validator = governance.validators.get(id);
  if (validator === undefined) return refuse("validator_unknown");
  const waits = validator.leaves !== undefined || validator.jail?.type === "due";
  if (!waits || memberOf(governance, id) === undefined) return refuse("nothing_to_release");
  return accept(withValidator(governance, { ...validator, released: true }));
}
