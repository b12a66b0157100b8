import type { Result } from "../base/result.ts";
import { accept, refuse } from "../base/result.ts";
import { parseJournal } from "./journal.ts";
import { leaderOf } from "./leaders.ts";
import { signProposal } from "./proposal.ts";
import { type ConsensusState, decidedView, viewOf } from "./state.ts";
import { count } from "./tally.ts";
import type { Turn } from "./turn.ts";

/**
 * Brings back what the journal remembers: the node stands in the view that it had reached and votes again only as it has
 * voted. Own records are trusted, their checksums were checked; a journal of another node or chain is refused.
 */
export function restore(state: ConsensusState, turn: Turn, records: readonly Uint8Array[]): Result<void> {
  for (const [index, bytes] of records.entries()) {
    const parsed = parseJournal(bytes);
    if (!parsed.ok) return refuse("journal-damaged", `record ${index}: ${parsed.detail ?? parsed.reason}`);
    const record = parsed.value;
    if ((index === 0) !== (record.type === "opened"))
      return refuse("journal-damaged", `record ${index} is out of place`);
    switch (record.type) {
      case "opened":
        if (record.chainId !== state.config.chainId || record.validator !== state.config.self) {
          return refuse("journal-foreign", "the journal belongs to another validator or chain");
        }
        break;
      case "block":
        if (record.block.view <= state.tip.view) break;
        state.blocks.set(record.block.hash, record.block);
        state.journaled.add(record.block.hash);
        break;
      case "certificate": {
        const { ballot } = record.certificate;
        if (ballot.view <= decidedView(state)) break;
        const view = viewOf(state, ballot.view);
        if (ballot.kind === "notarize") view.notarization = { ...record.certificate, ballot };
        if (ballot.kind === "nullify") view.nullification = { ...record.certificate, ballot };
        if (ballot.view >= state.view) {
          state.view = ballot.view + 1;
          state.entry = record.certificate;
        }
        break;
      }
      case "vote": {
        const { ballot } = record.vote;
        if (ballot.view <= decidedView(state)) break;
        viewOf(state, ballot.view).own[ballot.kind] = record.vote;
        // A quorum of one makes no certificate: with four members or more nobody has it alone.
        count(state, turn, record.vote);
        if (ballot.view > state.view) state.view = ballot.view;
        break;
      }
    }
  }
  for (const { id } of state.config.committee.members) state.heardInView.set(id, state.view);
  restoreProposal(state);
  return accept(undefined);
}

/** A leader that had proposed stands by its proposal. */
function restoreProposal(state: ConsensusState): void {
  const view = viewOf(state, state.view);
  const ballot = view.own.notarize?.ballot;
  const block = ballot?.kind === "notarize" ? state.blocks.get(ballot.block) : undefined;
  if (block === undefined || leaderOf(state.leaders, state.view) !== state.config.self) return;
  view.proposal = { block, signature: signProposal(state, block) };
}
