import type { Hex } from "../base/bytes.ts";
import type { SealedBlock } from "../codec/block.ts";
import { type ConsensusState, decidedView, type Tip, tipOf } from "./state.ts";

/** What is known of a block to build on: the tip itself or a block above it. */
export function known(state: ConsensusState, hash: Hex): Tip | undefined {
  if (hash === state.tip.hash) return state.tip;
  const block = state.blocks.get(hash);
  return block === undefined ? undefined : tipOf(block);
}

/** Blocks from the child of the tip up to `hash`, or undefined where one is missing or the branch misses the tip. */
export function pathFromTip(state: ConsensusState, hash: Hex): readonly SealedBlock[] | undefined {
  const path: SealedBlock[] = [];
  let at = hash;
  while (at !== state.tip.hash) {
    const block = state.blocks.get(at);
    if (block === undefined || block.height <= state.tip.height) return undefined;
    path.push(block);
    at = block.parent;
  }
  return path.reverse();
}

/** The nearest missing block on the way down from `hash`, if one is missing. */
export function missingBelow(state: ConsensusState, hash: Hex): Hex | undefined {
  let at = hash;
  while (at !== state.tip.hash) {
    const block = state.blocks.get(at);
    if (block === undefined) return at;
    // A tail block is as high as its parent.
    if (block.height <= state.tip.height + 1 && block.kind !== "tail") return undefined;
    at = block.parent;
  }
  return undefined;
}

/** Whether a quorum stands behind the block as a parent: it is final, or its view's notarized one. */
export function isNotarizedHere(state: ConsensusState, { hash, view }: { hash: Hex; view: number }): boolean {
  if (hash === state.finality?.ballot.block) return true;
  // Genesis or the closing block of the epoch before, until a block of this epoch is final.
  if (state.finality === undefined && hash === state.tip.hash) return true;
  return state.views.get(view)?.notarization?.ballot.block === hash;
}

/** Views after `from` and before `to` for which this node holds no nullification. */
export function viewsNotNullified(state: ConsensusState, { from, to }: { from: number; to: number }): number[] {
  const missing: number[] = [];
  for (let view = Math.max(from, decidedView(state)) + 1; view < to; view++) {
    if (state.views.get(view)?.nullification === undefined) missing.push(view);
  }
  return missing;
}

/**
 * The block to propose on in this view: the newest notarized one below it with every view between nullified. Where a
 * certificate is missing, the view of it.
 */
export function parentFor(state: ConsensusState): { hash: Hex } | { missingView: number } {
  const decided = decidedView(state);
  for (let view = state.view - 1; view > decided; view--) {
    const at = state.views.get(view);
    if (at?.notarization !== undefined) return { hash: at.notarization.ballot.block };
    if (at?.nullification === undefined) return { missingView: view };
  }
  return { hash: state.finality?.ballot.block ?? state.tip.hash };
}
