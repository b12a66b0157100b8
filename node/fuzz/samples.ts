import type { GenesisFile, NetworkFile } from "../api/contract.ts";
import { type Hex, toHex } from "../base/bytes.ts";
import { nanos } from "../base/units.ts";
import { signAccountRecord } from "../codec/account.ts";
import { encodeBatch } from "../codec/batch.ts";
import { headerOf, type SealedBlock, sealBlock } from "../codec/block.ts";
import type { BlockRecord } from "../codec/block-record.ts";
import type { Certificate } from "../codec/certificate.ts";
import type { ClientFrame } from "../codec/client-protocol.ts";
import { sha256, sha256Hex } from "../codec/hash.ts";
import type { PeerMessage } from "../codec/peer-message.ts";
import { type KeyPair, keyPairFromSeed, sign } from "../codec/signature.ts";
import { encodeTransfers, newTransfer } from "../codec/transfer.ts";
import { type Ballot, ballotMessage, type Vote } from "../codec/vote.ts";
import type { JournalRecord } from "../consensus/journal.ts";

/** Right values of everything that is parsed, small, and signed by keys that are made from names. */
const text = new TextEncoder();
const keyOf = (name: string): KeyPair => keyPairFromSeed(sha256(text.encode(name)));
const publicKeyOf = (name: string): Hex => toHex(keyOf(name).publicKey);

export const CHAIN_ID = sha256Hex(text.encode("fuzzed chain"));
const client = keyOf("client");
const EXPIRY_MS = 1_800_000_000_000;

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
const batch = (type: "transfers" | "accounts", payload: Uint8Array): Uint8Array =>
  encodeBatch({ type, payload, chainId: CHAIN_ID, keyPair: client, stream: 1n, sequence: 2n, expiryMs: EXPIRY_MS });

export const TRANSFER_LISTS: readonly Uint8Array[] = [transfers(1), transfers(3)];
export const ACCOUNT_LISTS: readonly Uint8Array[] = [accounts(1), accounts(2)];
export const BATCHES: readonly Uint8Array[] = [
  batch("transfers", transfers(1)),
  batch("transfers", transfers(9)),
  batch("accounts", accounts(2)),
];

const blockOn = (parent: SealedBlock | undefined, batches: readonly Uint8Array[]): SealedBlock =>
  sealBlock({
    epoch: 1,
    view: (parent?.view ?? 0) + 1,
    height: (parent?.height ?? 0) + 1,
    parent: parent?.hash ?? CHAIN_ID,
    proposer: 2,
    time: nanos(BigInt(EXPIRY_MS) * 1_000_000n),
    executed: { height: parent?.height ?? 0, resultsHash: sha256Hex(text.encode("results")) },
    batches,
  });
const first = blockOn(undefined, []);
const second = blockOn(first, BATCHES);
export const BLOCKS: readonly SealedBlock[] = [first, second];

const voteOf = (ballot: Ballot, signer: number): Vote => ({
  ballot,
  signer,
  signature: sign(ballotMessage(CHAIN_ID, ballot), keyOf(`validator ${signer}`).secretKey),
});
const signedBy = <B extends Ballot>(ballot: B, signers: readonly number[]): Certificate<B> => ({
  ballot,
  signatures: signers.map((signer) => ({ signer, signature: voteOf(ballot, signer).signature })),
});
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
  { type: "opened", chainId: CHAIN_ID, validator: 3 },
  { type: "block", block: second },
  ...[notarize, finalize, nullify].map((ballot) => ({ type: "vote", vote: voteOf(ballot, 3) }) as const),
  ...CERTIFICATES.map((certificate) => ({ type: "certificate", certificate }) as const),
];

const [anyCertificate] = CERTIFICATES;
export const PEER_MESSAGES: readonly PeerMessage[] = [
  { type: "proposal", block: second, signature: new Uint8Array(64).fill(9), justification: CERTIFICATES },
  ...[notarize, finalize, nullify].map((ballot) => ({ type: "vote", vote: voteOf(ballot, 0) }) as const),
  ...(anyCertificate === undefined ? [] : [{ type: "certificate", certificate: anyCertificate } as const]),
  ...BATCHES.map((each) => ({ type: "batch", batch: each }) as const),
  { type: "block-request", block: hash },
  { type: "block", block: first },
  { type: "certificates-request", from: 3, to: 9 },
  { type: "range-request", from: 12 },
  { type: "range", from: 12, records: [new Uint8Array([1]), new Uint8Array(30)] },
  { type: "stopping" },
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
};
export const NETWORK: NetworkFile = {
  network: "fuzz",
  peers: [0, 1, 2, 3].map((id) => ({ id, host: `node-${id}.fuzz.svc`, port: 8005 })),
};
