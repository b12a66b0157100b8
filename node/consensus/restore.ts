import { unreachable } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import { accept, type Result, refuse } from "../base/result.ts";
import { encodeJournal, type JournalRecord, openedRecord, parseJournal } from "./journal.ts";
import { leaderOf } from "./leaders.ts";
import { signProposal } from "./proposal.ts";
import { type ConsensusState, decidedView, isAbove, type Place, viewIn, viewOf } from "./state.ts";
import { count } from "./tally.ts";
import type { Turn } from "./turn.ts";

/** What a start finds in the `votes` stream. */
export type FoundJournal = {
  readonly records: readonly Uint8Array[];
  /** False where something before the last record is damaged. */
  readonly intact: boolean;
  /**
   * The key never ran before: then a missing journal is a beginning, no loss. An empty data folder does not show that, as a
   * lost volume leaves one too.
   */
  readonly fresh: boolean;
};

/**
 * Brings back what the journal remembers: the node stands in the view that it had reached and votes again only as it has
 * voted. Own records are trusted, their checksums were checked; a journal of another node or chain is refused. Where the
 * journal is missing, damaged or older than the log, the node stays a follower that asks the others (rule 3).
 */
export function restore(state: ConsensusState, turn: Turn, found: FoundJournal): Result<void, "journal-foreign"> {
  const parsed = found.records.map(parseJournal);
  const records = parsed.flatMap((record) => (record.ok ? [record.value] : []));
  state.forked = records.some(({ type }) => type === "forked");
  const [opened, ...rest] = records;
  if (opened?.type === "opened") {
    const own = opened.chainId === state.config.chainId && opened.validator === state.config.validator;
    if (!own) return refuse("journal-foreign", "the journal belongs to another validator or chain");
  }
  if (found.records.length === 0 && found.intact && found.fresh) {
    state.memory = "whole";
    const record = openedRecord(state, { epoch: 0, view: 0 });
    turn.out.push({ type: "journal", record: encodeJournal(record) });
    return accept(undefined);
  }
  const whole = found.intact && parsed.every(({ ok }) => ok) && rest.every(({ type }) => type !== "opened");
  if (!whole || opened?.type !== "opened" || isOld(state, opened, rest)) return accept(undefined);
  state.memory = "whole";
  state.voteAbove = opened.since;
  for (const record of rest) apply(state, turn, record);
  keepLater(state, found.records);
  forgetOldAnswers(state, rest);
  stand(state);
  return accept(undefined);
}

/** What the journal holds of the epoch that has begun: it was ahead of the log when it was restored. */
export function restoreLater(state: ConsensusState, turn: Turn): void {
  const bytes = state.laterJournal;
  if (bytes.length === 0) return;
  for (const record of bytes.map(parseJournal)) if (record.ok) apply(state, turn, record.value);
  keepLater(state, bytes);
  stand(state);
}

/** Where a record belongs; what has no place is the journal's own. */
function placeOf(record: JournalRecord): Place | undefined {
  switch (record.type) {
    case "opened":
      return undefined;
    case "block":
      return record.block;
    case "vote":
      return record.vote.ballot;
    case "certificate":
      return record.certificate.ballot;
    case "forked":
      return undefined;
    case "regained":
      return record;
    default:
      return unreachable(record);
  }
}

function keepLater(state: ConsensusState, records: readonly Uint8Array[]): void {
  state.laterJournal = records.filter((bytes) => {
    const record = parseJournal(bytes);
    const place = record.ok ? placeOf(record.value) : undefined;
    return place !== undefined && place.epoch > state.epoch;
  });
}

function apply(state: ConsensusState, turn: Turn, record: JournalRecord): void {
  if (record.type === "regained") {
    state.regained = { epoch: record.epoch, view: record.view };
    if (isAbove(state.regained, state.voteAbove)) state.voteAbove = state.regained;
    return;
  }
  const place = placeOf(record);
  // A block may be proved final while the log did not get it yet.
  const decided = record.type === "block" ? viewIn(state, state.tip) : decidedView(state);
  if (place === undefined || place.epoch !== state.epoch || place.view <= decided) return;
  switch (record.type) {
    case "block":
      state.blocks.set(record.block.hash, record.block);
      state.journaled.add(record.block.hash);
      return;
    case "certificate": {
      const { ballot } = record.certificate;
      const view = viewOf(state, ballot.view);
      if (ballot.kind === "notarize") view.notarization = { ...record.certificate, ballot };
      if (ballot.kind === "nullify") view.nullification = { ...record.certificate, ballot };
      if (ballot.view < state.view) return;
      state.view = ballot.view + 1;
      state.entry = record.certificate;
      return;
    }
    case "vote": {
      const { ballot } = record.vote;
      const view = viewOf(state, ballot.view);
      view.own[ballot.kind] = record.vote;
      // A quorum of one makes no certificate: with four members or more nobody has it alone.
      if (ballot.kind === "finalize") view.finalizeWaits = true;
      else count(state, turn, record.vote);
      if (ballot.view > state.view) state.view = ballot.view;
      return;
    }
    case "opened":
    case "forked":
      return;
    default:
      unreachable(record);
  }
}

/**
 * Whether the log knows of an own vote that is newer than all the journal has: then the journal is a copy from earlier, and
 * more may be missing (rule 3).
 */
function isOld(
  state: ConsensusState,
  opened: Extract<JournalRecord, { type: "opened" }>,
  records: readonly JournalRecord[],
): boolean {
  let newest = opened.since;
  for (const record of records) {
    const place = record.type === "vote" || record.type === "regained" ? placeOf(record) : undefined;
    if (place !== undefined && isAbove(place, newest)) newest = place;
  }
  const { validator } = state.config;
  return [state.finality, state.previous?.finality].some(
    (certificate) =>
      certificate?.signatures.some(({ signer }) => signer === validator) && isAbove(certificate.ballot, newest),
  );
}

/** As at the beginning of an epoch (`beginEpoch`): without a vote of its own since, nothing shows that it got through. */
function forgetOldAnswers(state: ConsensusState, records: readonly JournalRecord[]): void {
  const { regained } = state;
  if (regained === undefined || regained.epoch >= state.epoch) return;
  state.regained = undefined;
  const voted = records.some((record) => record.type === "vote" && record.vote.ballot.epoch > regained.epoch);
  if (!voted) state.memory = "lost";
}

function stand(state: ConsensusState): void {
  for (const { id } of state.committee.members) state.heardInView.set(id, state.view);
  restoreProposal(state);
}

/** A leader that had proposed stands by its proposal. */
function restoreProposal(state: ConsensusState): void {
  const view = viewOf(state, state.view);
  const block = blockOf(state, view.own.notarize?.ballot);
  if (block === undefined || leaderOf(state.leaders, state.view) !== state.self) return;
  view.proposal = { block, signature: signProposal(state, block), atMs: state.enteredAtMs };
}

const blockOf = (state: ConsensusState, ballot: { kind: string; block?: Hex } | undefined) =>
  ballot?.block === undefined ? undefined : state.blocks.get(ballot.block);
