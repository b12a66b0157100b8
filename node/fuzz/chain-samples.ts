import { present } from "../base/assert.ts";
import { nanos } from "../base/units.ts";
import {
  type Chain,
  chainId,
  checkpointOf,
  closingAt,
  createChain,
  epochOf,
  executeBlock,
  headOf,
  heightOf,
  lastBlockTimeOf,
  validatorsOf,
} from "../chain/chain.ts";
import type { AccountProof, BatchProof } from "../chain/proof.ts";
import { type AnchorProof, withContent } from "../chain/proof-anchor.ts";
import { proveBatch } from "../chain/prove.ts";
import { exportChain } from "../chain/snapshot.ts";
import type { BatchOutcome, ExecutableBlock } from "../chain/types.ts";
import { type BatchType, batchId, encodeBatch } from "../codec/batch.ts";
import { sealBlock, ZERO_HASH } from "../codec/block.ts";
import type { BlockRecord } from "../codec/block-record.ts";
import { type KeyPair, sign } from "../codec/signature.ts";
import { encodeTransfers, newTransfer } from "../codec/transfer.ts";
import { encodeValidatorRecords } from "../codec/validator-record.ts";
import { ballotMessage } from "../codec/vote.ts";
import { proveEpoch, type SnapshotHead } from "../node-snapshot-head.ts";
import { EXPIRY_MS, GENESIS, keyOf } from "./samples.ts";

/** A short history of the chain that `GENESIS` begins: two epochs, proofs out of it, and a snapshot at its end. */
const MS = 1_000_000n;
type More = Partial<Pick<ExecutableBlock, "votes" | "tips" | "batches">> & { readonly afterMs?: number };

/** One more block, final by three of the four validators, and executed. */
function next(chain: Chain, { afterMs = 1, votes = [], tips = [], batches = [] }: More = {}) {
  const height = heightOf(chain) + 1;
  const before = present(headOf(chain, height - 1), "the newest block has a head");
  const time = nanos(lastBlockTimeOf(chain) + BigInt(afterMs) * MS);
  const closing = closingAt(chain, { executedHeight: height - 1, time });
  const fields = {
    ...{ epoch: epochOf(chain).number, view: height, height, parent: before.hash, proposer: 0, time },
    kind: closing === undefined ? ("normal" as const) : ("closing" as const),
    executed: { height: height - 1, resultsHash: before.resultsHash },
    next: closing?.next ?? ZERO_HASH,
  };
  const block = sealBlock({ ...fields, votes: [], evidence: [], payload: new Uint8Array() });
  const ballot = { kind: "finalize", epoch: fields.epoch, view: height, block: block.hash, height } as const;
  const message = ballotMessage(chainId(chain), ballot);
  const signatures = [0, 1, 2].map((signer) => ({
    signer,
    signature: sign(message, keyOf(`validator ${signer}`).secretKey),
  }));
  const record: BlockRecord = { block, headers: [], certificate: { ballot, signatures } };
  const { outcomes } = executeBlock(chain, { ...fields, hash: block.hash, votes, evidence: [], tips, batches });
  const executed = batches.map((bytes, index) => ({
    batch: batchId(bytes),
    outcome: present<BatchOutcome>(outcomes[index], "a batch has an outcome"),
  }));
  return { record, executed };
}

let sequence = 0n;
function batchOf(chain: Chain, type: BatchType, payload: Uint8Array, keyPair: KeyPair): Uint8Array {
  sequence += 1n;
  return encodeBatch({
    ...{ type, payload, chainId: chainId(chain), keyPair, stream: 1n, sequence },
    expiryMs: EXPIRY_MS + 60_000,
  });
}
/** Refused by the ledger, which so stays what the genesis made it. */
const refused = (chain: Chain): Uint8Array =>
  batchOf(
    chain,
    "transfers",
    encodeTransfers([newTransfer({ id: sequence + 1n, debit: 5n, credit: 6n })]),
    keyOf("client"),
  );

const created = createChain(GENESIS);
const chain = present(created.ok ? created.value : undefined, "the genesis is good");
/** Who may be believed about the first epoch. */
export const TRUST = {
  chainId: chainId(chain),
  epoch: 1,
  members: validatorsOf(chain),
  setHash: epochOf(chain).setHash,
};

for (let block = 1; block <= 8; block++) next(chain);
const { record: closing } = next(chain, { afterMs: 10_000 });
const epoch = proveEpoch(closing, chain);
const provenBatches = [refused(chain), refused(chain), refused(chain)];
const proven = next(chain, { batches: provenBatches });
const provenHeight = heightOf(chain);
next(chain);
const { record: later } = next(chain);
const proof = proveBatch(chain, {
  ...{ height: provenHeight, index: 1, executed: proven.executed },
  ...{ final: later, epochs: [epoch] },
});
export const BATCH_PROOF: BatchProof = present(proof.ok ? proof.value : undefined, "the batch can be proved");
/** The batch is what it says, and anchored nothing. */
export const ANCHOR_PROOF: AnchorProof = withContent(BATCH_PROOF, {
  ...{ index: 0, content: present(provenBatches[1], "the proven batch") },
});
const { kind: _, batch: __, outcome: ___, ...results } = BATCH_PROOF;
/** Its form alone: nothing of it holds. */
export const ACCOUNT_PROOF: AccountProof = {
  ...{ kind: "account", ...results },
  ...{ account: 1n << 64n, bucket: new Uint8Array([1, 2, 3]) },
  checkpoint: { ...checkpointOf(chain) },
};

next(chain, {
  votes: [
    { depth: 1, signer: 0 },
    { depth: 2, signer: 1, executedHash: "ab".repeat(32) },
  ],
  tips: [{ validator: 1, incarnation: 77n, number: 5, digest: "cd".repeat(32) }],
  batches: [
    refused(chain),
    batchOf(
      chain,
      "validator",
      encodeValidatorRecords([
        { kind: "leave", validator: 2 },
        { kind: "announce", validator: 2, stateVersion: 2 },
      ]),
      keyOf("validator 2"),
    ),
  ],
});
const { record: newest } = next(chain, { afterMs: 10_000 });
/** Parts of the snapshot at the end, in order. */
export const SNAPSHOT_PARTS: readonly Uint8Array[] = partsOf(chain);
/** As the blocks above leave it, at a checkpoint. */
export const END = chain;
export const SNAPSHOT_ROOT = checkpointOf(chain).stateRoot;
export const SNAPSHOT_HEADS: readonly SnapshotHead[] = [
  { own: true, epochs: [], records: [closing] },
  { own: false, epochs: [epoch], records: [newest] },
];

export function partsOf(of: Chain): readonly Uint8Array[] {
  const pull = exportChain(of);
  const parts: Uint8Array[] = [];
  for (let part = pull(); part !== undefined; part = pull()) parts.push(part);
  return parts;
}

/** Each part behind its length. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(
    Buffer.concat(
      parts.flatMap((part) => {
        const length = Buffer.alloc(4);
        length.writeUInt32LE(part.length);
        return [length, part];
      }),
    ),
  );
}

/** The parts again; the last one may be shorter than it says. */
export function cut(input: Uint8Array): Uint8Array[] {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  const parts: Uint8Array[] = [];
  for (let at = 0; at + 4 <= input.length; ) {
    const length = view.getUint32(at, true);
    parts.push(input.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return parts;
}
