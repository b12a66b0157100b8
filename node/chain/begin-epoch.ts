import { assert, present } from "../base/assert.ts";
import type { Nanos } from "../base/units.ts";
import type { Coherence } from "./coherence.ts";
import type { Governance } from "./governance.ts";
import { MINTS_KEPT, type MintRecord } from "./mint-record.ts";
import type { NextEpoch } from "./next-epoch.ts";
import { applyChanges } from "./parameters.ts";
import type { Member } from "./types.ts";
import { JAIL_NS, type Jail, NEWCOMER, type Term, UNBONDING_NS, type Validator } from "./validator.ts";
import { CAP_FROM_MEMBERS } from "./weights.ts";

/**
 * Puts a boundary into force, on the state after the closing block: what happened between E and the closing block (bonds,
 * requests, offences) is kept and counts at the next boundary.
 */
export function beginEpoch(
  governance: Governance,
  next: NextEpoch,
  closing: { readonly height: number; readonly time: Nanos; readonly minted: MintRecord | undefined },
): Governance {
  assert(next.number === governance.epoch.number + 1, "epochs follow each other");
  const members = new Map(next.members.map((member) => [member.id, member]));
  const validators = new Map(
    [...governance.validators].map(([id, validator]) => {
      const member = members.get(id);
      const moved = member === undefined ? outside(validator, next, closing.time) : inside(validator, member, next);
      const termed = withTerms(withReplacement(moved, next), member, { number: next.number, time: closing.time });
      return [id, withStanding(termed, next)];
    }),
  );
  return {
    ...governance,
    epoch: {
      number: next.number,
      startTime: closing.time,
      lengthNs: next.lengthNs,
      firstHeight: closing.height + 1,
      members: next.members,
      setHash: next.hash,
    },
    validators,
    parameters: applyChanges(governance.parameters, next.changes, closing.time),
    hadFour: governance.hadFour || next.members.length >= CAP_FROM_MEMBERS,
    previous: { number: governance.epoch.number, members: governance.epoch.members },
    reports: new Map(),
    anchors: { before: governance.anchors.now, now: [] },
    coherence: withMint(next.coherence, closing.minted),
  };
}

const withMint = (coherence: Coherence, minted: MintRecord | undefined): Coherence =>
  minted === undefined ? coherence : { ...coherence, mints: [...coherence.mints, minted].slice(-MINTS_KEPT) };

/** Keeps Ω and Ψ as long as its terms, so that leaving and coming back washes nothing. */
function withStanding(validator: Validator, { coherence }: NextEpoch): Validator {
  const measured = coherence.standings.get(validator.id);
  if (measured !== undefined) return { ...validator, omega: measured.omega, psiPpm: measured.psiPpm };
  return validator.terms.length > 0 ? validator : { ...validator, ...NEWCOMER };
}

function inside(validator: Validator, member: Member, next: NextEpoch): Validator {
  const uncapped = present(next.uncapped.get(validator.id), "every member has a weight before the cap");
  return { ...validator, uncapped, voteKey: member.publicKey, join: undefined, returns: undefined };
}

function outside(validator: Validator, next: NextEpoch, time: Nanos): Validator {
  const left = next.removed.find((removal) => removal.validator === validator.id);
  const { jail } = validator;
  // An offence may have come to light between E and here: nobody is there whom a boundary would still have to take out.
  const begins = jail?.type === "due" ? jailFrom(validator, { time, wasMember: left?.why === "jailed" }) : jail;
  return { ...validator, uncapped: 0, jail: begins, leaves: undefined, released: false };
}

/** One day for the first offence; a second one is final. */
export const jailFrom = (
  { offenceEpochs }: Validator,
  { time, wasMember }: { time: Nanos; wasMember: boolean },
): Jail =>
  offenceEpochs.length > 1 ? { type: "final" } : { type: "until", time: (time + JAIL_NS) as Nanos, wasMember };

function withReplacement(validator: Validator, { replaced }: NextEpoch): Validator {
  if (replaced?.validator !== validator.id) return validator;
  const { replacement } = validator;
  // Another request may have taken its place since E: that one goes on.
  const rest = replacement?.voteKey === replaced.voteKey ? undefined : replacement;
  return { ...validator, voteKey: replaced.voteKey, replacement: rest };
}

/** Keeps the account of who voted with which key, as long as anyone can be slashed for it. */
function withTerms(
  validator: Validator,
  member: Member | undefined,
  { number, time }: { number: number; time: Nanos },
): Validator {
  const current = validator.terms.at(-1);
  const goesOn = current !== undefined && current.last === undefined && current.key === member?.publicKey;
  const terms = goesOn ? [...validator.terms] : [...ended(validator.terms, { last: number - 1, time })];
  if (member !== undefined && !goesOn)
    terms.push({ key: member.publicKey, first: number, last: undefined, endedAt: time });
  const kept = terms.filter(({ last, endedAt }) => last === undefined || endedAt + UNBONDING_NS > time);
  // What is proved of older epochs is told by the list of epochs alone.
  const offences = validator.offences.filter(({ epoch }) => epoch + 1 >= number - 1);
  if (kept.length === validator.terms.length && goesOn && offences.length === validator.offences.length)
    return validator;
  return { ...validator, terms: kept, offences };
}

const ended = (terms: readonly Term[], { last, time }: { last: number; time: Nanos }): readonly Term[] =>
  terms.map((term) => (term.last === undefined ? { ...term, last, endedAt: time } : term));
