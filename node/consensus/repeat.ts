import type { PeerMessage } from "../codec/peer-message.ts";
import { parentFor } from "./ancestry.ts";
import { leads } from "./pace.ts";
import { proposalOf, wantedBlocks } from "./proposal.ts";
import { type ConsensusState, decidedView, viewOf } from "./state.ts";
import type { Turn } from "./turn.ts";

/** Said again while nothing moves: whatever was lost on the way, some repetition brings it. */
export function repeat(state: ConsensusState, turn: Turn): void {
  state.repeatedAtMs = turn.nowMs;
  for (const message of standing(state)) turn.out.push({ type: "broadcast", message });
  if (state.closed) return;
  for (const block of wantedBlocks(state).slice(0, REQUESTS_MAX)) {
    turn.out.push({ type: "broadcast", message: { type: "block-request", block } });
  }
  const parent = parentFor(state);
  if ("missingView" in parent) {
    const from = decidedView(state) + 1;
    turn.out.push({ type: "broadcast", message: { type: "certificates-request", from, to: parent.missingView } });
  }
}
const REQUESTS_MAX = 16;

/** What a peer that heard nothing yet needs to stand where this node stands. */
export function standing(state: ConsensusState): readonly PeerMessage[] {
  const messages: PeerMessage[] = [];
  const { finality, entry, inquiry } = state;
  if (inquiry !== undefined) messages.push({ type: "vote-query", nonce: inquiry.nonce });
  if (finality !== undefined) messages.push({ type: "certificate", certificate: finality });
  if (state.closed) return messages;
  if (entry !== undefined && entry !== finality) messages.push({ type: "certificate", certificate: entry });
  const current = viewOf(state, state.view);
  if (leads(state) && current.proposal !== undefined && current.notarization === undefined) {
    messages.push(proposalOf(state, current.proposal));
  }
  for (const { own, finalizeWaits } of [...state.views.values()].toSorted((a, b) => a.number - b.number)) {
    if (own.finalize !== undefined && !finalizeWaits) messages.push({ type: "vote", vote: own.finalize });
  }
  for (const vote of [current.own.notarize, current.own.nullify]) {
    if (vote !== undefined) messages.push({ type: "vote", vote });
  }
  return messages;
}
