import { unreachable } from "../base/assert.ts";
import { onVoteAnswer, onVoteQuery } from "./amnesia.ts";
import { certificatesOf, onCertificate } from "./certificates.ts";
import { type ConsensusMessage, type EpochMessage, epochOfMessage } from "./message.ts";
import { judgeLate, statementOfProposal } from "./past-views.ts";
import { onBlock, onProposal } from "./proposal.ts";
import type { ConsensusState } from "./state.ts";
import { STOPPING_MAX_MS } from "./timing.ts";
import type { Turn } from "./turn.ts";
import { onLateVote, onVote } from "./votes.ts";

/** Messages of the next epoch that are kept for each peer, one proposal among them. */
const EARLY_MAX = 16;
/** A peer that is behind is told so at most this often. */
const TELL_EVERY_MS = 100;

type Received<M extends ConsensusMessage> = { readonly peer: number; readonly message: M };

/** One message of a peer that the transport has proved. The answer says why it was dropped, if it was. */
export function receive(
  state: ConsensusState,
  turn: Turn,
  { peer, message }: Received<ConsensusMessage>,
): string | undefined {
  switch (message.type) {
    case "proposal":
    case "vote":
    case "certificate":
      return receiveInEpoch(state, turn, { peer, message });
    case "block-request": {
      const { block: hash } = message;
      const block = state.blocks.get(hash) ?? state.recent.find((recent) => recent.hash === hash);
      if (block !== undefined) turn.out.push({ type: "send", peer, message: { type: "block", block } });
      return undefined;
    }
    case "block":
      return onBlock(state, message.block);
    case "certificates-request":
      for (const certificate of certificatesOf(state, message)) {
        turn.out.push({ type: "send", peer, message: { type: "certificate", certificate } });
      }
      return undefined;
    case "vote-query":
      onVoteQuery(state, turn, { peer, nonce: message.nonce });
      return undefined;
    case "vote-answer":
      return onVoteAnswer(state, turn, message.answer);
    case "stopping":
      state.stoppingUntilMs.set(peer, turn.nowMs + STOPPING_MAX_MS);
      return undefined;
    default:
      return unreachable(message);
  }
}

/** Peers that speak of an epoch which this node has not reached: they may have final blocks that it lacks. */
export const peersAhead = (state: ConsensusState): readonly number[] =>
  [...state.claimedEpochs].filter(([, epoch]) => epoch > state.epoch).map(([peer]) => peer);

function receiveInEpoch(state: ConsensusState, turn: Turn, received: Received<EpochMessage>): string | undefined {
  const { peer, message } = received;
  const epoch = epochOfMessage(message);
  if (epoch > state.epoch) {
    state.claimedEpochs.set(peer, epoch);
    return receiveEarly(state, turn, received);
  }
  if (epoch < state.epoch || state.closed) {
    tellEnd(state, turn, received);
    if (message.type === "vote") return onLateVote(state, turn, message.vote);
    if (message.type !== "proposal") return undefined;
    return judgeLate(state, turn, { signer: message.block.proposer, statement: statementOfProposal(message) });
  }
  switch (message.type) {
    case "proposal":
      return onProposal(state, turn, message);
    case "vote":
      return onVote(state, turn, message.vote);
    case "certificate":
      return onCertificate(state, turn, message.certificate);
    default:
      return unreachable(message);
  }
}

/**
 * A message of the next epoch is kept until that epoch begins here: nodes close an epoch within moments of each other, and
 * what the first ones say would otherwise come back with the next repetition only. Nothing of it is looked at before, but
 * for the proof that this epoch is over.
 */
function receiveEarly(
  state: ConsensusState,
  turn: Turn,
  { peer, message }: Received<EpochMessage>,
): string | undefined {
  if (epochOfMessage(message) !== state.epoch + 1) return undefined;
  const kept = (state.early.get(peer) ?? []).filter(({ type }) => type !== "proposal" || message.type !== "proposal");
  state.early.set(peer, [...kept, message].slice(-EARLY_MAX));
  if (message.type !== "proposal") return undefined;
  for (const certificate of message.justification) {
    if (certificate.ballot.epoch !== state.epoch || certificate.ballot.kind !== "finalize") continue;
    const dropped = onCertificate(state, turn, certificate);
    if (dropped !== undefined) return dropped;
  }
  return undefined;
}

/** Who still speaks of an epoch that is over gets the proof. One that is further behind catches up by records. */
function tellEnd(state: ConsensusState, turn: Turn, { peer, message }: Received<EpochMessage>): void {
  const proof = state.closed ? state.finality : state.previous?.finality;
  if (proof === undefined || proof.ballot.epoch !== epochOfMessage(message)) return;
  const ballot = message.type === "certificate" ? message.certificate.ballot : undefined;
  if (ballot?.kind === "finalize" && ballot.view >= proof.ballot.view) return;
  if (turn.nowMs - (state.toldAtMs.get(peer) ?? Number.NEGATIVE_INFINITY) < TELL_EVERY_MS) return;
  state.toldAtMs.set(peer, turn.nowMs);
  turn.out.push({ type: "send", peer, message: { type: "certificate", certificate: proof } });
}
