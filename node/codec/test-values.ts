import fc from "fast-check";
import { type Hex, toHex } from "../base/bytes.ts";
import { nanos } from "../base/units.ts";
import type { AccountRecord } from "./account.ts";
import { headerOf, type SealedBlock, sealBlock } from "./block.ts";
import type { BlockRecord } from "./block-record.ts";
import type { Certificate, Finalization } from "./certificate.ts";
import type { PeerMessage } from "./peer-message.ts";
import { keyPairFromSeed } from "./signature.ts";
import type { Ballot, Vote } from "./vote.ts";

/** Arbitrary values of everything that the codec writes, with the edges of every field. */
export const u16 = fc.integer({ min: 0, max: 0xffff });
export const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
export const u64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
export const u128 = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n });
const bytesOf = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
export const hash: fc.Arbitrary<Hex> = bytesOf(32).map(toHex);
const signature = bytesOf(64);
const counter = fc.maxSafeNat();
const view = counter.map((value) => Math.max(1, value));
const executed = fc.record({ height: counter, resultsHash: hash });

const finalize = fc.record({ kind: fc.constant("finalize" as const), epoch: u32, view, block: hash, height: counter });
export const ballot: fc.Arbitrary<Ballot> = fc.oneof(
  fc.record({ kind: fc.constant("notarize" as const), epoch: u32, view, block: hash, height: counter, executed }),
  fc.record({ kind: fc.constant("nullify" as const), epoch: u32, view }),
  finalize,
);
export const vote: fc.Arbitrary<Vote> = fc.record({ ballot, signer: u32, signature });

const signatures = fc
  .uniqueArray(fc.record({ signer: u32, signature }), { maxLength: 5, selector: ({ signer }) => signer })
  .map((list) => list.toSorted((a, b) => a.signer - b.signer));
export const certificate: fc.Arbitrary<Certificate> = fc.record({ ballot, signatures });
const finalization: fc.Arbitrary<Finalization> = fc.record({ ballot: finalize, signatures });

export const block: fc.Arbitrary<SealedBlock> = fc
  .record({
    epoch: u32,
    view: counter,
    height: counter,
    parent: hash,
    proposer: u32,
    time: u64.map(nanos),
    executed,
    batches: fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 3 }),
  })
  .map(sealBlock);
export const record: fc.Arbitrary<BlockRecord> = fc.record({
  block,
  headers: fc.array(block.map(headerOf), { maxLength: 3 }),
  certificate: finalization,
});

export const peerMessage: fc.Arbitrary<PeerMessage> = fc.oneof(
  fc.record({
    type: fc.constant("proposal" as const),
    block,
    signature,
    justification: fc.array(certificate, { maxLength: 3 }),
  }),
  fc.record({ type: fc.constant("vote" as const), vote }),
  fc.record({ type: fc.constant("certificate" as const), certificate }),
  fc.record({ type: fc.constant("batch" as const), batch: fc.uint8Array({ maxLength: 300 }) }),
  fc.record({ type: fc.constant("block-request" as const), block: hash }),
  fc.record({ type: fc.constant("block" as const), block }),
  fc.record({ type: fc.constant("certificates-request" as const), from: counter, to: counter }),
  fc.record({ type: fc.constant("range-request" as const), from: counter }),
  fc.record({
    type: fc.constant("range" as const),
    from: counter,
    records: fc.array(fc.uint8Array({ maxLength: 90 }), { maxLength: 3 }),
  }),
  fc.record({ type: fc.constant("stopping" as const) }),
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
