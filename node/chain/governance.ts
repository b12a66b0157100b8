import { present } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import { PPM } from "../base/units.ts";
import { OMEGA_ONE } from "../cal/omega.ts";
import type { Report } from "../cal/reports.ts";
import { sha256Hex } from "../codec/hash.ts";
import { hashBytes } from "../codec/parse.ts";
import { writer } from "../codec/writer.ts";
import { type Coherence, epochLengthNs, NOT_MEASURED } from "./coherence.ts";
import type { Genesis } from "./genesis.ts";
import { type ParameterState, type Parameters, parametersHash } from "./parameters.ts";
import type { Epoch, Member } from "./types.ts";
import { newValidator, type Validator } from "./validator.ts";
import { CAP_FROM_MEMBERS, capWeights, targetWeight } from "./weights.ts";

/**
 * Validators, parameters and the epoch: what closing blocks decide about. A value that is never changed, so that the chain
 * can keep the one after each of its last blocks: a boundary counts exactly the state after E (rule 6).
 */
export type Governance = {
  readonly epoch: Epoch;
  /** By id ascending. Who once was a validator stays: ids are never used again. */
  readonly validators: ReadonlyMap<number, Validator>;
  readonly parameters: ParameterState;
  /** Highest serial of an order that the authority gave. */
  readonly serial: bigint;
  /** How many requests to join, leave, return or change a key there were: their order. */
  readonly requests: number;
  /** After four members there are never fewer, but by the authority's order. */
  readonly hadFour: boolean;
  /** The epoch that reports are about now, and its frozen weights; none in the first epoch. */
  readonly previous: Pick<Epoch, "number" | "members"> | undefined;
  /** What was reported of it, by reporter ascending, each one's by subject ascending. */
  readonly reports: ReadonlyMap<number, readonly Report[]>;
  /** Digests of the memory entries that were anchored in this epoch and in the one before, in order. */
  readonly anchors: Anchors;
  /** What boundaries have fixed: changes with an epoch, and only then. */
  readonly coherence: Coherence;
};

export type Anchors = { readonly before: readonly Hex[]; readonly now: readonly Hex[] };

/** Before the first block: all of genesis's validators are members. */
export function createGovernance(genesis: Genesis): Governance {
  const { parameters } = genesis;
  const weighed = genesis.validators.map(({ id, bond, consensusKey }) => ({
    id,
    weight: targetWeight({ bond, psiPpm: PPM, parameters }),
    publicKey: consensusKey,
  }));
  const members = capWeights(weighed);
  const validators = genesis.validators.map(({ id, ownerKey, consensusKey, bond }) => ({
    ...newValidator({
      ...{ id, ownerKey, voteKey: consensusKey, bond, announced: Number(parameters.stateVersion) },
      ...{ omega: OMEGA_ONE, psiPpm: PPM },
    }),
    uncapped: present(
      weighed.find((member) => member.id === id),
      "every validator of genesis has a weight",
    ).weight,
    terms: [{ key: consensusKey, first: 1, last: undefined, endedAt: genesis.time }],
  }));
  return {
    epoch: {
      number: 1,
      startTime: genesis.time,
      lengthNs: epochLengthNs(NOT_MEASURED, parameters),
      firstHeight: 1,
      members,
      setHash: epochHash({ number: 1, members, parameters }),
    },
    validators: new Map(validators.map((validator) => [validator.id, validator])),
    parameters: { values: parameters, pending: [], changedAt: new Map() },
    serial: 0n,
    requests: 0,
    hadFour: members.length >= CAP_FROM_MEMBERS,
    previous: undefined,
    reports: new Map(),
    anchors: { before: [], now: [] },
    coherence: NOT_MEASURED,
  };
}

/** What a closing block names: the next epoch's set, weights and parameters. */
export const epochHash = (epoch: {
  readonly number: number;
  readonly members: readonly Member[];
  readonly parameters: Parameters;
}): Hex => epochHashOf({ ...epoch, parametersHash: parametersHash(epoch.parameters) });

/** The same from the parameters' hash: a proof of a set carries no more of them. */
export function epochHashOf({
  number,
  members,
  parametersHash,
}: {
  number: number;
  /** By id ascending. */
  members: readonly Member[];
  parametersHash: Uint8Array;
}): Hex {
  const to = writer().text("hmn epoch 1").u32(number).u32(members.length);
  for (const { id, weight, publicKey } of members) to.u32(id).u32(weight).fixed(hashBytes(publicKey));
  return sha256Hex(to.fixed(parametersHash).done());
}

export const memberOf = (governance: Governance, id: number): Member | undefined =>
  governance.epoch.members.find((member) => member.id === id);

/** The state with a validator changed or, with an id that is new, added. */
export function withValidator(governance: Governance, validator: Validator): Governance {
  const validators = new Map(governance.validators);
  const isNew = !validators.has(validator.id);
  validators.set(validator.id, validator);
  if (!isNew) return { ...governance, validators };
  return { ...governance, validators: new Map([...validators].toSorted(([a], [b]) => a - b)) };
}

/** The key that a validator voted with in an epoch; undefined for a stranger and for what is too long ago to matter. */
export const voteKeyIn = (governance: Governance, { validator, epoch }: { validator: number; epoch: number }) =>
  governance.validators
    .get(validator)
    ?.terms.find(({ first, last }) => first <= epoch && epoch <= (last ?? governance.epoch.number))?.key;

/** Whether members of more than two thirds of the weight are among these. */
export function approved({ members }: Epoch, approvals: readonly number[]): boolean {
  const weightOf = (counted: readonly Member[]) => counted.reduce((sum, { weight }) => sum + weight, 0);
  return 3 * weightOf(members.filter(({ id }) => approvals.includes(id))) > 2 * weightOf(members);
}

/** Whether some validator votes, voted, or is about to vote with this key: a key never counts for two. */
export const keyInUse = (governance: Governance, key: Hex): boolean =>
  [...governance.validators.values()].some(
    (validator) =>
      validator.voteKey === key ||
      validator.join?.voteKey === key ||
      validator.replacement?.voteKey === key ||
      validator.terms.some((term) => term.key === key),
  );
