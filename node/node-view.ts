import { isObserver, type NodeState, type NodeStatus } from "./api/contract.ts";
import { present } from "./base/assert.ts";
import { toHex } from "./base/bytes.ts";
import { PPM } from "./base/units.ts";
import { VOTE_DELAY_BOUND_MS } from "./cal/observer.ts";
import { checkpointOf, heightOf, resultsHashOf, validatorStates, validatorsOf } from "./chain/chain.ts";
import { coherenceView } from "./chain/coherence-view.ts";
import { encodeCertificate } from "./codec/certificate.ts";
import { certifiedHeight as certifiedHeightIn, isVoter } from "./consensus/state.ts";
import { waitingBatches } from "./lanes/own-lane.ts";
import { anchorOf } from "./node-snapshot-head.ts";
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
  | "coherence"
  | "trustAnchor"
> & {
  readonly state: Extract<NodeState, "CatchingUp" | "Following" | "Voting" | "Halted" | "Stopping">;
  /** Batches of this node's clients that wait for a block. */
  readonly pendingBatches: number;
  /** A final block named other results than this process had, of blocks that it executed or of a state that it was given. */
  readonly resultsDiffer: boolean;
  /** Breaches of safety that this process has seen. */
  readonly safety: { readonly fork: number; readonly resultsMismatch: number; readonly equivocation: number };
};

/** The greatest height that this node knows to be final. */
export const certifiedHeightOf = ({ chain, consensus }: Node): number =>
  Math.max(heightOf(chain), certifiedHeightIn(consensus));

/** A block is still live when no more than so many behind it have a certificate. */
const LIVE_BLOCKS = 2;

/** Whether a block that is executed now is executed as it was made: one that was fetched later says nothing of its time. */
export const isLive = (node: Node, height: number): boolean => certifiedHeightOf(node) - height <= LIVE_BLOCKS;

/** What the node says of itself, from its own state alone. */
export function viewOf(node: Node): NodeView {
  const { consensus, chain } = node;
  const height = heightOf(chain);
  const certifiedHeight = certifiedHeightOf(node);
  const checkpoint = checkpointOf(chain);
  const closing = node.snapshotKeeper.newest.epochs.at(-1);
  return {
    ...standing(node, { height, certifiedHeight }),
    role: consensus.self === undefined ? "Observer" : "Voter",
    height,
    certifiedHeight,
    resultsHash: present(resultsHashOf(chain), "the newest height has a results hash"),
    checkpoint: { height: checkpoint.height, stateRoot: checkpoint.stateRoot },
    view: consensus.view,
    epoch: consensus.epoch,
    validators: validatorsOf(chain).map(({ id, weight, publicKey }) => ({ id, weight, publicKey })),
    finality: finalityOf(node),
    lastBlockAtMs: node.lastBlockAtMs,
    coherence: coherenceOf(node),
    // Before a later block confirmed it, what a peer gave is not vouched for.
    ...(closing === undefined || node.unproved ? {} : { trustAnchor: anchorOf(closing) }),
    pendingBatches: waitingBatches(node.lanes),
    resultsDiffer: node.safety.resultsMismatch > 0 || node.snapshotKeeper.refuted,
    safety: { ...node.safety },
  };
}

function coherenceOf({ chain, config }: Node): NodeView["coherence"] {
  const { measuredEpoch, validators, coherencePpm, meanPsiPpm, band, mode, ...lambda } = coherenceView(chain);
  const { lambdaPpm, alphaPpm, lambdaEffectivePpm } = lambda;
  return {
    ...{ measured: measuredEpoch > 0, epoch: measuredEpoch, coherencePpm, meanPsiPpm, band, mode },
    ...{ lambdaPpm, alphaPpm, lambdaEffectivePpm },
    psiPpm: validatorStates(chain).get(config.self)?.psiPpm ?? 0,
    psi: validators.map(({ id, psiPpm, omega: { timelinessPpm, availabilityPpm } }) => ({
      ...{ validator: id, psiPpm, availabilityPpm },
      voteDelayMs: Math.ceil(((PPM - timelinessPpm) * VOTE_DELAY_BOUND_MS) / PPM),
    })),
  };
}

function standing(
  { config, stopping, consensus, unproved, halted, snapshotKeeper: { refused } }: Node,
  { height, certifiedHeight }: { height: number; certifiedHeight: number },
): Pick<NodeView, "state" | "reason"> {
  if (stopping) return { state: "Stopping", reason: "it was told to stop and takes no new batches" };
  if (halted !== undefined) return { state: "Halted", reason: halted };
  if (consensus.forked) {
    return { state: "Following", reason: "two quorums contradicted each other: it votes no more" };
  }
  if (refused !== undefined) return { state: "CatchingUp", reason: `a peer's snapshot was refused: ${refused}` };
  if (certifiedHeight > height) {
    return { state: "CatchingUp", reason: `${certifiedHeight - height} final blocks are missing here` };
  }
  if (unproved)
    return { state: "CatchingUp", reason: "no final block has confirmed the snapshot yet that it began from" };
  if (isVoter(consensus)) return { state: "Voting", reason: "" };
  if (isObserver(config.self)) return { state: "Following", reason: "an observer: it follows without a vote" };
  const reason =
    consensus.self === undefined
      ? "its key is not in the validator set: it follows without a vote"
      : "its vote journal is missing or damaged: it votes again once enough others have said where they stand";
  return { state: "Following", reason };
}

/** The newest finality: of the epoch before until a block of this one is final. */
function finalityOf({ consensus }: Node): NodeView["finality"] {
  const finality = consensus.finality ?? consensus.previous?.finality;
  if (finality === undefined) return null;
  const { epoch, view, block, height } = finality.ballot;
  return { epoch, view, block, height, certificate: toHex(encodeCertificate(finality)) };
}
