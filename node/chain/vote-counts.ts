import { assert } from "../base/assert.ts";
import { type Conduct, WINDOWS } from "../cal/conduct.ts";
import { readCounter, writeCounter } from "../codec/parse.ts";
import type { Reader } from "../codec/reader.ts";
import type { Writer } from "../codec/writer.ts";
import type { CarriedVote, Member } from "./types.ts";

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

function mark(counts: readonly VoteCounts[], height: number, signer: number, bits: number): void {
  const of = counts.find(({ firstHeight, views }) => height >= firstHeight && height < firstHeight + views.length);
  const column = of?.members.indexOf(signer) ?? -1;
  if (of === undefined || column < 0) return;
  const at = (height - of.firstHeight) * of.members.length + column;
  // The first time that a vote is carried counts.
  if (((of.rows[at] ?? 0) & CARRIED) === 0) of.rows[at] = bits;
}

/**
 * What became of a member's votes in an epoch. `conflicts` are the views in which it was proved to have contradicted itself,
 * by the state that the caller counts: a conflict outweighs that the vote was carried.
 */
export function conductOf(counts: VoteCounts, validator: number, conflicts: ReadonlySet<number>): Conduct {
  const { members, views, rows } = counts;
  const column = members.indexOf(validator);
  assert(column >= 0, "conduct is a member's");
  const conduct = { blocks: views.length, timely: 0, late: 0, missed: 0, conflicting: 0, carried: 0, dissenting: 0 };
  const windows = Array.from({ length: WINDOWS }, () => ({ blocks: 0, timely: 0 }));
  for (const [block, view] of views.entries()) {
    const bits = rows[block * members.length + column] ?? 0;
    const window = windows[Math.floor((block * WINDOWS) / views.length)];
    assert(window !== undefined, "every block lies in a window");
    window.blocks += 1;
    if (bits & CARRIED) conduct.carried += 1;
    if (bits & DISSENTING) conduct.dissenting += 1;
    if (conflicts.has(view)) conduct.conflicting += 1;
    else if (bits & TIMELY) {
      conduct.timely += 1;
      window.timely += 1;
    } else if (bits & LATE) conduct.late += 1;
    else conduct.missed += 1;
  }
  return { ...conduct, windows };
}

/** Whether no vote of it was carried in the epoch under way and the two whole ones before it. */
export function isSilent(counts: readonly VoteCounts[], validator: number): boolean {
  if (counts.length < COUNTED_EPOCHS) return false;
  return counts.every(({ members, views, rows }) => {
    const column = members.indexOf(validator);
    return column < 0 || views.every((_, block) => ((rows[block * members.length + column] ?? 0) & CARRIED) === 0);
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
