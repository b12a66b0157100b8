import type { Hex } from "../../base/bytes.ts";
import type { Vote } from "../../codec/vote.ts";
import type { View } from "../../consensus/state.ts";
import type { Machine } from "./machine.ts";

/** A copy that steps on its own: nothing that a step changes is shared. */
export const cloneMachine = ({ state, records, journal }: Machine): Machine => ({
  state: {
    ...state,
    views: new Map([...state.views].map(([number, view]) => [number, cloneView(view)])),
    blocks: new Map(state.blocks),
    journaled: new Set(state.journaled),
    finalHashes: new Map(state.finalHashes),
    heardInView: new Map(state.heardInView),
    stoppingUntilMs: new Map(state.stoppingUntilMs),
  },
  records: [...records],
  journal: [...journal],
});

const cloneView = (view: View): View => ({
  ...view,
  tallies: new Map([...view.tallies].map(([key, tally]) => [key, { ...tally, signatures: new Map(tally.signatures) }])),
  heard: new Map([...view.heard].map(([signer, heard]) => [signer, { ...heard }])),
  accused: new Set(view.accused),
  own: { ...view.own },
});

/** Two machines with one key do the same for ever. Left out: clocks, pace, caches, and who was heard when, which only matter over more views than are explored. */
export function keyOf({ state }: Machine, nameOf: (hash: Hex) => string): string {
  const views = [...state.views.values()].toSorted((a, b) => a.number - b.number).map((view) => viewKey(view, nameOf));
  const blocks = [...state.blocks.keys()].map(nameOf).toSorted();
  const final = state.finality === undefined ? "" : nameOf(state.finality.ballot.block);
  return `${state.voting}${state.forked}${state.view}|${nameOf(state.tip.hash)}|${final}|${blocks}|${views.join(";")}`;
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
  const heard = [...view.heard].map(([signer, { notarizeBlock, nullify, finalizeBlock }]) => {
    return `${signer}:${name(notarizeBlock)},${nullify !== undefined},${name(finalizeBlock)}`;
  });
  const said = [own.notarize, own.nullify, own.finalize].map(vote);
  const proposal = `${name(view.proposal?.block.hash)}${view.proposalRefused}`;
  const certificates = `${name(notarization?.ballot.block)},${view.nullification !== undefined}`;
  return [view.number, proposal, said, certificates, tallies, heard.toSorted()].join("/");
}
