import { assert } from "../base/assert.ts";
import { readCounter, writeCounter } from "../codec/parse.ts";
import type { Reader } from "../codec/reader.ts";
import type { Writer } from "../codec/writer.ts";
import type { CarriedVote, Member, Offence } from "./types.ts";

/** The newest epoch and the two before it: a key that was silent for two whole epochs may be replaced (domain.md). */
export const COUNTED_EPOCHS = 3;
/** Votes carried by a block's child or grandchild are timely, later ones late (domain.md, "CAL"). */
const TIMELY_DEPTH = 2;
const MEMBERS_MAX = 100;
const BLOCKS_MAX = 1 << 26;
const VIEW_MAX = 0xffff_ffff;

/** What became of a member's vote for a block: the lower bits say when it was carried. */
const TIMELY = 1;
const LATE = 2;
const CARRIED = TIMELY | LATE;
const DISSENTING = 4;
const CONFLICTING = 8;

/** Which votes the blocks of an epoch got: committed state, from which coherence is measured. */
export type VoteCounts = {
  readonly epoch: number;
  readonly firstHeight: number;
  /** Ids, ascending. */
  readonly members: readonly number[];
  /** View of each block, by height. */
  readonly views: number[];
  /** One byte for each block and member. */
  rows: Uint8Array;
};

export type Tally = {
  readonly blocks: number;
  readonly timely: number;
  readonly late: number;
  readonly missed: number;
  /** Views in which it contradicted itself. */
  readonly conflicting: number;
  /** Carried votes with another results hash than the committed one. */
  readonly dissenting: number;
};

export const createCounts = (epoch: number, firstHeight: number, members: readonly Member[]): VoteCounts => ({
  epoch,
  firstHeight,
  members: members.map(({ id }) => id),
  views: [],
  rows: new Uint8Array(0),
});

/** The counts once an epoch has begun: the oldest are dropped. */
export const withEpoch = (counts: readonly VoteCounts[], begun: VoteCounts): readonly VoteCounts[] =>
  [...counts, begun].slice(-COUNTED_EPOCHS);

/** Takes in a block: a row for itself, and the votes that it carries for those before it. */
export function countVotes(
  counts: readonly VoteCounts[],
  block: { readonly height: number; readonly view: number; readonly votes: readonly CarriedVote[] },
): void {
  const current = counts.at(-1);
  assert(current !== undefined, "an epoch is counted");
  assert(block.height === current.firstHeight + current.views.length, "blocks are counted in order");
  assert(block.view <= VIEW_MAX, "views of an epoch fit 32 bits: each takes a certificate");
  current.views.push(block.view);
  const needed = current.views.length * current.members.length;
  if (needed > current.rows.length) {
    const larger = new Uint8Array(Math.max(2 * current.rows.length, needed));
    larger.set(current.rows);
    current.rows = larger;
  }
  for (const { depth, signer, executedHash } of block.votes) {
    const when = depth <= TIMELY_DEPTH ? TIMELY : LATE;
    mark(counts, block.height - depth, signer, executedHash === undefined ? when : when | DISSENTING);
  }
}

/** Marks the block of a view, if there is one, as one that a member contradicted itself about. */
export function countConflict(counts: readonly VoteCounts[], { validator, epoch, view }: Offence): void {
  const of = counts.find((one) => one.epoch === epoch);
  const at = of?.views.indexOf(view) ?? -1;
  if (of !== undefined && at >= 0) mark([of], of.firstHeight + at, validator, CONFLICTING);
}

function mark(counts: readonly VoteCounts[], height: number, signer: number, bits: number): void {
  const of = counts.find(({ firstHeight, views }) => height >= firstHeight && height < firstHeight + views.length);
  const column = of?.members.indexOf(signer) ?? -1;
  if (of === undefined || column < 0) return;
  const at = (height - of.firstHeight) * of.members.length + column;
  const before = of.rows[at] ?? 0;
  // The first time that a vote is carried counts.
  const added = (before & CARRIED) !== 0 ? bits & CONFLICTING : bits;
  of.rows[at] = before | added;
}

/** A conflict outweighs that the vote was carried. */
export function tallyOf(counts: VoteCounts, validator: number): Tally {
  const column = counts.members.indexOf(validator);
  const tally = { blocks: 0, timely: 0, late: 0, missed: 0, conflicting: 0, dissenting: 0 };
  if (column < 0) return tally;
  for (let block = 0; block < counts.views.length; block++) {
    const bits = counts.rows[block * counts.members.length + column] ?? 0;
    tally.blocks += 1;
    if (bits & DISSENTING) tally.dissenting += 1;
    if (bits & CONFLICTING) tally.conflicting += 1;
    else if (bits & TIMELY) tally.timely += 1;
    else if (bits & LATE) tally.late += 1;
    else tally.missed += 1;
  }
  return tally;
}

/** Whether no vote of it was carried in the epoch under way and the two whole ones before it. */
export function isSilent(counts: readonly VoteCounts[], validator: number): boolean {
  if (counts.length < COUNTED_EPOCHS) return false;
  return counts.every((of) => {
    const { timely, late } = tallyOf(of, validator);
    return timely + late === 0;
  });
}

export function writeCounts(to: Writer, { epoch, firstHeight, members, views, rows }: VoteCounts): Writer {
  writeCounter(to.u32(epoch), firstHeight).u32(members.length);
  for (const id of members) to.u32(id);
  to.u32(views.length);
  for (const view of views) to.u32(view);
  return to.fixed(rows.subarray(0, views.length * members.length));
}

export function readCounts(from: Reader): VoteCounts {
  const epoch = from.u32();
  const firstHeight = readCounter(from);
  const members = Array.from({ length: from.count(MEMBERS_MAX) }, () => from.u32());
  const views = Array.from({ length: from.count(BLOCKS_MAX) }, () => from.u32());
  return { epoch, firstHeight, members, views, rows: from.fixed(views.length * members.length).slice() };
}
