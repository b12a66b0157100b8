import { assert } from "../base/assert.ts";
import { nanos } from "../base/units.ts";
import { type Block, type SealedBlock, sealBlock, ZERO_HASH } from "../codec/block.ts";
import type { Certificate } from "../codec/certificate.ts";
import { JUSTIFICATION_MAX, type PeerMessage } from "../codec/peer-message.ts";
import { proposalMessage } from "../codec/vote.ts";
import { known, missingBelow, parentFor, pathFromTip } from "./ancestry.ts";
import { ancestorsOf, notarizeBallot, votesToCarry } from "./attendance.ts";
import { onCertificate } from "./certificates.ts";
import { leaderOf } from "./leaders.ts";
import { accuseIfContrary, evidenceToCarry } from "./offences.ts";
import { judgeLate, statementOfProposal } from "./past-views.ts";
import { type ConsensusState, certifiedHeight, decidedView, type Proposed, type Tip, viewIn, viewOf } from "./state.ts";
import type { Branch, Turn } from "./turn.ts";
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
  const parent = parentFor(state);
  if (!("hash" in parent) || state.self === undefined) return false;
  const below = known(state, parent.hash);
  const branch = pathFromTip(state, parent.hash);
  if (below === undefined || branch === undefined) return false;
  const executed = turn.execution.height();
  const resultsHash = turn.execution.resultsHash(executed);
  if (executed < below.executed.height || resultsHash === undefined) return false;
  const block = sealBlock({
    ...bodyOn(state, turn, { below, branch, executed }),
    epoch: state.epoch,
    view: state.view,
    parent: parent.hash,
    proposer: state.self,
    executed: { height: executed, resultsHash },
  });
  const view = viewOf(state, state.view);
  assert(view.proposal === undefined, "a leader proposes once in a view");
  view.proposal = { block, signature: signProposal(state, block), atMs: turn.nowMs };
  state.blocks.set(block.hash, block);
  state.lastProposalAtMs = turn.nowMs;
  turn.out.push({ type: "broadcast", message: proposalOf(state, view.proposal) });
  // The own vote stands for the proposal in the journal: after a restart there is no second one.
  cast(state, turn, notarizeBallot(block));
  return true;
}

type Body = Pick<Block, "kind" | "height" | "time" | "next" | "votes" | "evidence" | "payload">;

/** What the place in the chain makes of a block, and what it may carry there (rule 5). */
function bodyOn(
  state: ConsensusState,
  turn: Turn,
  { below, branch, executed }: { below: Tip; branch: Branch; executed: number },
): Body {
  const { rules } = state.config;
  const time = nanos(turn.wallNs > below.time ? turn.wallNs : below.time + 1n);
  const closing = turn.execution.closing({ executedHeight: executed, time });
  const kind = rules.kindOf({ parent: kindBelow(state, below), closes: closing !== undefined });
  const place = {
    kind,
    height: kind === "tail" ? below.height : below.height + 1,
    time,
    next: kind === "closing" ? (closing?.next ?? ZERO_HASH) : ZERO_HASH,
  };
  if (!rules.mayCarry(kind)) return { ...place, votes: [], evidence: [], payload: new Uint8Array(0) };
  return {
    ...place,
    votes: votesToCarry(state, ancestorsOf(state, branch)),
    evidence: evidenceToCarry(state, turn, branch),
    payload: turn.payload.take(branch, { certifiedOnly: state.certifiedOnly }),
  };
}

/** The parent's kind in this epoch: the closing block of an earlier one is a parent like any other. */
export const kindBelow = (state: ConsensusState, { epoch, kind }: Tip): Tip["kind"] =>
  epoch === state.epoch ? kind : "normal";

export function signProposal(state: ConsensusState, block: SealedBlock): Uint8Array {
  const { chainId, crypto } = state.config;
  return crypto.sign(proposalMessage(chainId, { epoch: block.epoch, view: block.view, block: block.hash }));
}

/** The proposal with the certificates that a voter needs who has none: its parent's, and those of nullified views since. */
export function proposalOf(state: ConsensusState, { block, signature }: Proposed): Proposal {
  const justification: Certificate[] = [];
  const parent = known(state, block.parent);
  const parentView = parent === undefined ? decidedView(state) : viewIn(state, parent);
  // In an epoch's first views the proof is the closing block's finality.
  const proof = state.views.get(parentView)?.notarization ?? state.finality ?? state.previous?.finality;
  if (proof !== undefined) justification.push(proof);
  for (let view = Math.max(parentView, decidedView(state)) + 1; view < block.view; view++) {
    const nullification = state.views.get(view)?.nullification;
    if (nullification !== undefined) justification.push(nullification);
  }
  return { type: "proposal", block, signature, justification: justification.slice(-JUSTIFICATION_MAX) };
}

/** A proposal of this epoch from outside. Certificates first: they may be what lets this node into its view. */
export function onProposal(state: ConsensusState, turn: Turn, proposal: Proposal): string | undefined {
  const { config, committee } = state;
  const { block, signature } = proposal;
  if (block.view === 0) return "proposal of no view";
  if (leaderOf(state.leaders, block.view) !== block.proposer) return "proposal of a node that does not lead";
  if (state.closed || block.view <= decidedView(state))
    return judgeLate(state, turn, { signer: block.proposer, statement: statementOfProposal(proposal) });
  const leader = committee.byId.get(block.proposer);
  if (leader === undefined) return "proposal of a stranger";
  const message = proposalMessage(config.chainId, { epoch: block.epoch, view: block.view, block: block.hash });
  if (state.views.get(block.view)?.proposal?.block.hash !== block.hash) {
    if (!config.crypto.verify({ message, signature, publicKey: leader.publicKey }))
      return "proposal is not its leader's";
  }
  for (const certificate of proposal.justification) {
    if (certificate.ballot.epoch !== state.epoch) continue;
    const dropped = onCertificate(state, turn, certificate);
    if (dropped !== undefined) return dropped;
  }
  if (state.closed || block.view <= decidedView(state) || block.view > state.view + 1) return undefined;
  if (certifiedHeight(state) > state.tip.height + BEHIND_MAX) return undefined;
  const view = viewOf(state, block.view);
  state.heardInView.set(block.proposer, state.view);
  if (view.proposal !== undefined) {
    const statements = [statementOfProposal(view.proposal), statementOfProposal({ block, signature })] as const;
    accuseIfContrary(state, turn, { view, signer: block.proposer, statements });
    // A second one is evidence and nothing else, as nobody votes twice; only a broken rule would look at it.
    if (view.own.notarize === undefined || !config.rules.mayNotarize(view.own)) return undefined;
    view.bodyChecked = false;
  }
  // What can't be kept can't be voted for.
  if (!keepBody(state, block)) return undefined;
  view.proposal = { block, signature, atMs: turn.nowMs };
  state.lastProposalAtMs = turn.nowMs;
  return undefined;
}

/** A block that this node asked for: it counts only where a certificate or a kept block names it. */
export function onBlock(state: ConsensusState, block: SealedBlock): string | undefined {
  if (!wantedBlocks(state).includes(block.hash)) return "block that nobody asked for";
  keepBody(state, block);
  return undefined;
}

function keepBody(state: ConsensusState, block: SealedBlock): boolean {
  if (block.epoch !== state.epoch || block.view <= viewIn(state, state.tip)) return false;
  if (state.blocks.size >= BLOCKS_MAX && !state.blocks.has(block.hash)) return false;
  state.blocks.set(block.hash, block);
  return true;
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
