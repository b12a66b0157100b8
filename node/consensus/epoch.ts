import { assert } from "../base/assert.ts";
import { leaderList } from "./leaders.ts";
import { forgetEvidence } from "./offences.ts";
import { decideViews } from "./past-views.ts";
import { receive } from "./receive.ts";
import { restoreLater } from "./restore.ts";
import type { ConsensusState, EpochStart } from "./state.ts";
import type { Turn } from "./turn.ts";

/**
 * Rule 5: the next epoch, at view 1 with the closing block as parent. The node calls it once it has executed the closing
 * block of the epoch that `epoch-closed` told of, with the validators that the closing block fixed.
 */
export function beginEpoch(
  state: ConsensusState,
  turn: Turn,
  { epoch, committee, self, emptyBlockMs }: EpochStart,
): void {
  const { finality, tip } = state;
  assert(state.closed && finality !== undefined, "an epoch begins with the proof that the one before is closed");
  assert(epoch === state.epoch + 1, "epochs follow each other");
  assert(tip.epoch === state.epoch, "the tip is the block that closed the epoch");
  decideViews(state, Number.POSITIVE_INFINITY);
  forgetEvidence(state, turn);
  state.previous = { epoch: state.epoch, committee: state.committee, finality };
  state.epoch = epoch;
  state.committee = state.config.rules.committeeFor({ previous: state.committee, next: committee });
  state.self = self;
  state.emptyBlockMs = emptyBlockMs;
  state.leaders = leaderList(committee);
  state.closed = false;
  state.finality = undefined;
  state.entry = finality;
  state.view = 1;
  state.blocks.clear();
  state.journaled.clear();
  state.finals.clear();
  state.finalsFrom = 0;
  state.claimedEpochs.clear();
  state.toldAtMs.clear();
  state.enteredAtMs = turn.nowMs;
  state.orderSinceMs = undefined;
  state.repeatedAtMs = turn.nowMs;
  state.nullifiedInRow = 0;
  state.certifiedOnly = false;
  state.heardInView.clear();
  for (const { id } of committee.members) state.heardInView.set(id, 1);
  forgetAnswers(state);
  turn.out.push({ type: "view-entered", epoch, view: 1 });
  restoreLater(state, turn);
  const early = [...state.early];
  state.early.clear();
  for (const [peer, messages] of early) {
    for (const message of messages) receive(state, turn, { peer, message });
  }
}

/**
 * Answers about one epoch say nothing about the next (rule 5: quorums of different epochs need not intersect), unless the
 * closing block is of a later view than all of them: to see the epoch end, a former self needed finalize votes of a quorum
 * for that view, and one of those voters would have answered that it was there.
 */
function forgetAnswers(state: ConsensusState): void {
  state.inquiry = undefined;
  if (state.regained !== undefined && state.tip.view <= state.regained.view) state.memory = "lost";
  state.regained = undefined;
}
