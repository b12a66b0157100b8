import type { Hex } from "../base/bytes.ts";
import { CARRIED_DEPTH_MAX, headerOf, type SealedBlock } from "../codec/block.ts";
import type { BlockRecord } from "../codec/block-record.ts";
import type { Finalization } from "../codec/certificate.ts";
import { pathFromTip } from "./ancestry.ts";
import { forgetAttendances } from "./attendance.ts";
import { encodeJournal } from "./journal.ts";
import { settleEvidence } from "./offences.ts";
import { decideViews } from "./past-views.ts";
import { type ConsensusState, decidedView, tipOf, viewIn } from "./state.ts";
import type { Turn } from "./turn.ts";

/** Views below the tip's for which the final block, or its absence, is remembered: a contradiction is a fork. */
const FINAL_VIEWS_MAX = 1024;

/** Takes note of proved finality in this epoch; false if it is not news. */
export function keepFinality(state: ConsensusState, turn: Turn, certificate: Finalization): boolean {
  const { block, view } = certificate.ballot;
  const known = state.finals.get(view);
  if (known !== undefined) {
    if (known !== block) reportFork(state, turn, `view ${view} is final as ${known} and as ${block}`);
    return false;
  }
  if (view <= state.finalsFrom || state.closed) return false;
  if (view <= viewIn(state, state.tip)) {
    reportFork(state, turn, `${block} is final in view ${view}, which the chain here leaves out`);
    return false;
  }
  state.finals.set(view, block);
  if (view <= decidedView(state)) return false;
  state.finality = certificate;
  state.nullifiedInRow = 0;
  state.certifiedOnly = false;
  decideViews(state, view);
  return true;
}

/** Hands out every block that became final and is here with all its ancestors, oldest first. */
export function commit(state: ConsensusState, turn: Turn): void {
  const certificate = state.finality;
  if (certificate === undefined || state.closed) return;
  const path = pathFromTip(state, certificate.ballot.block);
  if (path === undefined) {
    if (missesTip(state, certificate.ballot.block))
      reportFork(state, turn, "a final block does not follow the final block here");
    return;
  }
  const hashes = new Set(path.map(({ hash }) => hash));
  if (contradictsFinals(state, { upTo: certificate.ballot.view, has: (hash) => hashes.has(hash) })) {
    reportFork(state, turn, "a final block leaves out another one");
    return;
  }
  for (const [index, block] of path.entries()) {
    // Finality of a tail block is the closing block's: it is handed out in its stead (rule 5).
    if (block.kind === "tail" || state.closed) return;
    finalize(state, turn, { block, headers: path.slice(index + 1).map(headerOf), certificate });
  }
}

/** Hands out a final block whose proof the caller has verified, if it is the tip's child. Says what is wrong with it. */
export function commitRecord(state: ConsensusState, turn: Turn, record: BlockRecord): string | undefined {
  const { block } = record;
  if (block.height !== state.tip.height + 1) return "record that does not come next";
  const skips = contradictsFinals(state, { upTo: block.view, has: (hash) => hash === block.hash });
  if (block.parent !== state.tip.hash || skips) {
    reportFork(state, turn, `height ${block.height} is final on another branch than the blocks here`);
    return "record of another branch";
  }
  finalize(state, turn, record);
  return undefined;
}

/** Whether blocks that are final after the tip, up to a view, are missing on a branch. */
function contradictsFinals(
  state: ConsensusState,
  { upTo, has }: { upTo: number; has: (hash: Hex) => boolean },
): boolean {
  const from = viewIn(state, state.tip);
  for (const [view, hash] of state.finals) if (view > from && view <= upTo && !has(hash)) return true;
  return false;
}

function finalize(state: ConsensusState, turn: Turn, record: BlockRecord): void {
  const { block } = record;
  state.tip = tipOf(block);
  state.finals.set(block.view, block.hash);
  state.recent = [...state.recent, block].slice(-CARRIED_DEPTH_MAX);
  state.blocksSinceCompaction += 1;
  settleEvidence(state, block);
  forgetViews(state, block);
  turn.out.push({ type: "finalized", record });
  if (block.kind === "closing") close(state, turn, record.certificate);
}

/** What is decided needs no memory, but for what would show a fork. */
function forgetViews(state: ConsensusState, { view }: SealedBlock): void {
  for (const [hash, block] of state.blocks) if (block.view <= view) state.blocks.delete(hash);
  for (const hash of state.journaled) if (!state.blocks.has(hash)) state.journaled.delete(hash);
  decideViews(state, decidedView(state));
  forgetAttendances(state);
  if (state.finals.size <= FINAL_VIEWS_MAX) return;
  state.finalsFrom = Math.max(state.finalsFrom, view - FINAL_VIEWS_MAX / 2);
  for (const old of state.finals.keys()) if (old <= state.finalsFrom) state.finals.delete(old);
}

/** Rule 5: the epoch is over. The proof goes to all, as nobody gets into the next epoch without it. */
function close(state: ConsensusState, turn: Turn, certificate: Finalization): void {
  state.closed = true;
  turn.out.push({ type: "broadcast", message: { type: "certificate", certificate } });
  turn.out.push({ type: "epoch-closed", epoch: state.epoch });
}

/** Whether the branch below `hash` passes the tip's height without meeting the tip. */
function missesTip(state: ConsensusState, hash: Hex): boolean {
  let block = state.blocks.get(hash);
  while (block !== undefined && (block.height > state.tip.height + 1 || block.kind === "tail")) {
    if (block.parent === state.tip.hash) return false;
    block = state.blocks.get(block.parent);
  }
  return block !== undefined && (block.height <= state.tip.height || block.parent !== state.tip.hash);
}

/**
 * Two quorums contradict each other: nothing that this node could say is safe any more. It keeps its own chain and answers
 * questions, and its journal makes it keep silent after a restart too.
 */
export function reportFork(state: ConsensusState, turn: Turn, detail: string): void {
  if (state.forked) return;
  state.forked = true;
  turn.out.push({ type: "journal", record: encodeJournal({ type: "forked", epoch: state.epoch, view: state.view }) });
  turn.out.push({ type: "safety", kind: "fork", detail });
}
