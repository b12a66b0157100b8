import { assert, present } from "../base/assert.ts";
import { type Ballot, ballotMessage, type Vote } from "../codec/vote.ts";
import { pathFromTip } from "./ancestry.ts";
import { attendLate } from "./attendance.ts";
import { keepCertificate } from "./certificates.ts";
import { encodeJournal } from "./journal.ts";
import { judgeLate, statementOfVote } from "./past-views.ts";
import { type ConsensusState, decidedView, mayVoteIn, viewOf } from "./state.ts";
import { count, wasVerified } from "./tally.ts";
import type { Turn } from "./turn.ts";

/** Votes for views further ahead than this are left to the certificates that will come. */
const VIEWS_AHEAD_MAX = 64;

/** Signs, journals, sends and counts an own vote: in this order, so that it is durable before anybody hears it (rule 2). */
export function cast(state: ConsensusState, turn: Turn, ballot: Ballot): void {
  const { chainId, crypto } = state.config;
  const { self } = state;
  assert(self !== undefined && mayVoteIn(state, ballot.view), "only a voter votes");
  const vote: Vote = { ballot, signer: self, signature: crypto.sign(ballotMessage(chainId, ballot)) };
  // What is voted for must survive a crash of all nodes: the block, and every block that it rests on.
  if (ballot.kind !== "nullify") {
    for (const block of present(pathFromTip(state, ballot.block), "a voter holds the block and its ancestors")) {
      if (state.journaled.has(block.hash)) continue;
      state.journaled.add(block.hash);
      turn.out.push({ type: "journal", record: encodeJournal({ type: "block", block }) });
    }
  }
  viewOf(state, ballot.view).own[ballot.kind] = vote;
  turn.out.push({ type: "journal", record: encodeJournal({ type: "vote", vote }) });
  say(state, turn, vote);
}

/** An own vote that is in the journal goes to all, and counts. */
export function say(state: ConsensusState, turn: Turn, vote: Vote): void {
  turn.out.push({ type: "broadcast", message: { type: "vote", vote } });
  countAndKeep(state, turn, vote);
}

/** A vote from outside: counted once its signature is seen to be right. The answer says why it was dropped. */
export function onVote(state: ConsensusState, turn: Turn, vote: Vote): string | undefined {
  const { config, committee } = state;
  const { ballot, signer, signature } = vote;
  if (ballot.epoch !== state.epoch || ballot.view <= decidedView(state)) return onLateVote(state, turn, vote);
  const member = committee.byId.get(signer);
  if (member === undefined) return "vote of a stranger";
  if (state.closed || ballot.view > state.view + VIEWS_AHEAD_MAX) return undefined;
  if (wasVerified(state, vote)) return undefined;
  const message = ballotMessage(config.chainId, ballot);
  if (!config.crypto.verify({ message, signature, publicKey: member.publicKey })) return "vote with a wrong signature";
  countAndKeep(state, turn, vote);
  return undefined;
}

/** It decides nothing any more; it may be carried, or prove an offence. */
export function onLateVote(state: ConsensusState, turn: Turn, vote: Vote): string | undefined {
  return judgeLate(state, turn, { signer: vote.signer, statement: statementOfVote(vote) }) ?? attendLate(state, vote);
}

function countAndKeep(state: ConsensusState, turn: Turn, vote: Vote): void {
  const certificate = count(state, turn, vote);
  if (certificate !== undefined) keepCertificate(state, turn, certificate);
}
