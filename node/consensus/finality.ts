import type { Hex } from "../base/bytes.ts";
import { headerOf } from "../codec/block.ts";
import type { BlockRecord } from "../codec/block-record.ts";
import type { Finalization } from "../codec/certificate.ts";
import { pathFromTip } from "./ancestry.ts";
import { type ConsensusState, decidedView, tipOf } from "./state.ts";
import type { Turn } from "./turn.ts";

/** Heights whose final hash is remembered: a contradiction to one of them is a fork. */
const FINAL_HASHES_MAX = 1024;

/** Takes note of proved finality; false if it is not news. */
export function keepFinality(state: ConsensusState, turn: Turn, certificate: Finalization): boolean {
  const { block, height, view } = certificate.ballot;
  if (!noteFinal(state, turn, { height, hash: block })) return false;
  if (height <= (state.finality?.ballot.height ?? state.tip.height)) return false;
  if (view <= decidedView(state)) {
    reportFork(state, turn, `height ${height} is final in view ${view}, before its ancestor's view`);
    return false;
  }
  state.finality = certificate;
  state.nullifiedInRow = 0;
  for (const number of state.views.keys()) if (number <= view) state.views.delete(number);
  return true;
}

/** Hands out every block that became final and is here with all its ancestors, oldest first. */
export function commit(state: ConsensusState, turn: Turn): void {
  const certificate = state.finality;
  if (certificate === undefined) return;
  const path = pathFromTip(state, certificate.ballot.block);
  if (path === undefined) {
    if (missesTip(state, certificate.ballot.block))
      reportFork(state, turn, "a final block does not follow the final block here");
    return;
  }
  path.forEach((block, index) => {
    finalize(state, turn, { block, headers: path.slice(index + 1).map(headerOf), certificate });
  });
}

/** A record from a node that is further on; its proof was checked. False if it does not follow the tip. */
export function onRecord(state: ConsensusState, turn: Turn, record: BlockRecord): boolean {
  const { block } = record;
  if (block.height !== state.tip.height + 1) return false;
  if (block.parent !== state.tip.hash) {
    reportFork(state, turn, `height ${block.height} is final on another parent than the block here`);
    return false;
  }
  finalize(state, turn, record);
  return true;
}

function finalize(state: ConsensusState, turn: Turn, record: BlockRecord): void {
  const { block } = record;
  if (!noteFinal(state, turn, { height: block.height, hash: block.hash })) return;
  state.tip = tipOf(block);
  state.blocksSinceCompaction += 1;
  for (const [hash, { view }] of state.blocks) if (view <= block.view) state.blocks.delete(hash);
  for (const hash of state.journaled) if (!state.blocks.has(hash)) state.journaled.delete(hash);
  for (const number of state.views.keys()) if (number <= decidedView(state)) state.views.delete(number);
  turn.out.push({ type: "finalized", record });
}

function noteFinal(state: ConsensusState, turn: Turn, { height, hash }: { height: number; hash: Hex }): boolean {
  const known = state.finalHashes.get(height);
  if (known !== undefined && known !== hash) {
    reportFork(state, turn, `height ${height} is final as ${known} and as ${hash}`);
    return false;
  }
  state.finalHashes.set(height, hash);
  if (state.finalHashes.size > FINAL_HASHES_MAX) {
    for (const old of state.finalHashes.keys())
      if (old <= state.tip.height - FINAL_HASHES_MAX / 2) state.finalHashes.delete(old);
  }
  return true;
}

/** Whether the branch below `hash` passes the tip's height without meeting the tip. */
function missesTip(state: ConsensusState, hash: Hex): boolean {
  let block = state.blocks.get(hash);
  while (block !== undefined && block.height > state.tip.height + 1) block = state.blocks.get(block.parent);
  return block !== undefined && (block.height <= state.tip.height || block.parent !== state.tip.hash);
}

export function reportFork(state: ConsensusState, turn: Turn, detail: string): void {
  if (!state.forked) turn.out.push({ type: "safety", kind: "fork", detail });
  state.forked = true;
  // Nothing it could say is safe any more; it keeps its own chain and answers questions.
  state.voting = false;
}
