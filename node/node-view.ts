import type { NodeState, NodeStatus } from "./api/contract.ts";
import { present } from "./base/assert.ts";
import { toHex } from "./base/bytes.ts";
import { checkpointOf, heightOf, resultsHashOf, validatorsOf } from "./chain/chain.ts";
import { encodeCertificate } from "./codec/certificate.ts";
import type { Node } from "./node-state.ts";

export type NodeView = Pick<
  NodeStatus,
  | "reason"
  | "role"
  | "height"
  | "certifiedHeight"
  | "resultsHash"
  | "checkpoint"
  | "view"
  | "epoch"
  | "validators"
  | "finality"
  | "lastBlockAtMs"
> & {
  readonly state: Extract<NodeState, "CatchingUp" | "Following" | "Voting" | "Stopping">;
  /** Batches that wait for a block. */
  readonly pendingBatches: number;
  /** Breaches of safety that this process has seen. */
  readonly safety: { readonly fork: number; readonly resultsMismatch: number; readonly equivocation: number };
};

/** What the node says of itself, from its own state alone. */
export function viewOf(node: Node): NodeView {
  const { consensus, chain } = node;
  const height = heightOf(chain);
  const certifiedHeight = Math.max(height, consensus.finality?.ballot.height ?? 0);
  return {
    ...standing(node, { height, certifiedHeight }),
    role: consensus.config.self === undefined ? "Observer" : "Voter",
    height,
    certifiedHeight,
    resultsHash: present(resultsHashOf(chain), "the newest height has a results hash"),
    checkpoint: checkpointOf(chain),
    view: consensus.view,
    epoch: consensus.config.epoch,
    validators: validatorsOf(chain).map(({ id, weight, publicKey }) => ({ id, weight, publicKey })),
    finality: finalityOf(node),
    lastBlockAtMs: node.lastBlockAtMs,
    pendingBatches: node.pool.entries.size,
    safety: { ...node.safety },
  };
}

function standing(
  { stopping, noVote, consensus }: Node,
  { height, certifiedHeight }: { height: number; certifiedHeight: number },
): Pick<NodeView, "state" | "reason"> {
  if (stopping) return { state: "Stopping", reason: "it was told to stop and takes no new batches" };
  if (consensus.forked) {
    return { state: "Following", reason: "two quorums contradicted each other: it votes no more" };
  }
  if (certifiedHeight > height) {
    return { state: "CatchingUp", reason: `${certifiedHeight - height} final blocks are missing here` };
  }
  if (!consensus.voting) return { state: "Following", reason: noVote };
  return { state: "Voting", reason: "" };
}

function finalityOf({ consensus }: Node): NodeView["finality"] {
  const { finality } = consensus;
  if (finality === undefined) return null;
  const { epoch, view, block, height } = finality.ballot;
  return { epoch, view, block, height, certificate: toHex(encodeCertificate(finality)) };
}
