import { assert, present } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import { VALIDATORS_MAX } from "../codec/certificate.ts";
import { type Coherence, epochLengthNs, nextCoherence } from "./coherence.ts";
import { approved, epochHash, type Governance, memberOf } from "./governance.ts";
import { type ParameterChange, type Parameters, valuesAfter } from "./parameters.ts";
import type { ChainRules } from "./rules.ts";
import type { Member } from "./types.ts";
import type { Validator } from "./validator.ts";
import type { VoteCounts } from "./vote-counts.ts";
import { CAP_FROM_MEMBERS, capWeights, stepTowards, targetWeight } from "./weights.ts";

/** What a boundary decides, from the state after E alone (rule 6). */
export type NextEpoch = {
  readonly number: number;
  /** By id ascending. */
  readonly members: readonly Member[];
  /** Weights before the cap, by member. */
  readonly uncapped: ReadonlyMap<number, number>;
  readonly removed: readonly Removal[];
  /** The validator that gets a new vote key: one at a boundary. */
  readonly replaced: { readonly validator: number; readonly voteKey: Hex } | undefined;
  readonly parameters: Parameters;
  readonly changes: readonly ParameterChange[];
  /** How well the validators worked together in the epoch before the one that ends, without this boundary's mint. */
  readonly coherence: Coherence;
  readonly lengthNs: bigint;
  readonly hash: Hex;
};

export type Removal = { readonly validator: number; readonly why: "jailed" | "unbonded" | "left" };

type Weighed = { readonly id: number; readonly weight: number };

/**
 * The epoch after the one that `before` stands in (domain.md, "Consensus, as far as users see it"). Of `counts` only the
 * epoch before is looked at, which no block after E changes.
 */
export function nextEpoch(before: Governance, counts: readonly VoteCounts[], rules: ChainRules): NextEpoch {
  const number = before.epoch.number + 1;
  const ordered = before.parameters.pending.filter(({ name }) => name !== "stateVersion");
  const parameters = valuesAfter(before.parameters.values, ordered);
  const coherence = nextCoherence(before, counts, rules);
  const stayers = weighStayers(before, parameters, coherence);
  const removed = removals(before, stayers);
  const gone = new Set(removed.map(({ validator }) => validator));
  const stay = stayers.filter(({ id }) => !gone.has(id)).map(({ id, weight }) => ({ id, weight: Math.max(1, weight) }));
  const uncapped = [...stay, ...newcomers(before, parameters, stay.length)].toSorted((a, b) => a.id - b.id);

  const replaced = replacement(before);
  const members = capWeights(uncapped).map(({ id, weight }): Member => {
    const validator = validatorOf(before, id);
    const asked = replaced?.validator === id ? replaced.voteKey : undefined;
    return { id, weight, publicKey: asked ?? validator.join?.voteKey ?? validator.voteKey };
  });
  assert(members.length > 0, "an epoch has members");
  const raise = raisedVersion(before, members);
  const changes = raise === undefined ? ordered : [...ordered, raise];
  const values = valuesAfter(before.parameters.values, changes);
  return {
    number,
    members,
    uncapped: new Map(uncapped.map(({ id, weight }) => [id, weight])),
    removed,
    replaced,
    parameters: values,
    changes,
    coherence,
    lengthNs: epochLengthNs(coherence, values),
    hash: epochHash({ number, members, parameters: values }),
  };
}

/**
 * Members with their next weights before the cap: a step towards their targets, none in an emergency; 0 where no stake is
 * left to weigh.
 */
function weighStayers(before: Governance, parameters: Parameters, coherence: Coherence): readonly Weighed[] {
  const { standings, stability } = coherence;
  return before.epoch.members.map(({ id }) => {
    const { bond, uncapped, psiPpm } = validatorOf(before, id);
    if (stability.emergency.active) return { id, weight: uncapped };
    const target = targetWeight({ bond, psiPpm: standings.get(id)?.psiPpm ?? psiPpm, parameters });
    return { id, weight: stepTowards(target, uncapped) };
  });
}

/**
 * Who goes: the jailed first, then whoever has no weight left, then those that want to, in the order they asked. A third of
 * the weight at most; the rest has its turn at the next boundary. Newcomers of this boundary do not count as the fifth yet:
 * they have not voted.
 */
function removals(before: Governance, stayers: readonly Weighed[]): readonly Removal[] {
  const total = before.epoch.members.reduce((sum, { weight }) => sum + weight, 0);
  const least = before.hadFour ? CAP_FROM_MEMBERS : 1;
  const removed: Removal[] = [];
  let weight = 0;
  for (const wish of wishes(before, stayers)) {
    const validator = validatorOf(before, wish.validator);
    const left = before.epoch.members.length - removed.length - 1;
    const enough = left >= (validator.released ? 1 : least);
    const own = present(memberOf(before, validator.id), "only members leave").weight;
    // Below four members one may hold more than a third: it goes alone.
    const third = removed.length === 0 || 3 * (weight + own) <= total;
    if (!enough || !third) continue;
    removed.push(wish);
    weight += own;
  }
  return removed;
}

function wishes(before: Governance, stayers: readonly Weighed[]): readonly Removal[] {
  const jailed = stayers.filter(({ id }) => validatorOf(before, id).jail !== undefined);
  const others = stayers.filter((member) => !jailed.includes(member));
  const unbonded = others.filter(({ weight }) => weight === 0);
  const leaving = others
    .filter((member) => member.weight > 0)
    .flatMap(({ id }) => {
      const { leaves } = validatorOf(before, id);
      return leaves === undefined ? [] : [{ id, order: leaves }];
    })
    .toSorted((a, b) => a.order - b.order);
  return [
    ...jailed.map(({ id }): Removal => ({ validator: id, why: "jailed" })),
    ...unbonded.map(({ id }): Removal => ({ validator: id, why: "unbonded" })),
    ...leaving.map(({ id }): Removal => ({ validator: id, why: "left" })),
  ];
}

/**
 * Who comes, in the order they asked: joiners that are approved and caught up, and those back from jail. All of them
 * together enter with a tenth of the old weight at most, and grow by steps.
 */
function newcomers(before: Governance, parameters: Parameters, staying: number): readonly Weighed[] {
  const total = before.epoch.members.reduce((sum, { weight }) => sum + weight, 0);
  let room = Math.max(1, Math.floor(total / 10));
  const entering: Weighed[] = [];
  const waiting = [...before.validators.values()]
    .flatMap((validator) => {
      const order = entryOf(before, validator);
      return order === undefined ? [] : [{ validator, order }];
    })
    .toSorted((a, b) => a.order - b.order);
  for (const { validator } of waiting) {
    const { bond, psiPpm } = validator;
    const weight = Math.min(targetWeight({ bond, psiPpm, parameters }), room);
    if (weight === 0 || staying + entering.length >= VALIDATORS_MAX) continue;
    entering.push({ id: validator.id, weight });
    room -= weight;
  }
  return entering;
}

/** Its place among those that may enter, if it may. */
function entryOf(before: Governance, validator: Validator): number | undefined {
  if (memberOf(before, validator.id) !== undefined || validator.jail !== undefined) return undefined;
  const { join, returns } = validator;
  if (join !== undefined) return join.caughtUp && approved(before.epoch, join.approvals) ? join.order : undefined;
  return returns;
}

function replacement(before: Governance): NextEpoch["replaced"] {
  const [first] = [...before.validators.values()]
    .flatMap(({ id, replacement }) =>
      replacement !== undefined && approved(before.epoch, replacement.approvals) ? [{ id, ...replacement }] : [],
    )
    .toSorted((a, b) => a.order - b.order);
  return first === undefined ? undefined : { validator: first.id, voteKey: first.voteKey };
}

/** Nobody is in the next set who cannot run its rules (domain.md, "Genesis"). */
function raisedVersion(before: Governance, members: readonly Member[]): ParameterChange | undefined {
  const change = before.parameters.pending.find(({ name }) => name === "stateVersion");
  if (change === undefined) return undefined;
  const able = members.every(({ id }) => BigInt(validatorOf(before, id).announced) >= change.value);
  return able ? change : undefined;
}

const validatorOf = (governance: Governance, id: number): Validator =>
  present(governance.validators.get(id), "a member is a validator");
