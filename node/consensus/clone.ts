import type { ConsensusState, View } from "./state.ts";

/**
 * A state that shares nothing mutable with the given one, for whoever explores several futures of it. Blocks, votes and
 * certificates are immutable and shared.
 */
export function cloneState(state: ConsensusState): ConsensusState {
  return {
    ...state,
    inquiry: state.inquiry && { ...state.inquiry, answers: new Map(state.inquiry.answers) },
    views: mapValues(state.views, cloneView),
    blocks: new Map(state.blocks),
    journaled: new Set(state.journaled),
    finals: new Map(state.finals),
    attendances: mapValues(state.attendances, (known) => ({ ...known, votes: new Map(known.votes) })),
    evidence: new Map(state.evidence),
    settledEvidence: new Set(state.settledEvidence),
    past: new Map(state.past),
    early: new Map(state.early),
    claimedEpochs: new Map(state.claimedEpochs),
    toldAtMs: new Map(state.toldAtMs),
    heardInView: new Map(state.heardInView),
    stoppingUntilMs: new Map(state.stoppingUntilMs),
  };
}

const cloneView = (view: View): View => ({
  ...view,
  tallies: mapValues(view.tallies, (tally) => ({ ...tally, signatures: new Map(tally.signatures) })),
  heard: mapValues(view.heard, (heard) => ({ ...heard })),
  accused: new Set(view.accused),
  own: { ...view.own },
});

const mapValues = <K, V>(map: ReadonlyMap<K, V>, copy: (value: V) => V): Map<K, V> =>
  new Map([...map].map(([key, value]) => [key, copy(value)]));
