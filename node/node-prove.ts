import type { Hex } from "./base/bytes.ts";
import { type Result, refuse } from "./base/result.ts";
import { heightOf } from "./chain/chain.ts";
import type { BatchProof } from "./chain/proof.ts";
import { proveBatch } from "./chain/prove.ts";
import { type BlockRecord, parseRecord } from "./codec/block-record.ts";
import type { Node } from "./node-state.ts";

/** Blocks behind the proven one in which an E is looked for that has it executed: E is seldom further back than a few. */
const LOOKED_MAX = 256;

export type ProofFault =
  /** A batch of one of the newest blocks only: of older ones the log has to be replayed (`hmn-node prove`). */
  | "not_found"
  /** No final block names its results yet: soon. */
  | "not_certified_yet"
  /** The asker's set is too old to be followed from here. */
  | "epoch_too_old";

/**
 * Proves what became of a batch of one of the newest blocks, to somebody who knows the validators of `epoch`: with the way
 * of its results to an E that a final block names (chain/proof.ts).
 */
export function proveExecuted(
  node: Node,
  { batch, height, epoch }: { readonly batch: Hex; readonly height: number; readonly epoch: number },
): Result<BatchProof, ProofFault> {
  if (node.unproved) return refuse("not_certified_yet", "no final block has confirmed this node's state yet");
  const executed = node.results.blocks.get(height);
  const index = executed?.findIndex((one) => one.batch === batch) ?? -1;
  if (executed === undefined || index === -1) return refuse("not_found");
  const final = certifierOf(node, height);
  if (final === undefined)
    return refuse("not_certified_yet", `no final block names the results of height ${height} yet`);
  const until = final.block.epoch;
  const epochs = node.snapshotKeeper.newest.epochs.filter(
    ({ header }) => header.epoch >= epoch && header.epoch < until,
  );
  // Without a gap from the asker's epoch on, or it cannot be followed.
  if (epoch < until && epochs[0]?.header.epoch !== epoch)
    return refuse("epoch_too_old", `the validators of epoch ${epoch} lie too far back: take those of a later epoch`);
  const proof = proveBatch(node.chain, { height, index, executed, final, epochs });
  return proof.ok ? proof : refuse("not_found", proof.detail ?? proof.reason);
}

/** The first final block after this one that names results of this height or later. */
function certifierOf({ chain, config }: Node, height: number): BlockRecord | undefined {
  for (let at = height + 1; at <= Math.min(heightOf(chain), height + LOOKED_MAX); at++) {
    const bytes = config.blocks.readBlock(at);
    const record = bytes === undefined ? undefined : parseRecord(bytes);
    if (record?.ok !== true) return undefined;
    if (record.value.block.executed.height >= height) return record.value;
  }
  return undefined;
}
