import type { GenesisFile, NetworkFile } from "../api/contract.ts";
import { type Hex, toHex } from "../base/bytes.ts";
import { nanos } from "../base/units.ts";
import { signAccountRecord } from "../codec/account.ts";
import { encodeAnchors } from "../codec/anchor.ts";
import { signAuthorityRecord } from "../codec/authority-record.ts";
import { type Ack, type AvailabilityCertificate, ackMessage } from "../codec/availability.ts";
import { type BatchType, encodeBatch } from "../codec/batch.ts";
import { type Block, headerOf, type SealedBlock, sealBlock, ZERO_HASH } from "../codec/block.ts";
import type { BlockRecord } from "../codec/block-record.ts";
import { type Car, carMessage, NO_CAR, sealCar, tipOfCar } from "../codec/car.ts";
import type { Certificate } from "../codec/certificate.ts";
import type { ClientFrame } from "../codec/client-protocol.ts";
import { encodeConversions } from "../codec/conversion.ts";
import { type Evidence, evidenceOf, type Statement } from "../codec/evidence.ts";
import { sha256, sha256Hex } from "../codec/hash.ts";
import { EMPTY_PAYLOAD, encodePayload, type Payload } from "../codec/payload.ts";
import type { PeerMessage } from "../codec/peer-message.ts";
import { encodeReports } from "../codec/report.ts";
import { signRotation } from "../codec/rotation.ts";
import { type KeyPair, keyPairFromSeed, sign } from "../codec/signature.ts";
import { encodeTransfers, newTransfer } from "../codec/transfer.ts";
import { encodeValidatorRecords } from "../codec/validator-record.ts";
import { type Ballot, ballotMessage, proposalMessage, type Vote } from "../codec/vote.ts";
import { type VoteAnswer, voteAnswerMessage } from "../codec/vote-answer.ts";
import type { JournalRecord } from "../consensus/journal.ts";

/** Right values of everything that is parsed, small, and signed by keys that are made from names. */
const text = new TextEncoder();
export const keyOf = (name: string): KeyPair => keyPairFromSeed(sha256(text.encode(name)));
const publicKeyOf = (name: string): Hex => toHex(keyOf(name).publicKey);

export const CHAIN_ID = sha256Hex(text.encode("fuzzed chain"));
const client = keyOf("client");
export const EXPIRY_MS = 1_800_000_000_000;

const transfers = (count: number): Uint8Array =>
  encodeTransfers(
    Array.from({ length: count }, (_, index) =>
      newTransfer({ id: BigInt(index + 1), debit: 5n, credit: 6n, amount: 7n, ledger: 1, code: 1, flags: index % 8 }),
    ),
  );
const accounts = (count: number): Uint8Array =>
  new Uint8Array(
    Buffer.concat(
      Array.from({ length: count }, (_, index) =>
        signAccountRecord({
          record: {
            id: (1n << 64n) + BigInt(index),
            payer: 1n << 64n,
            userData128: 0n,
            userData64: 0n,
            userData32: 0,
            ledger: 1,
            code: 1,
            flags: 2,
            ownerKey: toHex(client.publicKey),
          },
          chainId: CHAIN_ID,
          owner: client,
        }),
      ),
    ),
  );
const batch = (type: BatchType, payload: Uint8Array): Uint8Array =>
  encodeBatch({ type, payload, chainId: CHAIN_ID, keyPair: client, stream: 1n, sequence: 2n, expiryMs: EXPIRY_MS });

export const TRANSFER_LISTS: readonly Uint8Array[] = [transfers(1), transfers(3)];
export const ACCOUNT_LISTS: readonly Uint8Array[] = [accounts(1), accounts(2)];
export const ROTATIONS: readonly Uint8Array[] = [
  signRotation({ account: 1n << 64n, chainId: CHAIN_ID, owner: keyOf("next owner") }),
];
export const CONVERSIONS: readonly Uint8Array[] = [encodeConversions([{ debit: 5n, credit: 6n, amount: 7n }])];
export const ANCHORS: readonly Uint8Array[] = [
  encodeAnchors([
    {
      ...{ author: publicKeyOf("author"), id: "an-entry", clock: 7n << 16n, contentHash: CHAIN_ID, epoch: 3 },
      attestations: [
        { validator: 1, signature: new Uint8Array(64).fill(1) },
        { validator: 2, signature: new Uint8Array(64).fill(2) },
      ],
    },
  ]),
];
export const REPORTS: readonly Uint8Array[] = [
  encodeReports([
    { reporter: 1, subject: 2, epoch: 3, timelinessPpm: 990_000, availabilityPpm: 1_000_000 },
    { reporter: 1, subject: 4, epoch: 3, timelinessPpm: 0, availabilityPpm: 500_000, meshPpm: 1_000_000 },
  ]),
];
export const VALIDATOR_RECORDS: readonly Uint8Array[] = [
  encodeValidatorRecords([
    { kind: "bond", validator: 1, account: 5n, amount: 1n << 70n },
    { kind: "caught_up", validator: 2, height: 9, resultsHash: CHAIN_ID },
  ]),
  encodeValidatorRecords([
    { kind: "approve", validator: 1, subject: 4, key: publicKeyOf("validator 4") },
    { kind: "announce", validator: 3, stateVersion: 2 },
    { kind: "leave", validator: 3 },
  ]),
];
const authority = new Map([
  [0, keyOf("authority")],
  [3, keyOf("authority 3")],
]);
export const AUTHORITY_RECORDS: readonly Uint8Array[] = [
  signAuthorityRecord({
    record: {
      ...{ kind: "join", serial: 1n, validator: 4, account: 5n, amount: 6n },
      ...{ voteKey: publicKeyOf("validator 4"), ownerKey: publicKeyOf("owner 4") },
    },
    ...{ chainId: CHAIN_ID, authority, voteKey: keyOf("validator 4") },
  }),
  signAuthorityRecord({
    record: { kind: "set_parameter", serial: 2n, parameter: 4, value: 14_000n },
    ...{ chainId: CHAIN_ID, authority },
  }),
];
export const BATCHES: readonly Uint8Array[] = [
  batch("transfers", transfers(1)),
  batch("transfers", transfers(9)),
  batch("accounts", accounts(2)),
  ...ROTATIONS.map((payload) => batch("rotations", payload)),
  ...CONVERSIONS.map((payload) => batch("conversions", payload)),
  ...REPORTS.map((payload) => batch("reports", payload)),
  ...ANCHORS.map((payload) => batch("anchors", payload)),
  ...VALIDATOR_RECORDS.map((payload) => batch("validator", payload)),
  ...AUTHORITY_RECORDS.map((payload) => batch("authority", payload)),
];

const signAs = (validator: number, message: Uint8Array): Uint8Array =>
  sign(message, keyOf(`validator ${validator}`).secretKey);
const carOn = (before: Car | undefined, batches: readonly Uint8Array[]): Car =>
  sealCar(
    { validator: 2, incarnation: 7n, number: (before?.number ?? 0) + 1, previous: before?.digest ?? NO_CAR },
    batches,
    (digest) => signAs(2, carMessage(CHAIN_ID, digest)),
  );
const firstCar = carOn(undefined, BATCHES.slice(0, 1));
const secondCar = carOn(firstCar, BATCHES.slice(1, 4));
export const CARS: readonly Car[] = [firstCar, secondCar];
const tip = tipOfCar(secondCar);
const acks = [0, 1, 3].map((signer): Ack => ({ tip, signer, signature: signAs(signer, ackMessage(CHAIN_ID, tip)) }));
const availability: AvailabilityCertificate = { tip, signatures: acks };
export const PAYLOADS: readonly Payload[] = [
  { tips: [{ ...tip, cars: 2 }], certificates: [availability] },
  {
    tips: [
      { ...tip, validator: 0, cars: 1 },
      { ...tip, cars: 2 },
    ],
    certificates: [],
  },
];

const voteOf = (ballot: Ballot, signer: number): Vote => ({
  ballot,
  signer,
  signature: signAs(signer, ballotMessage(CHAIN_ID, ballot)),
});
const signedBy = <B extends Ballot>(ballot: B, signers: readonly number[]): Certificate<B> => ({
  ballot,
  signatures: signers.map((signer) => ({ signer, signature: voteOf(ballot, signer).signature })),
});

const nullifyThree = { kind: "nullify", epoch: 1, view: 3 } as const;
const finalizeThree = { kind: "finalize", epoch: 1, view: 3, block: CHAIN_ID, height: 3 } as const;
const offender = { validator: 3, publicKey: publicKeyOf("validator 3") };
const voted = (ballot: Ballot): Statement => ({ type: "vote", ballot, signature: voteOf(ballot, 3).signature });
const proposed = (block: Hex): Statement => {
  const place = { epoch: 1, view: 4, block };
  return { type: "proposal", ...place, signature: signAs(3, proposalMessage(CHAIN_ID, place)) };
};
export const EVIDENCE: readonly Evidence[] = [
  evidenceOf("finalize-and-nullify", offender, [voted(nullifyThree), voted(finalizeThree)]),
  evidenceOf("propose-twice", offender, [proposed(CHAIN_ID), proposed(ZERO_HASH)]),
];

const blockOn = (parent: SealedBlock | undefined, fields: Pick<Block, "votes" | "evidence" | "payload">): SealedBlock =>
  sealBlock({
    epoch: 1,
    view: (parent?.view ?? 0) + 1,
    kind: parent === undefined ? "normal" : "closing",
    height: (parent?.height ?? 0) + 1,
    parent: parent?.hash ?? CHAIN_ID,
    proposer: 2,
    time: nanos(BigInt(EXPIRY_MS) * 1_000_000n),
    executed: { height: parent?.height ?? 0, resultsHash: sha256Hex(text.encode("results")) },
    next: parent === undefined ? ZERO_HASH : sha256Hex(text.encode("next")),
    ...fields,
  });
const first = blockOn(undefined, { votes: [], evidence: [], payload: new Uint8Array() });
const notarizeFirst = {
  ...({ kind: "notarize", epoch: 1, view: first.view, block: first.hash } as const),
  ...{ height: first.height, executed: first.executed },
};
const dissent = { ...notarizeFirst, dissent: sha256Hex(text.encode("other results")) } as const;
const second = blockOn(first, {
  votes: [
    { depth: 1, signer: 0, signature: voteOf(notarizeFirst, 0).signature },
    { depth: 1, signer: 3, executedHash: dissent.dissent, signature: voteOf(dissent, 3).signature },
  ],
  evidence: EVIDENCE,
  payload: encodePayload(PAYLOADS[0] ?? EMPTY_PAYLOAD),
});
export const BLOCKS: readonly SealedBlock[] = [first, second];
const { epoch, view, hash, height, executed } = second;
const notarize = { kind: "notarize", epoch, view, block: hash, height, executed } as const;
const finalize = { kind: "finalize", epoch, view, block: hash, height } as const;
const nullify = { kind: "nullify", epoch, view } as const;
export const CERTIFICATES: readonly Certificate[] = [
  signedBy(notarize, [0, 1, 3]),
  signedBy(finalize, [0, 1, 2, 3]),
  signedBy(nullify, []),
];
export const RECORDS: readonly BlockRecord[] = [
  { block: second, headers: [], certificate: signedBy(finalize, [0, 1, 2]) },
  { block: first, headers: [headerOf(second)], certificate: signedBy(finalize, [1, 2, 3]) },
];
export const JOURNAL: readonly JournalRecord[] = [
  { type: "opened", chainId: CHAIN_ID, validator: 3, since: { epoch: 1, view: 9 } },
  { type: "forked", epoch: 1, view: 2 },
  { type: "regained", epoch: 2, view: 1 },
  { type: "block", block: second },
  ...[notarize, finalize, nullify].map((ballot) => ({ type: "vote", vote: voteOf(ballot, 3) }) as const),
  ...CERTIFICATES.map((certificate) => ({ type: "certificate", certificate }) as const),
];

const place = { nonce: sha256Hex(text.encode("nonce")), epoch: 1, view: 4 };
const answer = { ...place, signer: 1, signature: signAs(1, voteAnswerMessage(CHAIN_ID, place)) };
export const VOTE_ANSWERS: readonly VoteAnswer[] = [answer, ...CERTIFICATES.map((entry) => ({ ...answer, entry }))];

export const PEER_MESSAGES: readonly PeerMessage[] = [
  { type: "proposal", block: second, signature: new Uint8Array(64).fill(9), justification: CERTIFICATES },
  ...[notarize, dissent, finalize, nullify].map((ballot) => ({ type: "vote", vote: voteOf(ballot, 0) }) as const),
  ...CERTIFICATES.slice(0, 1).map((certificate) => ({ type: "certificate", certificate }) as const),
  { type: "car", car: firstCar.bytes },
  ...acks.slice(0, 1).map((ack) => ({ type: "ack", ack }) as const),
  { type: "availability", certificate: availability },
  ...BATCHES.slice(0, 1).map((each) => ({ type: "batch", batch: each }) as const),
  { type: "car-request", from: 1, tip },
  { type: "cars", cars: CARS.map(({ bytes }) => bytes) },
  { type: "block-request", block: hash },
  { type: "block", block: first },
  { type: "certificates-request", from: 3, to: 9 },
  { type: "range-request", from: 12 },
  {
    ...{ type: "range", from: 12, oldest: 3 },
    items: [
      { record: new Uint8Array([1]), cars: [firstCar.bytes] },
      { record: new Uint8Array(30), cars: [] },
    ],
  },
  { type: "snapshot-request", height: 64, part: 2 },
  { type: "snapshot-part", height: 64, part: 2, last: true, bytes: new Uint8Array([2, 3]) },
  { type: "vote-query", nonce: place.nonce },
  ...VOTE_ANSWERS.map((each) => ({ type: "vote-answer", answer: each }) as const),
  { type: "stopping" },
  { type: "probe", round: 7 },
  { type: "probe-answer", round: 7 },
];

export const CLIENT_FRAMES: readonly ClientFrame[] = [
  { type: "hello", wireVersion: 1, network: "fuzz", chainId: CHAIN_ID },
  ...BATCHES.map((each) => ({ type: "request", requestId: 7n, batch: each }) as const),
  {
    type: "reply",
    requestId: 7n,
    answer: { type: "committed", height: 9, outcome: { count: 3, failures: [{ index: 1, code: "exceeds_credits" }] } },
  },
  { type: "reply", requestId: 8n, answer: { type: "committed", height: 9, outcome: { refused: "batch_expired" } } },
  { type: "reply", requestId: 9n, answer: { type: "refused", reason: "busy", retryable: true } },
];

export const GENESIS: GenesisFile = {
  network: "fuzz",
  timeNs: `${EXPIRY_MS}000000`,
  authority: { publicKeys: [publicKeyOf("authority")], threshold: 1 },
  validators: [0, 1, 2, 3].map((id) => ({
    id,
    consensusKey: publicKeyOf(`validator ${id}`),
    ownerKey: publicKeyOf(`owner ${id}`),
    bond: "1000000000",
  })),
  accounts: [1, 2, 3].map((ledger) => ({
    id: String((1n << 64n) + BigInt(ledger)),
    ownerKey: publicKeyOf("client"),
    ledger,
    balance: "1000000",
  })),
  parameters: { epochLengthMs: 10_000, stateVersion: 1 },
  supplyCaps: { FLX: "18446744073709551616" },
};
export const NETWORK: NetworkFile = {
  network: "fuzz",
  peers: [0, 1, 2, 3].map((id) => ({ id, host: `node-${id}.fuzz.svc`, port: 8005 })),
};
