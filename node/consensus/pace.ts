import { isQuorum } from "../codec/certificate.ts";
import { parentFor, pathFromTip } from "./ancestry.ts";
import { leaderOf } from "./leaders.ts";
import { type ConsensusState, mayVoteIn, type View, viewOf } from "./state.ts";
import { blockIntervalMs, viewTimeoutMs } from "./timing.ts";
import type { Turn } from "./turn.ts";

export const leads = (state: ConsensusState): boolean => leaderOf(state.leaders, state.view) === state.self;

/** Notes since when this view holds something to order: from then on its leader's time runs. */
export function noteWork(state: ConsensusState, turn: Turn): void {
  if (state.orderSinceMs === undefined && holdsWork(state, turn)) state.orderSinceMs = turn.nowMs;
}

function holdsWork(state: ConsensusState, turn: Turn): boolean {
  const parent = parentFor(state);
  const branch = ("hash" in parent ? pathFromTip(state, parent.hash) : undefined) ?? [];
  // A closing block that is not final holds everything up: its tail is work.
  const kind = branch.at(-1)?.kind ?? "normal";
  return kind !== "normal" || turn.payload.waits(branch);
}

/** The weight of the newest measurement in the smoothed lag. */
const LAG_SHARE = 1 / 4;

/** Notes how long the view's proposal took to be notarized. */
export function noteLag(state: ConsensusState, turn: Turn, { proposal }: View): void {
  if (proposal !== undefined) state.lagMs += (turn.nowMs - proposal.atMs - state.lagMs) * LAG_SHARE;
}

/** When this view's leader proposes: with work as soon as the pace allows, else an empty block. */
export function proposeAtMs(state: ConsensusState): number {
  const { timing } = state.config;
  const idleAt = state.enteredAtMs + state.emptyBlockMs;
  if (state.orderSinceMs === undefined) return idleAt;
  const paced = state.lastProposalAtMs + blockIntervalMs(timing, state.lagMs);
  return Math.min(idleAt, Math.max(state.orderSinceMs, paced));
}

/** When to give this view up. */
export function giveUpAtMs(state: ConsensusState): number {
  const { timing } = state.config;
  const idleAt = state.enteredAtMs + state.emptyBlockMs;
  return Math.min(state.orderSinceMs ?? idleAt, idleAt) + viewTimeoutMs(timing, state.nullifiedInRow);
}

export const repeatAtMs = (state: ConsensusState): number => state.repeatedAtMs + state.config.timing.viewTimeoutMs;

/** Whether it lost its vote journal and asks the others (rule 3). */
export const isAsking = (state: ConsensusState): boolean => state.memory === "lost" && !state.forked && !state.closed;

/** When to ask next; a network in motion repeats nothing by itself. */
export const askAtMs = ({ inquiry, config }: ConsensusState): number =>
  inquiry === undefined ? Number.NEGATIVE_INFINITY : inquiry.askedAtMs + config.timing.viewTimeoutMs;

/**
 * Whether to give the view up at once: its leader said that it stops, or has been silent for 2n views while a quorum is
 * seen active. Local and harmless: nobody is skipped unless a quorum agrees, and one vote of the leader ends it.
 */
export function leaderIsAway(state: ConsensusState, turn: Turn): boolean {
  const { committee, self } = state;
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
  const times = [repeatAtMs(state)];
  if (isAsking(state)) times.push(askAtMs(state));
  if (!state.closed && mayVoteIn(state, state.view)) {
    const view = viewOf(state, state.view);
    if (view.own.nullify === undefined) times.push(giveUpAtMs(state));
    if (leads(state) && view.proposal === undefined) times.push(proposeAtMs(state));
  }
  return Math.min(...times.filter((time) => time > nowMs));
}
