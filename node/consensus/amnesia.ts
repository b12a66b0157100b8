import type { Hex } from "../base/bytes.ts";
import { sha256Hex } from "../codec/hash.ts";
import { hashBytes } from "../codec/parse.ts";
import { type VoteAnswer, voteAnswerMessage } from "../codec/vote-answer.ts";
import { writer } from "../codec/writer.ts";
import { onCertificate } from "./certificates.ts";
import { encodeJournal, openedRecord } from "./journal.ts";
import { askAtMs, isAsking } from "./pace.ts";
import { type ConsensusState, isAbove } from "./state.ts";
import type { Turn } from "./turn.ts";

const NONCE_DOMAIN = new TextEncoder().encode("hmn/nonce/1\n");

/**
 * Rule 3: a node whose journal is gone follows, and asks the others where they stand until enough of them have answered.
 * A follower without membership asks too, so that it can vote once it is a member.
 */
export function askIfLost(state: ConsensusState, turn: Turn): void {
  if (!isAsking(state)) return;
  if (turn.nowMs >= askAtMs(state)) {
    const { nonce, answers } = state.inquiry ?? { nonce: nonceOf(state, turn), answers: new Map<number, number>() };
    state.inquiry = { nonce, answers, askedAtMs: turn.nowMs };
    turn.out.push({ type: "broadcast", message: { type: "vote-query", nonce } });
  }
  regainIfAnswered(state, turn);
}

/** Nobody can know it before, and no two starts share it: a signature over the time (Ed25519 signs without chance). */
function nonceOf({ config, tip, epoch }: ConsensusState, { nowMs, wallNs }: Turn): Hex {
  const moment = writer().fixed(NONCE_DOMAIN).fixed(hashBytes(config.chainId)).fixed(hashBytes(tip.hash));
  const message = moment
    .u32(epoch)
    .u64(wallNs)
    .u64(BigInt(Math.trunc(nowMs)));
  return sha256Hex(config.crypto.sign(message.done()));
}

/** Followers answer too: what counts is where they stand. */
export function onVoteQuery(
  state: ConsensusState,
  turn: Turn,
  { peer, nonce }: { readonly peer: number; readonly nonce: Hex },
): void {
  const { self, epoch, view, config } = state;
  if (self === undefined) return;
  const entry = state.closed ? state.finality : state.entry;
  const signature = config.crypto.sign(voteAnswerMessage(config.chainId, { nonce, epoch, view }));
  const answer = { nonce, epoch, view, signer: self, signature, ...(entry === undefined ? {} : { entry }) };
  turn.out.push({ type: "send", peer, message: { type: "vote-answer", answer } });
}

/** A member's answer. One that is further on than this node has to prove it, or a liar could put off the vote for ever. */
export function onVoteAnswer(state: ConsensusState, turn: Turn, answer: VoteAnswer): string | undefined {
  const { inquiry, committee, config } = state;
  if (inquiry === undefined || answer.nonce !== inquiry.nonce) return undefined;
  const { signer, signature, epoch, entry } = answer;
  const member = committee.byId.get(signer);
  if (member === undefined || signer === config.validator) return "answer of a stranger";
  const message = voteAnswerMessage(config.chainId, answer);
  if (!config.crypto.verify({ message, signature, publicKey: member.publicKey }))
    return "answer with a wrong signature";
  // It counts once this node has caught up with the epoch, and then it is asked again.
  if (epoch > state.epoch) return undefined;
  const view = epoch < state.epoch ? 0 : answer.view;
  if (view > state.view) {
    const leadsThere = entry !== undefined && entry.ballot.epoch === epoch && entry.ballot.view === view - 1;
    if (!leadsThere) return "answer without the certificate that led there";
    const dropped = onCertificate(state, turn, entry);
    if (dropped !== undefined) return dropped;
    if (view > state.view) return "answer ahead of its certificate";
  }
  inquiry.answers.set(signer, Math.max(view, inquiry.answers.get(signer) ?? 0));
  return undefined;
}

/**
 * Enough answers: it votes above the highest of them + 1. A former self that voted in view v had entered it by a quorum's
 * votes of view v − 1; more than a third of the weight signed there and answers now, so one of these is honest and answers
 * at least v − 1.
 */
function regainIfAnswered(state: ConsensusState, turn: Turn): void {
  const { inquiry, committee, config, epoch } = state;
  if (inquiry === undefined) return;
  let weight = 0;
  for (const signer of inquiry.answers.keys()) weight += committee.byId.get(signer)?.weight ?? 0;
  if (!config.rules.mayVoteAgain({ weight, totalWeight: committee.totalWeight })) return;
  const highest = Math.max(0, ...inquiry.answers.values());
  const place = { epoch, view: highest + 1 };
  state.inquiry = undefined;
  state.memory = "whole";
  state.regained = place;
  if (isAbove(place, state.voteAbove)) state.voteAbove = place;
  const records = [openedRecord(state, { epoch: 0, view: 0 }), { type: "regained", ...place } as const];
  turn.out.push({ type: "replace-journal", records: [...records.map(encodeJournal), ...state.laterJournal] });
}
