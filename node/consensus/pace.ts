import { isQuorum } from "../codec/certificate.ts";
import { includedUpTo, parentFor } from "./ancestry.ts";
import { leaderOf } from "./leaders.ts";
import { type ConsensusState, viewOf } from "./state.ts";
import { viewTimeoutMs } from "./timing.ts";
import type { Turn } from "./turn.ts";

export const leads = (state: ConsensusState): boolean => leaderOf(state.leaders, state.view) === state.config.self;

/** Notes since when this view holds something to order: from then on its leader's time runs. */
export function noteWork(state: ConsensusState, turn: Turn): void {
  if (state.orderSinceMs === undefined && holdsWork(state, turn)) state.orderSinceMs = turn.nowMs;
}

function holdsWork(state: ConsensusState, turn: Turn): boolean {
  const parent = parentFor(state);
  return turn.payload.waits("hash" in parent ? includedUpTo(state, parent.hash) : new Set());
}

/** When this view's leader proposes: with work as soon as the pace allows, else an empty block. */
export function proposeAtMs(state: ConsensusState): number {
  const { timing } = state.config;
  const idleAt = state.enteredAtMs + timing.idleBlockMs;
  if (state.orderSinceMs === undefined) return idleAt;
  return Math.min(idleAt, Math.max(state.orderSinceMs, state.lastProposalAtMs + timing.minBlockIntervalMs));
}

/** When to give this view up. */
export function giveUpAtMs(state: ConsensusState): number {
  const { timing } = state.config;
  const idleAt = state.enteredAtMs + timing.idleBlockMs;
  return Math.min(state.orderSinceMs ?? idleAt, idleAt) + viewTimeoutMs(timing, state.nullifiedInRow);
}

export const repeatAtMs = (state: ConsensusState): number => state.repeatedAtMs + state.config.timing.viewTimeoutMs;

/**
 * Whether to give the view up at once: its leader said that it stops, or has been silent for 2n views while a quorum is
 * seen active. Local and harmless: nobody is skipped unless a quorum agrees, and one vote of the leader ends it.
 */
export function leaderIsAway(state: ConsensusState, turn: Turn): boolean {
  const { committee, self } = state.config;
  if (state.views.get(state.view)?.proposal !== undefined) return false;
  const leader = leaderOf(state.leaders, state.view);
  if (leader === self) return state.stopping;
  if ((state.stoppingUntilMs.get(leader) ?? Number.NEGATIVE_INFINITY) > turn.nowMs) return true;
  const silence = 2 * committee.members.length;
  const active = (id: number): boolean => id === self || state.view - (state.heardInView.get(id) ?? 0) <= silence;
  if (active(leader)) return false;
  return isQuorum(committee, committee.members.map(({ id }) => id).filter(active));
}

/** When consensus wants to be called next, whatever comes in. What is due already was tried and waits for something else. */
export function wakeAtMs(state: ConsensusState, nowMs: number): number {
  const view = viewOf(state, state.view);
  const times = [repeatAtMs(state)];
  if (state.voting && view.own.nullify === undefined) {
    times.push(giveUpAtMs(state));
    if (leads(state) && view.proposal === undefined) times.push(proposeAtMs(state));
  }
  return Math.min(...times.filter((time) => time > nowMs));
}
