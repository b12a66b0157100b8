import { unreachable } from "../base/assert.ts";
import { equalBytes, toHex } from "../base/bytes.ts";
import { type Certificate, isQuorum } from "../codec/certificate.ts";
import { type Ballot, encodeBallot, type Vote } from "../codec/vote.ts";
import { type ConsensusState, type Heard, type View, viewOf } from "./state.ts";
import type { Turn } from "./turn.ts";

/** Counts a vote whose signature is right; the one that completes a quorum yields the certificate. */
export function count(state: ConsensusState, turn: Turn, vote: Vote): Certificate | undefined {
  const { ballot, signer, signature } = vote;
  const view = viewOf(state, ballot.view);
  state.heardInView.set(signer, state.view);
  const heard: Heard = view.heard.get(signer) ?? {};
  view.heard.set(signer, heard);
  const evidence = contradiction(heard, ballot);
  if (evidence !== undefined) accuse(view, turn, { signer, evidence });
  const key = keyOf(ballot);
  // The first word counts: a liar gets one tally entry per kind, and no quorum needs a second one.
  if (heard[ballot.kind] !== undefined && heard[ballot.kind] !== key) return undefined;
  if (heard[ballot.kind] === undefined) {
    heard[ballot.kind] = key;
    if (ballot.kind !== "nullify") heard[`${ballot.kind}Block`] = ballot.block;
  }
  const tally = view.tallies.get(key) ?? { ballot, signatures: new Map<number, Uint8Array>() };
  view.tallies.set(key, tally);
  tally.signatures.set(signer, signature);
  if (!isQuorum(state.config.committee, tally.signatures.keys())) return undefined;
  const signatures = [...tally.signatures].map(([id, bytes]) => ({ signer: id, signature: bytes }));
  return { ballot, signatures: signatures.toSorted((a, b) => a.signer - b.signer) };
}

/** Evidence is exactly what rule 1 lists; anything else has an honest explanation. */
function contradiction(heard: Heard, ballot: Ballot): string | undefined {
  switch (ballot.kind) {
    case "notarize":
      return differs(heard.notarizeBlock, ballot.block) ? "two notarize votes" : undefined;
    case "finalize":
      if (differs(heard.finalizeBlock, ballot.block)) return "two finalize votes";
      return heard.nullify === undefined ? undefined : "finalize and nullify";
    case "nullify":
      return heard.finalize === undefined ? undefined : "finalize and nullify";
    default:
      return unreachable(ballot);
  }
}

const differs = (before: string | undefined, now: string): boolean => before !== undefined && before !== now;

/** Reports a validator once per view and kind of evidence. Slashing comes with the issue "Evidence". */
export function accuse(view: View, turn: Turn, { signer, evidence }: { signer: number; evidence: string }): void {
  const key = `${signer} ${evidence}`;
  if (view.accused.has(key)) return;
  view.accused.add(key);
  const detail = `validator ${signer}: ${evidence} in view ${view.number}`;
  turn.out.push({ type: "safety", kind: "equivocation", detail });
}

const keyOf = (ballot: Ballot): string => toHex(encodeBallot(ballot));

/** Whether this very signature was verified before. */
export function wasVerified(state: ConsensusState, { ballot, signer, signature }: Vote): boolean {
  const before = state.views.get(ballot.view)?.tallies.get(keyOf(ballot))?.signatures.get(signer);
  return before !== undefined && equalBytes(before, signature);
}
