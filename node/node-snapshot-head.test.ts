import { present } from "./base/assert.ts";
import { toHex } from "./base/bytes.ts";
import { fc } from "./base/test-property.ts";
import type { EpochProof } from "./chain/proof.ts";
import { type Block, headerOf, sealBlock } from "./codec/block.ts";
import type { BlockRecord } from "./codec/block-record.ts";
import { describeCodec } from "./codec/test-codec.ts";
import { block, finalization, hash, u32 } from "./codec/test-values.ts";
import { encodeHead, parseHead, type SnapshotHead } from "./node-snapshot-head.ts";

const publicKey = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(toHex);
const epoch: fc.Arbitrary<EpochProof> = fc.record({
  header: block.map(headerOf),
  headers: fc.array(block.map(headerOf), { maxLength: 2 }),
  certificate: finalization,
  members: fc.array(fc.record({ id: u32, weight: u32, publicKey }), { maxLength: 3 }),
  parametersHash: hash,
});

/** Blocks that follow each other, each final by its own certificate. */
const records: fc.Arbitrary<SnapshotHead["records"]> = fc
  .array(fc.tuple(block, finalization), { minLength: 1, maxLength: 3 })
  .map((parts) => {
    const chain: BlockRecord[] = [];
    for (const [fields, { signatures }] of parts) {
      const parent = chain.at(-1)?.block.hash ?? fields.parent;
      const made: Block = { ...fields, parent, kind: fields.kind === "tail" ? "normal" : fields.kind };
      const sealed = sealBlock(made);
      const { hash: of, epoch: in_, view, height } = sealed;
      const ballot = { kind: "finalize", epoch: in_, view: Math.max(1, view), block: of, height } as const;
      chain.push({ block: sealed, headers: [], certificate: { ballot, signatures } });
    }
    return [present(chain[0], "there is a record"), ...chain.slice(1)];
  });
const values: fc.Arbitrary<SnapshotHead> = fc.record({
  own: fc.boolean(),
  epochs: fc.array(epoch, { maxLength: 2 }),
  records,
});

describeCodec("head of a snapshot", { values, encode: encodeHead, parse: parseHead });
