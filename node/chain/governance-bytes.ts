import { unreachable } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import { memo } from "../base/memo.ts";
import { type Nanos, nanos } from "../base/units.ts";
import { VALIDATORS_MAX } from "../codec/certificate.ts";
import { sha256 } from "../codec/hash.ts";
import { hashBytes, readCounter, readFlag, readHash, writeCounter } from "../codec/parse.ts";
import { MalformedBytes, type Reader } from "../codec/reader.ts";
import { type Writer, writer } from "../codec/writer.ts";
import type { Coherence } from "./coherence.ts";
import { coherenceHash, readOmega, readReports, writeOmega, writeReports } from "./coherence-bytes.ts";
import { EPOCH_ANCHORS_MAX } from "./execute-anchor.ts";
import { VALIDATORS_KNOWN_MAX } from "./execute-authority.ts";
import type { Governance } from "./governance.ts";
import { readList, writeList } from "./lists.ts";
import { type ParameterState, parameterNumber, parameterOf, readParameters, writeParameters } from "./parameters.ts";
import type { Epoch, Member, Offence } from "./types.ts";
import type { Jail, Join, KeyRequest, Validator } from "./validator.ts";

/**
 * Canonical bytes of everything in the governance: what the state root covers, and what a snapshot carries. One state has
 * one encoding.
 */
const LIST_MAX = 1 << 20;
const JAILS = ["due", "until", "final"] as const;
const OFFENCES = ["notarize-twice", "finalize-twice", "finalize-and-nullify", "propose-twice"] as const;

/** All but the coherence, which many share. */
export function writeGovernance(to: Writer, governance: Governance): Writer {
  writeSystem(to, governance);
  writeParameterState(to, governance.parameters);
  writeList(to, [...governance.validators.values()], writeValidator);
  return writeReported(to, governance);
}

export function readGovernance(from: Reader, coherence: Coherence): Governance {
  const system = readSystem(from);
  const parameters = readParameterState(from);
  const validators = readList(from, VALIDATORS_KNOWN_MAX, readValidator);
  return {
    ...{ ...system, parameters, coherence, ...readReported(from) },
    validators: new Map(validators.map((validator) => [validator.id, validator])),
  };
}

/** Whom the reports that come in now are about, and those that came. */
export function writeReported(to: Writer, { previous, reports }: Pick<Governance, "previous" | "reports">): Writer {
  writeOptional(to, previous, (out, { number, members }) => writeMembers(out.u32(number), members));
  return writeReports(to, reports);
}

const readReported = (from: Reader): Pick<Governance, "previous" | "reports"> => ({
  previous: readOptional(from, () => ({ number: from.u32(), members: readMembers(from) })),
  reports: readReports(from),
});

const writeMembers = (to: Writer, members: readonly Member[]): Writer =>
  writeList(to, members, (out, { id, weight, publicKey }) => out.u32(id).u32(weight).fixed(hashBytes(publicKey)));

const readMembers = (from: Reader): readonly Member[] =>
  readList(from, VALIDATORS_MAX, () => ({ id: from.u32(), weight: from.u32(), publicKey: readHash(from) }));

/** The epoch, what was anchored, and the counters beside the lists. */
export function writeSystem(to: Writer, { epoch, serial, requests, hadFour, anchors }: Governance): Writer {
  writeCounter(to.u32(epoch.number).u64(epoch.startTime).u64(epoch.lengthNs), epoch.firstHeight);
  to.fixed(hashBytes(epoch.setHash));
  writeMembers(to, epoch.members);
  for (const digests of [anchors.before, anchors.now])
    writeList(to, digests, (out, digest) => out.fixed(hashBytes(digest)));
  return writeCounter(to.u64(serial), requests).u8(hadFour ? 1 : 0);
}

function readSystem(from: Reader): Pick<Governance, "epoch" | "serial" | "requests" | "hadFour" | "anchors"> {
  const epoch: Epoch = {
    number: from.u32(),
    startTime: readTime(from),
    lengthNs: from.u64(),
    firstHeight: readCounter(from),
    setHash: readHash(from),
    members: readMembers(from),
  };
  const anchored = (): readonly Hex[] => readList(from, EPOCH_ANCHORS_MAX, readHash);
  const anchors = { before: anchored(), now: anchored() };
  return { epoch, anchors, serial: from.u64(), requests: readCounter(from), hadFour: readFlag(from) };
}

export function writeParameterState(to: Writer, { values, pending, changedAt }: ParameterState): Writer {
  writeParameters(to, values);
  writeList(to, pending, (out, { name, value, serial }) => out.u32(parameterNumber(name)).u64(value).u64(serial));
  const changes = [...changedAt]
    .map(([name, time]) => ({ number: parameterNumber(name), time }))
    .toSorted((a, b) => a.number - b.number);
  return writeList(to, changes, (out, { number, time }) => out.u32(number).u64(time));
}

export function readParameterState(from: Reader): ParameterState {
  const values = readParameters(from);
  const pending = readList(from, LIST_MAX, () => ({
    name: readParameter(from),
    value: from.u64(),
    serial: from.u64(),
  }));
  const changedAt = readList(from, LIST_MAX, () => [readParameter(from), readTime(from)] as const);
  return { values, pending, changedAt: new Map(changedAt) };
}

function readParameter(from: Reader) {
  const name = parameterOf(from.u32());
  if (name === undefined) throw new MalformedBytes("a parameter of another release");
  return name;
}

export function writeValidator(to: Writer, validator: Validator): Writer {
  const { id, ownerKey, voteKey, bond, unbonding, uncapped, terms, announced } = validator;
  to.u32(id).fixed(hashBytes(ownerKey)).fixed(hashBytes(voteKey)).u128(bond);
  writeList(to, unbonding, (out, { amount, releaseAt }) => out.u128(amount).u64(releaseAt));
  to.u32(uncapped);
  writeList(to, terms, (out, { key, first, last, endedAt }) =>
    writeOptional(out.fixed(hashBytes(key)).u32(first), last, (inner, value) => inner.u32(value)).u64(endedAt),
  );
  writeOptional(to, validator.join, writeJoin);
  writeOptional(to, validator.replacement, writeRequest);
  writeOptional(to, validator.leaves, writeCounter);
  writeOptional(to, validator.returns, writeCounter);
  to.u8(validator.released ? 1 : 0);
  writeOptional(to, validator.jail, writeJail);
  writeList(to, validator.offenceEpochs, (out, epoch) => out.u32(epoch));
  writeList(to, validator.offences, (out, { epoch, view, kind }) =>
    writeCounter(out.u32(epoch), view).u8(OFFENCES.indexOf(kind)),
  );
  return writeOmega(to.u32(announced), validator.omega).u32(validator.psiPpm);
}

export function readValidator(from: Reader): Validator {
  return {
    id: from.u32(),
    ownerKey: readHash(from),
    voteKey: readHash(from),
    bond: from.u128(),
    unbonding: readList(from, LIST_MAX, () => ({ amount: from.u128(), releaseAt: readTime(from) })),
    uncapped: from.u32(),
    terms: readList(from, LIST_MAX, () => ({
      key: readHash(from),
      first: from.u32(),
      last: readOptional(from, () => from.u32()),
      endedAt: readTime(from),
    })),
    join: readOptional(from, readJoin),
    replacement: readOptional(from, readRequest),
    leaves: readOptional(from, readCounter),
    returns: readOptional(from, readCounter),
    released: readFlag(from),
    jail: readOptional(from, readJail),
    offenceEpochs: readList(from, LIST_MAX, () => from.u32()),
    offences: readList(from, LIST_MAX, () => ({
      epoch: from.u32(),
      view: readCounter(from),
      kind: readOffenceKind(from),
    })),
    announced: from.u32(),
    omega: readOmega(from),
    psiPpm: from.u32(),
  };
}

const writeRequest = (to: Writer, { order, voteKey, approvals }: KeyRequest): Writer =>
  writeList(writeCounter(to, order).fixed(hashBytes(voteKey)), approvals, (out, id) => out.u32(id));
const readRequest = (from: Reader): KeyRequest => ({
  order: readCounter(from),
  voteKey: readHash(from),
  approvals: readList(from, LIST_MAX, () => from.u32()),
});
const writeJoin = (to: Writer, join: Join): Writer => writeRequest(to, join).u8(join.caughtUp ? 1 : 0);
const readJoin = (from: Reader): Join => ({ ...readRequest(from), caughtUp: readFlag(from) });

function writeJail(to: Writer, jail: Jail): Writer {
  to.u8(JAILS.indexOf(jail.type));
  return jail.type === "until" ? to.u64(jail.time).u8(jail.wasMember ? 1 : 0) : to;
}

function readJail(from: Reader): Jail {
  const type = JAILS[from.u8()];
  switch (type) {
    case "due":
    case "final":
      return { type };
    case "until":
      return { type, time: readTime(from), wasMember: readFlag(from) };
    case undefined:
      throw new MalformedBytes("unknown kind of jail");
    default:
      return unreachable(type);
  }
}

function readOffenceKind(from: Reader): Offence["kind"] {
  const kind = OFFENCES[from.u8()];
  if (kind === undefined) throw new MalformedBytes("unknown kind of offence");
  return kind;
}

const readTime = (from: Reader): Nanos => nanos(from.u64());

const writeOptional = <T>(to: Writer, value: T | undefined, write: (to: Writer, value: T) => Writer): Writer =>
  value === undefined ? to.u8(0) : write(to.u8(1), value);

const readOptional = <T>(from: Reader, read: (from: Reader) => T): T | undefined =>
  readFlag(from) ? read(from) : undefined;

/** Of all of it. Blocks that change nothing share one governance: it is hashed once. */
export const governanceHash = memo(
  (governance: Governance): Uint8Array =>
    sha256(writeGovernance(writer(), governance).fixed(coherenceHash(governance.coherence)).done()),
);
