import { assert, present } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import { askIfLost } from "./amnesia.ts";
import { pathFromTip } from "./ancestry.ts";
import { notarizeBallot } from "./attendance.ts";
import { compactJournal } from "./journal.ts";
import { judge } from "./judge.ts";
import { giveUpAtMs, leaderIsAway, leads, noteWork, proposeAtMs, repeatAtMs } from "./pace.ts";
import { propose } from "./proposal.ts";
import { repeat } from "./repeat.ts";
import { type ConsensusState, isVoter, mayVoteIn, type View, viewOf } from "./state.ts";
import type { Branch, Turn } from "./turn.ts";
import { cast, say } from "./votes.ts";

/** More rounds than views and votes that one step can bring. */
const ROUNDS_MAX = 10_000;

/**
 * Everything that the state calls for right now, whatever brought it about: called after every input, so that no order of
 * arrival of votes, blocks, certificates and executions can leave a vote uncast.
 */
export function settle(state: ConsensusState, turn: Turn): void {
  for (let round = 0; !state.closed; round++) {
    assert(round < ROUNDS_MAX, "a step comes to rest");
    noteWork(state, turn);
    if (!act(state, turn)) break;
  }
  askIfLost(state, turn);
  if (turn.nowMs >= repeatAtMs(state)) repeat(state, turn);
}

/** At most one act; false if there is nothing to do. */
function act(state: ConsensusState, turn: Turn): boolean {
  if (finalizeOne(state, turn)) return true;
  if (!mayVoteIn(state, state.view)) return false;
  return lead(state, turn) || notarize(state, turn) || giveUp(state, turn);
}

/** A finalize vote for a view that this node has left by its notarization and never gave up (Simplex, section 3). */
function finalizeOne(state: ConsensusState, turn: Turn): boolean {
  const { rules } = state.config;
  const isDurable = durability(turn);
  for (const view of state.views.values()) {
    if (view.finalizeWaits && sayFinalizeAgain(state, turn, view, isDurable)) return true;
    const ballot = view.notarization?.ballot;
    if (ballot === undefined || view.own.finalize !== undefined || !mayVoteIn(state, view.number)) continue;
    if (!rules.mayFinalize(view.own)) continue;
    const path = pathFromTip(state, ballot.block);
    if (path === undefined || !rules.mayMakeFinal({ durable: isDurable(path) })) continue;
    assert(view.number < state.view, "a notarized view is left");
    const { epoch, block, height } = ballot;
    cast(state, turn, { kind: "finalize", epoch, view: view.number, block, height });
    return true;
  }
  return false;
}

/** A vote that the journal brought back, once the log has again all that it makes final. */
function sayFinalizeAgain(
  state: ConsensusState,
  turn: Turn,
  view: View,
  isDurable: (path: Branch) => boolean,
): boolean {
  const vote = present(view.own.finalize, "a vote that waits was cast");
  const path = vote.ballot.kind === "finalize" ? pathFromTip(state, vote.ballot.block) : undefined;
  if (path === undefined || !state.config.rules.mayMakeFinal({ durable: isDurable(path) })) return false;
  view.finalizeWaits = false;
  say(state, turn, vote);
  return true;
}

/**
 * Rule 8, for every block that the vote would make final; tail blocks order nothing. Each block is looked at once, however
 * many views wait for it.
 */
function durability(turn: Turn): (path: Branch) => boolean {
  const known = new Map<Hex, boolean>();
  const isDurable = (block: Branch[number]): boolean => {
    const durable = known.get(block.hash) ?? (block.kind === "tail" || turn.payload.durable(block));
    known.set(block.hash, durable);
    return durable;
  };
  return (path) => path.every(isDurable);
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
  if (block.hash === votedFor(view)) return false;
  const judgement = judge(state, turn, view, block);
  switch (judgement.verdict) {
    case "wait":
      return false;
    case "invalid":
      view.proposalRefused = true;
      return false;
    case "valid": {
      if (judgement.dissent !== undefined) {
        const detail = `results of height ${block.executed.height} differ from those of validator ${block.proposer}`;
        turn.out.push({ type: "safety", kind: "results-mismatch", detail });
      }
      cast(state, turn, notarizeBallot(block, judgement.dissent));
      return true;
    }
  }
}

/** The block that the own notarize vote of the view names. */
function votedFor({ own }: View): Hex | undefined {
  const ballot = own.notarize?.ballot;
  return ballot?.kind === "notarize" ? ballot.block : undefined;
}

function giveUp(state: ConsensusState, turn: Turn): boolean {
  const view = viewOf(state, state.view);
  if (!state.config.rules.mayNullify(view.own)) return false;
  const away = leaderIsAway(state, turn);
  if (!away && turn.nowMs < giveUpAtMs(state)) return false;
  view.skipped = away;
  cast(state, turn, { kind: "nullify", epoch: state.epoch, view: view.number });
  return true;
}

/**
 * Replaces the journal by what is still needed, every few hundred blocks. Only at the beginning of a step: what it drops
 * is covered by final blocks, and those must be durable before.
 */
export function compactIfDue(state: ConsensusState, turn: Turn): void {
  if (!isVoter(state) || state.blocksSinceCompaction < state.config.compactEveryBlocks) return;
  state.blocksSinceCompaction = 0;
  turn.out.push({ type: "replace-journal", records: compactJournal(state) });
}
