import type { SealedBlock } from "../codec/block.ts";
import { UNFINAL_BLOCKS_MAX } from "../codec/block-record.ts";
import { isNotarizedHere, known, pathFromTip, viewsNotNullified } from "./ancestry.ts";
import type { ConsensusState } from "./state.ts";
import { CLOCK_BOUND_NS, CLOCK_DOUBLINGS_MAX } from "./timing.ts";
import type { Turn } from "./turn.ts";

export type Judgement =
  | { readonly verdict: "valid" }
  /** Something may still come: a parent, a certificate, an execution, the time. */
  | { readonly verdict: "wait" }
  | { readonly verdict: "invalid"; readonly why: string; readonly resultsMismatch: boolean };

const WAIT: Judgement = { verdict: "wait" };
const invalid = (why: string): Judgement => ({ verdict: "invalid", why, resultsMismatch: false });

/**
 * Whether to notarize the proposal of the current view (rules 6 and 7). Validity is form, parent, certificates and time;
 * a bad batch is the chain's to refuse inside the block, so that no client can stop a leader.
 */
export function judge(state: ConsensusState, turn: Turn, block: SealedBlock): Judgement {
  const parent = known(state, block.parent);
  if (parent === undefined || pathFromTip(state, block.parent) === undefined) return WAIT;
  if (parent.view >= block.view) return invalid("parent is not of an earlier view");
  if (block.height !== parent.height + 1) return invalid("height does not follow the parent's");
  if (block.time <= parent.time) return invalid("time does not follow the parent's");
  if (block.executed.height < parent.executed.height) return invalid("E is before the parent's E");
  if (block.executed.height > parent.height) return invalid("E is not before the block");
  if (block.height - state.tip.height > UNFINAL_BLOCKS_MAX) return WAIT;
  const missing = viewsNotNullified(state, { from: parent.view, to: block.view });
  const mayFollow = state.config.rules.mayFollow({
    notarized: isNotarizedHere(state, parent),
    viewsNotNullified: missing.length,
  });
  if (!mayFollow) return WAIT;
  // The bound doubles with each nullified view before the block, so that clocks which drifted apart stop nothing for good.
  const doublings = Math.min(block.view - parent.view - 1, CLOCK_DOUBLINGS_MAX);
  const distance = block.time > turn.wallNs ? block.time - turn.wallNs : turn.wallNs - block.time;
  if (distance > CLOCK_BOUND_NS << BigInt(doublings)) return WAIT;
  if (block.executed.height > turn.execution.height()) return WAIT;
  const resultsHash = turn.execution.resultsHash(block.executed.height);
  if (resultsHash === undefined) return WAIT;
  if (resultsHash !== block.executed.resultsHash) {
    const why = `results of height ${block.executed.height} differ from those of validator ${block.proposer}`;
    return { verdict: "invalid", why, resultsMismatch: true };
  }
  return { verdict: "valid" };
}
