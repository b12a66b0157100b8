import { assert, unreachable } from "../../base/assert.ts";
import { type Hex, toHex } from "../../base/bytes.ts";
import { kindOf, type Statement } from "../../codec/evidence.ts";
import type { Vote } from "../../codec/vote.ts";
import { cloneState } from "../../consensus/clone.ts";
import { parseJournal } from "../../consensus/journal.ts";
import { type ConsensusState, isAbove, type Place, type View } from "../../consensus/state.ts";
import type { Machine } from "./machine.ts";

/** A copy that steps on its own: nothing that a step changes is shared. */
export const cloneMachine = ({ state, records, journal }: Machine): Machine => ({
  state: cloneState(state),
  records: [...records],
  journal: [...journal],
});

/**
 * Two machines with one key do the same for ever, crashes aside (`createJournalKey`). Left out: clocks, pace, caches, what only measures, and who was heard
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
  const { own, notarization, finalizeWaits } = view;
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
  const said = [...[own.notarize, own.nullify, own.finalize].map(vote), finalizeWaits];
  const proposal = `${name(view.proposal?.block.hash)}${view.proposalRefused}`;
  const certificates = `${name(notarization?.ballot.block)},${view.nullification !== undefined}`;
  return [view.number, proposal, said, certificates, tallies, heard.toSorted()].join("/");
}

/** What it holds against others, and what it was told of decided views, which what comes late may contradict. */
export function evidenceKey({ state }: Machine, nameOf: (hash: Hex) => string): string {
  const told = (said: Statement): string => {
    const block =
      said.type === "proposal" ? said.block : said.ballot.kind === "nullify" ? undefined : said.ballot.block;
    return `${kindOf(said)}${block === undefined ? "" : nameOf(block)}`;
  };
  const past = [...state.past].map(([place, { said }]) => {
    const by = [...said].map(([signer, statements]) => `${signer}=${statements.map(told).toSorted()}`);
    return `${place}:${by.toSorted()}`;
  });
  return [[...state.evidence.keys()], [...state.settledEvidence], past].map((part) => part.toSorted().join()).join("|");
}

/**
 * What a restart reads of the journal: the records of places that the log does not decide. Finality that is proved but whose
 * block is missing is in neither, so what a node remembers of the views below it comes back with the journal.
 */
export function createJournalKey(): (machine: Machine) => string {
  const known = new Map<string, { readonly id: number; readonly place: Place | undefined }>();
  const look = (bytes: Uint8Array): { readonly id: number; readonly place: Place | undefined } => {
    const name = toHex(bytes);
    const before = known.get(name);
    if (before !== undefined) return before;
    const fresh = { id: known.size, place: placeOfRecord(bytes) };
    known.set(name, fresh);
    return fresh;
  };
  return ({ state, journal }) => {
    const read = journal.map(look).filter(({ place }) => place === undefined || isAbove(place, state.tip));
    return [...new Set(read.map(({ id }) => id))].toSorted((a, b) => a - b).join();
  };
}

/** Undefined for a record that counts wherever the log stands. */
function placeOfRecord(bytes: Uint8Array): Place | undefined {
  const record = parseJournal(bytes);
  assert(record.ok, "a machine writes a journal that it can read");
  switch (record.value.type) {
    case "opened":
    case "forked":
    case "regained":
      return undefined;
    case "block":
      return record.value.block;
    case "vote":
      return record.value.vote.ballot;
    case "certificate":
      return record.value.certificate.ballot;
    default:
      return unreachable(record.value);
  }
}
