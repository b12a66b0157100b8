import { unreachable } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import { accept, type Result, refuse } from "../base/result.ts";
import type { Nanos } from "../base/units.ts";
import type { ValidatorRecord } from "../codec/validator-record.ts";
import type { ResultCode } from "../ledger/codes.ts";
import { accountOf, type Ledger } from "../ledger/ledger.ts";
import { TOKENS } from "../ledger/tokens.ts";
import { type Governance, memberOf, withValidator } from "./governance.ts";
import type { GovernanceCode } from "./governance-codes.ts";
import { bond, unbond } from "./stake.ts";
import type { KeyRequest, Validator } from "./validator.ts";

/** What a record of governance is executed on, beside the governance itself. */
export type Scene = {
  readonly ledger: Ledger;
  readonly chainId: Hex;
  readonly height: number;
  readonly time: Nanos;
  /** Key that signed the batch. */
  readonly signer: Hex;
  /** Number of the record, for the journal. */
  readonly cause: bigint;
  /** Of an executed block; undefined for the future and for what is too long ago. */
  readonly resultsHashAt: (height: number) => Hex | undefined;
};

export type Governed = Result<Governance, GovernanceCode | ResultCode>;

/** Executes one record of a validator or its owner; a refusal changed nothing. */
export function executeValidatorRecord(governance: Governance, record: ValidatorRecord, scene: Scene): Governed {
  const validator = governance.validators.get(record.validator);
  if (validator === undefined) return refuse("validator_unknown");
  const { signer } = scene;
  const owns = signer === validator.ownerKey;
  const votes = signer === validator.voteKey;
  switch (record.kind) {
    case "bond": {
      const account = accountOf(scene.ledger, record.account);
      if (account === undefined) return refuse("account_not_found");
      if (account.ledger !== TOKENS.ATR) return refuse("account_must_hold_atr");
      if (!owns || account.owner !== signer) return refuse("signer_not_owner");
      if (record.amount === 0n) return refuse("amount_must_not_be_zero");
      return put(governance, bond(validator, record, scene));
    }
    case "unbond":
      if (!owns) return refuse("signer_not_owner");
      if (record.amount === 0n) return refuse("amount_must_not_be_zero");
      return put(governance, unbond(validator, record.amount, scene));
    case "caught_up":
      return catchUp(governance, validator, record, scene);
    case "approve":
      return approve(governance, record, scene);
    case "leave":
      if (!owns && !votes && signer !== validator.join?.voteKey) return refuse("signer_not_vote_key");
      return leave(governance, validator);
    case "unjail":
      if (!owns && !votes) return refuse("signer_not_vote_key");
      return unjail(governance, validator, scene.time);
    case "announce":
      if (!votes && signer !== validator.join?.voteKey) return refuse("signer_not_vote_key");
      return accept(withValidator(governance, { ...validator, announced: record.stateVersion }));
    default:
      return unreachable(record);
  }
}

const put = (governance: Governance, changed: Result<Validator, GovernanceCode | ResultCode>): Governed =>
  changed.ok ? accept(withValidator(governance, changed.value)) : changed;

function catchUp(
  governance: Governance,
  validator: Validator,
  { height, resultsHash }: Extract<ValidatorRecord, { kind: "caught_up" }>,
  { signer, resultsHashAt }: Scene,
): Governed {
  const { join } = validator;
  if (join === undefined) return refuse("not_joining");
  if (signer !== join.voteKey) return refuse("signer_not_vote_key");
  const committed = resultsHashAt(height);
  if (committed === undefined) return refuse("height_unknown");
  if (committed !== resultsHash) return refuse("results_differ");
  return accept(withValidator(governance, { ...validator, join: { ...join, caughtUp: true } }));
}

/** Approvals name the key: one for another key counts for nothing. A second one of the same member changes nothing. */
function approve(
  governance: Governance,
  { validator, subject, key }: Extract<ValidatorRecord, { kind: "approve" }>,
  { signer }: Scene,
): Governed {
  const member = memberOf(governance, validator);
  if (member === undefined) return refuse("not_a_member");
  if (member.publicKey !== signer) return refuse("signer_not_vote_key");
  const asked = governance.validators.get(subject);
  if (asked === undefined) return refuse("nothing_to_approve");
  const agreed = <T extends KeyRequest>(request: T): T => ({
    ...request,
    approvals: [...new Set([...request.approvals, validator])].toSorted((a, b) => a - b),
  });
  const { join, replacement } = asked;
  if (join?.voteKey === key) return accept(withValidator(governance, { ...asked, join: agreed(join) }));
  if (replacement?.voteKey === key)
    return accept(withValidator(governance, { ...asked, replacement: agreed(replacement) }));
  return refuse("nothing_to_approve");
}

/** A member asks to go; whoever only wanted to come takes that back. */
function leave(governance: Governance, validator: Validator): Governed {
  if (memberOf(governance, validator.id) === undefined) {
    if (validator.join === undefined && validator.returns === undefined) return refuse("not_a_member");
    return accept(withValidator(governance, { ...validator, join: undefined, returns: undefined }));
  }
  if (validator.leaves !== undefined) return accept(governance);
  const order = governance.requests;
  return accept(withValidator({ ...governance, requests: order + 1 }, { ...validator, leaves: order }));
}

function unjail(governance: Governance, validator: Validator, time: Nanos): Governed {
  const { jail } = validator;
  if (jail === undefined) return refuse("not_jailed");
  switch (jail.type) {
    case "final":
      return refuse("jailed_for_ever");
    case "due":
      return refuse("jail_not_over");
    case "until": {
      if (time < jail.time) return refuse("jail_not_over");
      const order = governance.requests;
      const free = { ...validator, jail: undefined, returns: jail.wasMember ? order : undefined };
      return accept(withValidator({ ...governance, requests: order + 1 }, free));
    }
    default:
      return unreachable(jail);
  }
}
