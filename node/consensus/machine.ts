import { assert } from "../base/assert.ts";
import type { Certificate } from "../codec/certificate.ts";
import { pathFromTip } from "./ancestry.ts";
import { compactJournal } from "./journal.ts";
import { judge } from "./judge.ts";
import { giveUpAtMs, leaderIsAway, leads, noteWork, proposeAtMs, repeatAtMs } from "./pace.ts";
import { propose } from "./proposal.ts";
import { repeat } from "./repeat.ts";
import { type ConsensusState, decidedView, viewOf } from "./state.ts";
import type { Turn } from "./turn.ts";
import { cast } from "./votes.ts";

/** More rounds than views and votes that one step can bring. */
const ROUNDS_MAX = 10_000;

/**
 * Everything that the state calls for right now, whatever brought it about: called after every input, so that no order of
 * arrival of votes, blocks, certificates and executions can leave a vote uncast.
 */
export function settle(state: ConsensusState, turn: Turn): void {
  noteWork(state, turn);
  for (let round = 0; act(state, turn); round++) {
    assert(round < ROUNDS_MAX, "a step comes to rest");
    noteWork(state, turn);
  }
  if (turn.nowMs >= repeatAtMs(state)) repeat(state, turn);
}

/** At most one act; false if there is nothing to do. */
function act(state: ConsensusState, turn: Turn): boolean {
  if (!state.voting) return false;
  return finalizeOne(state, turn) || lead(state, turn) || notarize(state, turn) || giveUp(state, turn);
}

/** A finalize vote for a view that this node has left by its notarization and never gave up. */
function finalizeOne(state: ConsensusState, turn: Turn): boolean {
  for (const view of state.views.values()) {
    const ballot = view.notarization?.ballot;
    if (ballot === undefined || view.own.finalize !== undefined) continue;
    if (!state.config.rules.mayFinalize(view.own) || pathFromTip(state, ballot.block) === undefined) continue;
    assert(view.number < state.view, "a notarized view is left");
    const { epoch, block, height } = ballot;
    cast(state, turn, { kind: "finalize", epoch, view: view.number, block, height });
    return true;
  }
  return false;
}

function lead(state: ConsensusState, turn: Turn): boolean {
  if (!leads(state) || state.stopping) return false;
  const view = viewOf(state, state.view);
  if (view.proposal !== undefined || !state.config.rules.mayNotarize(view.own)) return false;
  return turn.nowMs >= proposeAtMs(state) && propose(state, turn);
}

function notarize(state: ConsensusState, turn: Turn): boolean {
  const view = viewOf(state, state.view);
  const block = view.proposal?.block;
  if (block === undefined || view.proposalRefused || !state.config.rules.mayNotarize(view.own)) return false;
  const judgement = judge(state, turn, block);
  if (judgement.verdict === "wait") return false;
  if (judgement.verdict === "invalid") {
    view.proposalRefused = true;
    if (judgement.resultsMismatch) turn.out.push({ type: "safety", kind: "results-mismatch", detail: judgement.why });
    return false;
  }
  const { epoch, hash, height, executed } = block;
  cast(state, turn, { kind: "notarize", epoch, view: view.number, block: hash, height, executed });
  return true;
}

function giveUp(state: ConsensusState, turn: Turn): boolean {
  const view = viewOf(state, state.view);
  if (!state.config.rules.mayNullify(view.own)) return false;
  const away = leaderIsAway(state, turn);
  if (!away && turn.nowMs < giveUpAtMs(state)) return false;
  view.skipped = away;
  cast(state, turn, { kind: "nullify", epoch: state.config.epoch, view: view.number });
  return true;
}

/**
 * Replaces the journal by what is still needed, every few hundred blocks. Only at the beginning of a step: what it drops
 * is covered by final blocks, and those must be durable before.
 */
export function compactIfDue(state: ConsensusState, turn: Turn): void {
  const { self, compactEveryBlocks } = state.config;
  if (self === undefined || !state.voting || state.blocksSinceCompaction < compactEveryBlocks) return;
  state.blocksSinceCompaction = 0;
  turn.out.push({ type: "replace-journal", records: compactJournal(state, self) });
}

/** Certificates of the asked views, for a peer that lacks them. */
export function certificatesOf(state: ConsensusState, { from, to }: { from: number; to: number }): Certificate[] {
  const found: Certificate[] = [];
  const first = Math.max(from, decidedView(state) + 1);
  for (let view = first; view <= to && view <= first + CERTIFICATES_MAX; view++) {
    const { notarization, nullification } = state.views.get(view) ?? {};
    if (notarization !== undefined) found.push(notarization);
    if (nullification !== undefined) found.push(nullification);
  }
  return found;
}
const CERTIFICATES_MAX = 256;
