import { type Hex, toHex } from "../base/bytes.ts";
import { fc } from "../base/test-property.ts";
import { nanos } from "../base/units.ts";
import type { AccountRecord } from "./account.ts";
import type { AnchorRecord } from "./anchor.ts";
import type { AuthorityRecord } from "./authority-record.ts";
import type { Ack, AvailabilityCertificate } from "./availability.ts";
import { encodeBatch } from "./batch.ts";
import { CARRIED_DEPTH_MAX, type CarriedVote, headerOf, type SealedBlock, sealBlock } from "./block.ts";
import type { BlockRecord } from "./block-record.ts";
import { type Car, NO_CAR, sealCar, type Tip } from "./car.ts";
import type { Certificate, Finalization } from "./certificate.ts";
import type { Conversion } from "./conversion.ts";
import { type Evidence, evidenceOf, offenceKey, type Statement } from "./evidence.ts";
import { ENTRY_ID } from "./memory-entry.ts";
import { encodePayload, type OrderedTip, type Payload } from "./payload.ts";
import type { PeerMessage } from "./peer-message.ts";
import type { ReportRecord } from "./report.ts";
import { keyPairFromSeed } from "./signature.ts";
import { encodeTransfers, newTransfer } from "./transfer.ts";
import type { ValidatorRecord } from "./validator-record.ts";
import type { Ballot, Vote } from "./vote.ts";
import type { VoteAnswer } from "./vote-answer.ts";

/** Arbitrary values of everything that the codec writes, with the edges of every field. */
export const u16 = fc.integer({ min: 0, max: 0xffff });
export const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
export const u64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
export const u128 = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n });
const bytesOf = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
export const hash: fc.Arbitrary<Hex> = bytesOf(32).map(toHex);
const signature = bytesOf(64);
export const counter = fc.maxSafeNat();
const fromOne = counter.map((value) => Math.max(1, value));
const executed = fc.record({ height: counter, resultsHash: hash });
export const time = u64.map(nanos);
const kind = <K extends string>(value: K) => fc.constant(value);
/** Distinct by a name, and in its order. */
const ascending = <T>(values: fc.Arbitrary<T>, name: (value: T) => number | string, maxLength: number) =>
  fc
    .uniqueArray(values, { maxLength, selector: name })
    .map((list) => list.toSorted((a, b) => (name(a) < name(b) ? -1 : 1)));

const finalize = fc.record({ kind: kind("finalize"), epoch: u32, view: fromOne, block: hash, height: counter });
const notarize = fc.record({
  kind: kind("notarize"),
  epoch: u32,
  view: fromOne,
  block: hash,
  height: counter,
  executed,
});
export const ballot: fc.Arbitrary<Ballot> = fc.oneof(
  notarize,
  fc.tuple(notarize, hash).map(([vote, dissent]) => ({ ...vote, dissent })),
  fc.record({ kind: kind("nullify"), epoch: u32, view: fromOne }),
  finalize,
);
export const vote: fc.Arbitrary<Vote> = fc.record({ ballot, signer: u32, signature });

const signatures = ascending(fc.record({ signer: u32, signature }), ({ signer }) => signer, 5);
export const certificate: fc.Arbitrary<Certificate> = fc.record({ ballot, signatures });
export const finalization: fc.Arbitrary<Finalization> = fc.record({ ballot: finalize, signatures });

const statement: fc.Arbitrary<Statement> = fc.oneof(
  fc.record({ type: kind("vote"), ballot, signature }),
  fc.record({ type: kind("proposal"), epoch: u32, view: counter, block: hash, signature }),
);
const evidenceKind = fc.constantFrom<Evidence["kind"][]>(
  "notarize-twice",
  "finalize-twice",
  "finalize-and-nullify",
  "propose-twice",
);
/** Its form alone: two statements in their order, of any place. */
export const evidence: fc.Arbitrary<Evidence> = fc
  .record({
    kind: evidenceKind,
    key: fc.record({ validator: u32, publicKey: hash }),
    epoch: u32,
    view: counter,
    statements: fc.tuple(statement, statement).filter(([a, b]) => JSON.stringify(a) !== JSON.stringify(b)),
  })
  .map(({ kind: offence, key, epoch, view, statements }) => ({
    ...evidenceOf(offence, key, statements),
    epoch,
    view,
  }));

const carriedVote: fc.Arbitrary<CarriedVote> = fc
  .record({
    vote: fc.record({ depth: fc.integer({ min: 1, max: CARRIED_DEPTH_MAX }), signer: u32, signature }),
    executedHash: fc.option(hash, { nil: undefined }),
  })
  .map((fields) => {
    const { vote: carried, executedHash } = fields;
    return executedHash === undefined ? carried : { ...carried, executedHash };
  });
const carriedVotes = ascending(carriedVote, ({ depth, signer }) => depth * 2 ** 32 + signer, 4);

export const tip: fc.Arbitrary<Tip> = fc.record({ validator: u32, incarnation: u64, number: fromOne, digest: hash });
export const ack: fc.Arbitrary<Ack> = fc.record({ tip, signer: u32, signature });
export const availability: fc.Arbitrary<AvailabilityCertificate> = fc.record({ tip, signatures });
const orderedTip: fc.Arbitrary<OrderedTip> = fc
  .tuple(tip, fc.integer({ min: 1, max: 1024 }))
  .map(([at, cars]) => ({ ...at, cars: Math.min(cars, at.number) }));
const proofs = ascending(availability, (of) => of.tip.validator, 3);
export const payload: fc.Arbitrary<Payload> = fc.oneof(
  fc.constant<Payload>({ tips: [], certificates: [] }),
  fc
    .tuple(
      orderedTip,
      ascending(orderedTip, ({ validator }) => validator, 3),
      proofs,
    )
    .map(([one, tips, certificates]): Payload => ({ tips: tips.length === 0 ? [one] : tips, certificates })),
);

export const block: fc.Arbitrary<SealedBlock> = fc
  .record({
    epoch: u32,
    view: counter,
    kind: fc.constantFrom<SealedBlock["kind"][]>("normal", "closing", "tail"),
    height: counter,
    parent: hash,
    proposer: u32,
    time,
    executed,
    next: hash,
    votes: carriedVotes,
    evidence: ascending(evidence, offenceKey, 2),
    payload: fc.oneof(payload.map(encodePayload), fc.uint8Array({ maxLength: 60 })),
  })
  .map(sealBlock);
export const record: fc.Arbitrary<BlockRecord> = fc.record({
  block,
  headers: fc.array(block.map(headerOf), { maxLength: 3 }),
  certificate: finalization,
});

export const voteAnswer: fc.Arbitrary<VoteAnswer> = fc
  .record({
    answer: fc.record({ nonce: hash, epoch: u32, view: counter, signer: u32, signature }),
    entry: fc.option(certificate, { nil: undefined }),
  })
  .map(({ answer, entry }) => (entry === undefined ? answer : { ...answer, entry }));

const someBytes = fc.uint8Array({ maxLength: 90 });
export const peerMessage: fc.Arbitrary<PeerMessage> = fc.oneof(
  fc.record({ type: kind("proposal"), block, signature, justification: fc.array(certificate, { maxLength: 3 }) }),
  fc.record({ type: kind("vote"), vote }),
  fc.record({ type: kind("certificate"), certificate }),
  fc.record({ type: kind("car"), car: fc.uint8Array({ maxLength: 300 }) }),
  fc.record({ type: kind("ack"), ack }),
  fc.record({ type: kind("availability"), certificate: availability }),
  fc.record({ type: kind("batch"), batch: fc.uint8Array({ maxLength: 300 }) }),
  fc.record({ type: kind("car-request"), from: counter, tip }),
  fc.record({ type: kind("cars"), cars: fc.array(someBytes, { maxLength: 3 }) }),
  fc.record({ type: kind("block-request"), block: hash }),
  fc.record({ type: kind("block"), block }),
  fc.record({ type: kind("certificates-request"), from: counter, to: counter }),
  fc.record({ type: kind("range-request"), from: counter }),
  fc.record({
    type: kind("range"),
    from: counter,
    oldest: counter,
    items: fc.array(fc.record({ record: someBytes, cars: fc.array(someBytes, { maxLength: 2 }) }), { maxLength: 3 }),
  }),
  fc.record({ type: kind("snapshot-request"), height: counter, part: u32 }),
  fc.record({ type: kind("snapshot-part"), height: counter, part: u32, last: fc.boolean(), bytes: someBytes }),
  fc.record({ type: kind("vote-query"), nonce: hash }),
  fc.record({ type: kind("vote-answer"), answer: voteAnswer }),
  fc.record({ type: kind("stopping") }),
  fc.record({ type: kind("probe"), round: u32 }),
  fc.record({ type: kind("probe-answer"), round: u32 }),
);

export const OWNER = keyPairFromSeed(new Uint8Array(32).fill(3));
export const accountRecord: fc.Arbitrary<AccountRecord> = fc.record({
  id: u128,
  payer: u128,
  userData128: u128,
  userData64: u64,
  userData32: u32,
  ledger: u32,
  code: u16,
  flags: u16,
  ownerKey: fc.constant(toHex(OWNER.publicKey)),
});

export const validatorRecord: fc.Arbitrary<ValidatorRecord> = fc.oneof(
  fc.record({ kind: kind("bond"), validator: u32, account: u128, amount: u128 }),
  fc.record({ kind: kind("unbond"), validator: u32, amount: u128 }),
  fc.record({ kind: kind("caught_up"), validator: u32, height: counter, resultsHash: hash }),
  fc.record({ kind: kind("approve"), validator: u32, subject: u32, key: hash }),
  fc.record({ kind: kind("leave"), validator: u32 }),
  fc.record({ kind: kind("unjail"), validator: u32 }),
  fc.record({ kind: kind("announce"), validator: u32, stateVersion: u32 }),
);
export const authorityRecord: fc.Arbitrary<AuthorityRecord> = fc.oneof(
  fc.record({
    kind: kind("join"),
    serial: u64,
    validator: u32,
    voteKey: hash,
    ownerKey: hash,
    account: u128,
    amount: u128,
  }),
  fc.record({ kind: kind("replace_vote_key"), serial: u64, validator: u32, voteKey: hash }),
  fc.record({ kind: kind("set_parameter"), serial: u64, parameter: u32, value: u64 }),
  fc.record({ kind: kind("release"), serial: u64, validator: u32 }),
);

export const conversion: fc.Arbitrary<Conversion> = fc.record({ debit: u128, credit: u128, amount: u128 });

const ratio = fc.integer({ min: 0, max: 0xffff_fffe });
export const report: fc.Arbitrary<ReportRecord> = fc.record(
  { reporter: u32, subject: u32, epoch: u32, timelinessPpm: u32, availabilityPpm: u32, meshPpm: ratio },
  { requiredKeys: ["reporter", "subject", "epoch", "timelinessPpm", "availabilityPpm"] },
);

const attestation = fc.record({ validator: u32, signature });
export const anchorRecord: fc.Arbitrary<AnchorRecord> = fc.record({
  ...{ author: hash, id: fc.stringMatching(ENTRY_ID), clock: u64, contentHash: hash, epoch: u32 },
  attestations: fc.tuple(attestation, attestation),
});

/** A client's batch of one or two transfers; its signature is right. */
export const batch: fc.Arbitrary<Uint8Array> = fc
  .record({
    chainId: hash,
    stream: u64,
    sequence: u64,
    expiryMs: counter,
    id: u128,
    amount: u128,
    count: fc.constantFrom(1, 2),
  })
  .map(({ id, amount, count, ...place }) => {
    const records = encodeTransfers(Array.from({ length: count }, () => newTransfer({ id, amount })));
    return encodeBatch({ type: "transfers", payload: records, keyPair: OWNER, ...place });
  });
export const car: fc.Arbitrary<Car> = fc
  .record({
    place: fc.record({ validator: u32, incarnation: u64, number: fromOne }),
    previous: hash.filter((digest) => digest !== NO_CAR),
    batches: fc.array(batch, { minLength: 1, maxLength: 3 }),
    signature,
  })
  .map(({ place, previous, batches, signature: signed }) =>
    sealCar({ ...place, previous: place.number === 1 ? NO_CAR : previous }, batches, () => signed),
  );
