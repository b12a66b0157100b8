import { equalBytes, toHex } from "../base/bytes.ts";
import { type Certificate, isQuorum } from "../codec/certificate.ts";
import { type Ballot, encodeBallot, type Vote } from "../codec/vote.ts";
import { attend } from "./attendance.ts";
import { accuseIfContrary } from "./offences.ts";
import { statementOfVote } from "./past-views.ts";
import { type ConsensusState, type Heard, type Tally, viewOf } from "./state.ts";
import type { Turn } from "./turn.ts";

/** Counts a vote whose signature is right; the one that completes a quorum yields the certificate. */
export function count(state: ConsensusState, turn: Turn, vote: Vote): Certificate | undefined {
  const { ballot, signer, signature } = vote;
  const view = viewOf(state, ballot.view);
  state.heardInView.set(signer, state.view);
  const heard: Heard = view.heard.get(signer) ?? {};
  view.heard.set(signer, heard);
  for (const before of [heard.notarize, heard.nullify, heard.finalize]) {
    if (before === undefined) continue;
    accuseIfContrary(state, turn, { view, signer, statements: [statementOfVote(before), statementOfVote(vote)] });
  }
  const key = keyOf(ballot);
  const first = heard[ballot.kind];
  // The first word counts: a liar gets one tally entry per kind, and no quorum needs a second one.
  if (first !== undefined && keyOf(first.ballot) !== key) return undefined;
  if (first === undefined) {
    heard[ballot.kind] = vote;
    attend(state, ballot, signer, signature);
  }
  const tally = view.tallies.get(key) ?? { ballot, signatures: new Map<number, Uint8Array>() };
  view.tallies.set(key, tally);
  tally.signatures.set(signer, signature);
  return decides(state, tally) ? certificateOf(tally) : undefined;
}

/** Whether these votes make a certificate. */
function decides(state: ConsensusState, { ballot, signatures }: Tally): boolean {
  const { rules } = state.config;
  if (!rules.mayCount(ballot)) return false;
  const quorum = isQuorum(state.committee, signatures.keys());
  if (ballot.kind !== "finalize") return quorum;
  const kind = state.blocks.get(ballot.block)?.kind;
  return rules.provesFinality({ quorum, closes: kind === "closing" || kind === "tail" });
}

function certificateOf({ ballot, signatures }: Tally): Certificate {
  const signed = [...signatures].map(([signer, signature]) => ({ signer, signature }));
  return { ballot, signatures: signed.toSorted((a, b) => a.signer - b.signer) };
}

const keyOf = (ballot: Ballot): string => toHex(encodeBallot(ballot));

/** Whether this very signature was verified before. */
export function wasVerified(state: ConsensusState, { ballot, signer, signature }: Vote): boolean {
  const before = state.views.get(ballot.view)?.tallies.get(keyOf(ballot))?.signatures.get(signer);
  return before !== undefined && equalBytes(before, signature);
}
