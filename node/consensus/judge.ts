import type { Hex } from "../base/bytes.ts";
import { type SealedBlock, ZERO_HASH } from "../codec/block.ts";
import { UNFINAL_BLOCKS_MAX } from "../codec/block-record.ts";
import { isNotarizedHere, known, pathFromTip, viewsNotNullified } from "./ancestry.ts";
import { ancestorsOf, carriedProblem, lacksAncestors } from "./attendance.ts";
import { evidenceFaultOf } from "./offences.ts";
import { kindBelow } from "./proposal.ts";
import { type ConsensusState, type Tip, type View, viewIn } from "./state.ts";
import { CLOCK_BOUND_NS, CLOCK_DOUBLINGS_MAX } from "./timing.ts";
import type { Branch, Turn } from "./turn.ts";

export type Judgement =
  /** `dissent`: this node's own results hash of E, where it is another than the block's (rule 6). */
  | { readonly verdict: "valid"; readonly dissent?: Hex }
  /** Something may still come: a parent, a certificate, an execution, a batch, the time. */
  | { readonly verdict: "wait" }
  | { readonly verdict: "invalid"; readonly why: string };

const WAIT: Judgement = { verdict: "wait" };
const invalid = (why: string): Judgement => ({ verdict: "invalid", why });

/**
 * Whether to notarize the proposal of the current view (rules 5 to 8). Validity is form, parent, certificates, time and what
 * the block carries; a bad batch is the chain's to refuse inside the block, so that no client can stop a leader.
 */
export function judge(state: ConsensusState, turn: Turn, view: View, block: SealedBlock): Judgement {
  const parent = known(state, block.parent);
  const branch = parent === undefined ? undefined : pathFromTip(state, block.parent);
  if (parent === undefined || branch === undefined) return WAIT;
  const misplaced = placeProblem(state, block, parent);
  if (misplaced !== undefined) return invalid(misplaced);
  if (block.height - state.tip.height > UNFINAL_BLOCKS_MAX) return WAIT;
  if (!mayFollow(state, block, parent) || isOutOfTime(state, turn, block, parent)) return WAIT;
  const carried = judgeBody(state, turn, { view, block, branch });
  if (carried.verdict !== "valid") return carried;
  return judgeExecution(state, turn, block, parent);
}

function placeProblem(state: ConsensusState, block: SealedBlock, parent: Tip): string | undefined {
  if (viewIn(state, parent) >= block.view) return "parent is not of an earlier view";
  if (block.height !== (block.kind === "tail" ? parent.height : parent.height + 1)) {
    return "height does not follow the parent's";
  }
  if (block.time <= parent.time) return "time does not follow the parent's";
  if (block.executed.height < parent.executed.height) return "E is before the parent's E";
  // Of a tail block too: the closing block has its height and is not final.
  if (block.executed.height >= block.height) return "E is not before the block";
  const below = kindBelow(state, parent);
  if ((block.kind === "tail") !== (state.config.rules.kindOf({ parent: below, closes: false }) === "tail")) {
    return "only what follows a closing block is its tail";
  }
  return undefined;
}

function mayFollow(state: ConsensusState, block: SealedBlock, parent: Tip): boolean {
  const missing = viewsNotNullified(state, { from: viewIn(state, parent), to: block.view });
  const notarized = isNotarizedHere(state, { hash: parent.hash, view: viewIn(state, parent) });
  return state.config.rules.mayFollow({ notarized, viewsNotNullified: missing.length });
}

/** The bound doubles with each nullified view before the block, so that clocks which drifted apart stop nothing for good. */
function isOutOfTime(state: ConsensusState, turn: Turn, block: SealedBlock, parent: Tip): boolean {
  const doublings = Math.min(block.view - viewIn(state, parent) - 1, CLOCK_DOUBLINGS_MAX);
  const distance = block.time > turn.wallNs ? block.time - turn.wallNs : turn.wallNs - block.time;
  return distance > CLOCK_BOUND_NS << BigInt(doublings);
}

/** Votes and evidence are checked once for a proposal; the payload as often as it takes, for its batches may come later. */
function judgeBody(
  state: ConsensusState,
  turn: Turn,
  { view, block, branch }: { view: View; block: SealedBlock; branch: Branch },
): Judgement {
  if (!state.config.rules.mayCarry(block.kind)) {
    const empty = block.votes.length === 0 && block.evidence.length === 0 && block.payload.length === 0;
    return empty ? { verdict: "valid" } : invalid("a tail block is not empty");
  }
  if (!view.bodyChecked) {
    const ancestors = ancestorsOf(state, branch);
    if (lacksAncestors(state, block, ancestors)) return WAIT;
    const problem = carriedProblem(state, block, ancestors) ?? evidenceFaultOf(state, turn, block, branch);
    if (problem !== undefined) return invalid(problem);
    view.bodyChecked = true;
  }
  const payload = turn.payload.judge(block, branch);
  if (payload === "wait") return WAIT;
  return payload === "valid" ? { verdict: "valid" } : invalid(payload.invalid);
}

/** Rule 6: E is executed here, its results are compared, and whether the block closes its epoch is recomputed (rule 5). */
function judgeExecution(state: ConsensusState, turn: Turn, block: SealedBlock, parent: Tip): Judgement {
  const { rules } = state.config;
  const { height, resultsHash } = block.executed;
  const own = height > turn.execution.height() ? undefined : turn.execution.resultsHash(height);
  if (!rules.mayVouch({ executedHere: own !== undefined })) return WAIT;
  if (own === undefined) return { verdict: "valid" };
  // Without the same results there is nothing to recompute a boundary from, and the vote counts for nothing but the record.
  if (own !== resultsHash) return { verdict: "valid", dissent: own };
  const closing = turn.execution.closing({ executedHeight: height, time: block.time });
  const kind = rules.kindOf({ parent: kindBelow(state, parent), closes: closing !== undefined });
  if (block.kind !== kind) return invalid(`a ${kind} block is due here`);
  const next = kind === "closing" ? (closing?.next ?? ZERO_HASH) : ZERO_HASH;
  return block.next === next ? { verdict: "valid" } : invalid("it names another next epoch");
}
