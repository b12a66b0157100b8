import { assert } from "../base/assert.ts";
import { nanos } from "../base/units.ts";
import { type SealedBlock, sealBlock } from "../codec/block.ts";
import type { Certificate } from "../codec/certificate.ts";
import { JUSTIFICATION_MAX, type PeerMessage } from "../codec/peer-message.ts";
import { proposalMessage } from "../codec/vote.ts";
import { includedUpTo, known, missingBelow, parentFor, pathFromTip } from "./ancestry.ts";
import { onCertificate } from "./certificates.ts";
import { leaderOf } from "./leaders.ts";
import { type ConsensusState, decidedView, type View, viewOf } from "./state.ts";
import { accuse } from "./tally.ts";
import type { Turn } from "./turn.ts";
import { cast } from "./votes.ts";

type Proposal = Extract<PeerMessage, { type: "proposal" }>;

/** A node that is further behind than this stores no proposals: it catches up by finalized blocks first. */
const BEHIND_MAX = 64;
/** Blocks above the tip that are kept at most. */
const BLOCKS_MAX = 512;

/**
 * As this view's leader, proposes once everything for it is here: the parent with its certificates, and the results that
 * its parent's proposer had. True if it proposed.
 */
export function propose(state: ConsensusState, turn: Turn): boolean {
  const { config } = state;
  const parent = parentFor(state);
  if (!("hash" in parent) || config.self === undefined) return false;
  const below = known(state, parent.hash);
  if (below === undefined || pathFromTip(state, parent.hash) === undefined) return false;
  const executed = turn.execution.height();
  const resultsHash = turn.execution.resultsHash(executed);
  if (executed < below.executed.height || resultsHash === undefined) return false;
  const block = sealBlock({
    epoch: config.epoch,
    view: state.view,
    height: below.height + 1,
    parent: parent.hash,
    proposer: config.self,
    time: nanos(turn.wallNs > below.time ? turn.wallNs : below.time + 1n),
    executed: { height: executed, resultsHash },
    batches: turn.payload.take(includedUpTo(state, parent.hash)),
  });
  const view = viewOf(state, state.view);
  assert(view.proposal === undefined, "a leader proposes once in a view");
  view.proposal = { block, signature: signProposal(state, block) };
  state.blocks.set(block.hash, block);
  state.lastProposalAtMs = turn.nowMs;
  turn.out.push({ type: "broadcast", message: proposalOf(state, view.proposal) });
  // The own vote stands for the proposal in the journal: after a restart there is no second one.
  cast(state, turn, {
    kind: "notarize",
    epoch: block.epoch,
    view: block.view,
    block: block.hash,
    height: block.height,
    executed: block.executed,
  });
  return true;
}

export function signProposal(state: ConsensusState, block: SealedBlock): Uint8Array {
  const { chainId, crypto } = state.config;
  return crypto.sign(proposalMessage(chainId, { epoch: block.epoch, view: block.view, block: block.hash }));
}

/** The proposal with the certificates that a voter needs who has none: its parent's, and those of nullified views since. */
export function proposalOf(state: ConsensusState, { block, signature }: NonNullable<View["proposal"]>): Proposal {
  const justification: Certificate[] = [];
  const parentView = known(state, block.parent)?.view ?? decidedView(state);
  const final = state.finality;
  const notarization = state.views.get(parentView)?.notarization;
  if (notarization !== undefined) justification.push(notarization);
  else if (final !== undefined) justification.push(final);
  for (let view = Math.max(parentView, decidedView(state)) + 1; view < block.view; view++) {
    const nullification = state.views.get(view)?.nullification;
    if (nullification !== undefined) justification.push(nullification);
  }
  return { type: "proposal", block, signature, justification: justification.slice(-JUSTIFICATION_MAX) };
}

/** A proposal from outside. Certificates first: they may be what lets this node into its view. */
export function onProposal(state: ConsensusState, turn: Turn, proposal: Proposal): string | undefined {
  const { config } = state;
  const { block, signature } = proposal;
  if (block.epoch !== config.epoch || block.view === 0) return "proposal of another epoch";
  if (leaderOf(state.leaders, block.view) !== block.proposer) return "proposal of a node that does not lead";
  if (block.view <= decidedView(state)) return undefined;
  const leader = config.committee.byId.get(block.proposer);
  assert(leader !== undefined, "leaders are members");
  const message = proposalMessage(config.chainId, { epoch: block.epoch, view: block.view, block: block.hash });
  if (state.views.get(block.view)?.proposal?.block.hash !== block.hash) {
    if (!config.crypto.verify({ message, signature, publicKey: leader.publicKey }))
      return "proposal is not its leader's";
  }
  for (const certificate of proposal.justification) {
    const dropped = onCertificate(state, turn, certificate);
    if (dropped !== undefined) return dropped;
  }
  if (block.view <= decidedView(state) || block.view > state.view + 1) return undefined;
  if ((state.finality?.ballot.height ?? 0) > state.tip.height + BEHIND_MAX) return undefined;
  const view = viewOf(state, block.view);
  state.heardInView.set(block.proposer, state.view);
  if (view.proposal !== undefined) {
    if (view.proposal.block.hash !== block.hash)
      accuse(view, turn, { signer: block.proposer, evidence: "two proposals" });
    return undefined;
  }
  view.proposal = { block, signature };
  state.lastProposalAtMs = turn.nowMs;
  keepBody(state, block);
  return undefined;
}

/** A block that this node asked for: it counts only where a certificate or a kept block names it. */
export function onBlock(state: ConsensusState, block: SealedBlock): string | undefined {
  if (!wantedBlocks(state).includes(block.hash)) return "block that nobody asked for";
  keepBody(state, block);
  return undefined;
}

function keepBody(state: ConsensusState, block: SealedBlock): void {
  if (state.blocks.size < BLOCKS_MAX && block.view > state.tip.view) state.blocks.set(block.hash, block);
}

/** Blocks that a quorum notarized and this node lacks, or lacks the way down from. */
export function wantedBlocks(state: ConsensusState): readonly string[] {
  const wanted = new Set<string>();
  for (const view of state.views.values()) {
    const top = view.notarization?.ballot.block;
    const missing = top === undefined ? undefined : missingBelow(state, top);
    if (missing !== undefined && missing !== state.finality?.ballot.block) wanted.add(missing);
  }
  return [...wanted];
}
