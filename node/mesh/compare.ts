import type { Hex } from "../base/bytes.ts";
import type { HybridTime } from "../codec/hybrid-clock.ts";
import {
  type Branch,
  CLOCK_DIGITS,
  LIST_MAX,
  type Listing,
  MESSAGE_BRANCHES_MAX,
  MESSAGE_ENTRIES_MAX,
  MESSAGE_LISTS_MAX,
  type Summary,
  type SyncMessage,
} from "../codec/mesh-message.ts";
import { branchOf, type ClockRange, type DigestTree, itemsUnder, LEAF_MAX, summaryOf } from "./digest-tree.ts";
import { MESSAGE_ENTRY_BYTES, WALK_ITEMS_MAX } from "./limits.ts";
import type { Held } from "./store.ts";

/** What there is to say of a shard: everything of a `SyncMessage` but who says it. */
export type Sayings = Pick<SyncMessage, "from" | "to" | "root" | "branches" | "lists" | "wants" | "entries">;

export const isSilent = ({ root, branches, lists, wants, entries }: Sayings): boolean =>
  root === undefined && branches.length + lists.length + wants.length + entries.length === 0;

/** The first word about a range. */
export const rootSaying = (tree: DigestTree<Held>, range: ClockRange): Sayings => ({
  ...{ ...range, root: summaryOf(tree, "", range), branches: [], lists: [], wants: [], entries: [] },
});

type Draft = {
  readonly tree: DigestTree<Held>;
  readonly range: ClockRange;
  readonly branches: Branch[];
  readonly lists: Listing[];
  readonly wants: { readonly prefix: string; readonly digests: readonly Hex[] }[];
  readonly entries: Uint8Array[];
  entryBytes: number;
  /** Items that may still be looked at. */
  walk: number;
};

/**
 * What one side answers to the other: for sets that differ their parts, for small ones a list, and entries that the other
 * side lacks. Neither side remembers anything of a walk, so a peer costs no memory; each answer is bounded, and what
 * did not fit comes in the next walk. A side whose watermark is above the range names the range that both have.
 */
export function answerTo(tree: DigestTree<Held>, message: Sayings, watermark: HybridTime): Sayings {
  const range = { from: message.from, to: message.to };
  if (watermark > message.from) return rootSaying(tree, { from: watermark, to: message.to });
  const draft: Draft = {
    ...{ tree, range, branches: [], lists: [], wants: [], entries: [] },
    ...{ entryBytes: 0, walk: WALK_ITEMS_MAX },
  };
  if (message.root !== undefined) compare(draft, "", message.root);
  const listed = new Set(message.branches.map(({ prefix }) => prefix));
  for (const { prefix, children } of message.branches) {
    for (let digit = 0; digit < 16; digit++) {
      const under = prefix + digit.toString(16);
      if (listed.has(under)) continue;
      compare(draft, under, children.find((child) => child.digit === digit) ?? NOTHING);
    }
  }
  for (const listing of message.lists) compareList(draft, listing);
  for (const { prefix, digests } of message.wants) sendWanted(draft, prefix, new Set(digests));
  const { branches, lists, wants, entries } = draft;
  return { ...range, root: undefined, branches, lists, wants, entries };
}

const NOTHING: Summary = { count: 0, hash: "" };

/** `theirs`: what the other side has under the prefix. */
function compare(draft: Draft, prefix: string, theirs: Summary): void {
  const own = summaryOf(draft.tree, prefix, draft.range);
  if (own.count === theirs.count && (own.count === 0 || own.hash === theirs.hash)) return;
  if (theirs.count === 0) sendAllBut(draft, prefix, new Set());
  else if (own.count <= LEAF_MAX) tellList(draft, prefix);
  else if (theirs.count <= LEAF_MAX) pushBounded(draft.lists, { prefix, digests: undefined }, MESSAGE_LISTS_MAX);
  else tellBranch(draft, prefix);
}

function compareList(draft: Draft, { prefix, digests }: Listing): void {
  if (digests === undefined) {
    // It had few a moment ago; with many it is told apart further.
    if (summaryOf(draft.tree, prefix, draft.range).count <= LIST_MAX) tellList(draft, prefix);
    else tellBranch(draft, prefix);
    return;
  }
  const missing = new Set(digests);
  sendAllBut(draft, prefix, missing);
  if (missing.size > 0) pushBounded(draft.wants, { prefix, digests: [...missing] }, MESSAGE_LISTS_MAX);
}

/** Sends what is not among these digests, and takes out of them what is there on both sides. */
function sendAllBut(draft: Draft, prefix: string, theirs: Set<Hex>): void {
  for (const held of walk(draft, prefix)) if (!theirs.delete(shortOf(held))) sendEntry(draft, held);
}

function sendWanted(draft: Draft, prefix: string, wanted: Set<Hex>): void {
  for (const held of walk(draft, prefix)) {
    if (wanted.size === 0) return;
    if (wanted.delete(shortOf(held))) sendEntry(draft, held);
  }
}

function* walk(draft: Draft, prefix: string): Generator<Held> {
  for (const held of itemsUnder(draft.tree, prefix, draft.range)) {
    if (draft.walk <= 0) return;
    draft.walk -= 1;
    yield held;
  }
}

function sendEntry(draft: Draft, { entry: { bytes } }: Held): void {
  if (draft.entries.length >= MESSAGE_ENTRIES_MAX) return;
  if (draft.entries.length > 0 && draft.entryBytes + bytes.length > MESSAGE_ENTRY_BYTES) return;
  draft.entries.push(bytes);
  draft.entryBytes += bytes.length;
}

function tellList(draft: Draft, prefix: string): void {
  const digests = [...itemsUnder(draft.tree, prefix, draft.range)].map(shortOf);
  pushBounded(draft.lists, { prefix, digests }, MESSAGE_LISTS_MAX);
}

/** A branch, and the ones below it as long as there is only one way down: entries of one age share the start of their clocks. */
function tellBranch(draft: Draft, prefix: string): void {
  for (let under = prefix; draft.branches.length < MESSAGE_BRANCHES_MAX; ) {
    const branch = branchOf(draft.tree, under, draft.range);
    draft.branches.push(branch);
    const [only] = branch.children;
    if (only === undefined || branch.children.length > 1 || only.count <= LEAF_MAX) return;
    under += only.digit.toString(16);
  }
}

const shortOf = ({ place }: Held): Hex => place.slice(CLOCK_DIGITS);

function pushBounded<T>(list: T[], item: T, max: number): void {
  if (list.length < max) list.push(item);
}
