import type { Hex } from "../../base/bytes.ts";
import type { Vote } from "../../codec/vote.ts";
import { cloneState } from "../../consensus/clone.ts";
import type { ConsensusState, View } from "../../consensus/state.ts";
import type { Machine } from "./machine.ts";

/** A copy that steps on its own: nothing that a step changes is shared. */
export const cloneMachine = ({ state, records, journal }: Machine): Machine => ({
  state: cloneState(state),
  records: [...records],
  journal: [...journal],
});

/**
 * Two machines with one key do the same for ever. Left out: clocks, pace, caches, what only measures, and who was heard
 * when, which only matters over more views than are explored.
 */
export function keyOf({ state }: Machine, nameOf: (hash: Hex) => string): string {
  const views = [...state.views.values()].toSorted((a, b) => a.number - b.number).map((view) => viewKey(view, nameOf));
  const blocks = [...state.blocks.keys()].map(nameOf).toSorted();
  const final = [state.finality, state.previous?.finality].map((proof) =>
    proof === undefined ? "" : nameOf(proof.ballot.block),
  );
  const at = `${state.epoch}/${state.view}${state.closed}${state.forked}`;
  return `${at}|${memoryKey(state)}|${nameOf(state.tip.hash)}|${final}|${blocks}|${views.join(";")}`;
}

/** What it knows of its own votes, and for one that lost its journal what the others answered and what it would answer. */
function memoryKey({ memory, voteAbove, regained, inquiry }: ConsensusState): string {
  const answers = [...(inquiry?.answers ?? [])].toSorted(([a], [b]) => a - b).map((answer) => answer.join(":"));
  const place = (at: { epoch: number; view: number } | undefined): string =>
    at === undefined ? "" : `${at.epoch}/${at.view}`;
  return `${memory}${place(voteAbove)},${place(regained)},${inquiry !== undefined}${answers}`;
}

function viewKey(view: View, nameOf: (hash: Hex) => string): string {
  const name = (hash: Hex | undefined): string => (hash === undefined ? "" : nameOf(hash));
  const { own, notarization } = view;
  const vote = (cast: Vote | undefined): string =>
    cast === undefined ? "" : `!${cast.ballot.kind === "nullify" ? "" : nameOf(cast.ballot.block)}`;
  const tallies = [...view.tallies]
    .map(([key, { ballot, signatures }]) => {
      const what = ballot.kind === "nullify" ? "" : name(ballot.block);
      return `${ballot.kind}${what}${ballot.kind === "notarize" ? key.slice(-66) : ""}=${[...signatures.keys()].toSorted()}`;
    })
    .toSorted();
  const heard = [...view.heard].map(([signer, { notarize, nullify, finalize }]) => {
    return `${signer}:${[notarize, nullify, finalize].map(vote)}`;
  });
  const said = [own.notarize, own.nullify, own.finalize].map(vote);
  const proposal = `${name(view.proposal?.block.hash)}${view.proposalRefused}`;
  const certificates = `${name(notarization?.ballot.block)},${view.nullification !== undefined}`;
  return [view.number, proposal, said, certificates, tallies, heard.toSorted()].join("/");
}
