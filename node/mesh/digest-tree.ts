import { sha256Hex } from "../codec/hash.ts";
import { type HybridTime, hybridTimeText } from "../codec/hybrid-clock.ts";
import { type Branch, CLOCK_DIGITS, PLACE_DIGITS, SHORT_DIGITS, type Summary } from "../codec/mesh-message.ts";

/**
 * A set of versions as a tree of hashes (Merkle 1987) over their places: the clock's 16 hexadecimal digits, then the
 * start of the version's digest. Ordered by time, it compares any range of clocks: what is below an eviction watermark
 * leaves the comparison without a second tree, and new differences lie side by side. What a set hashes to depends on
 * nothing but the set: up to `LEAF_MAX` are hashed as a list, more by their next digit.
 */
export type Placed = { readonly place: string };
export type DigestTree<T extends Placed> = { root: Knot<T> };
/** Clocks from `from` on and before `to`. */
export type ClockRange = { readonly from: HybridTime; readonly to: HybridTime };

export const LEAF_MAX = 16;

type Knot<T> = {
  count: number;
  /** Undefined: something below has changed since it was computed. */
  hash: string | undefined;
  children: (Knot<T> | undefined)[] | undefined;
  /** In order of place, where there are no children. */
  items: T[];
};

const EMPTY: Summary = { count: 0, hash: "0".repeat(SHORT_DIGITS) };
const DIGITS = "0123456789abcdef";

export const createTree = <T extends Placed>(): DigestTree<T> => ({ root: knotOf([]) });

/** Adds an item that is not there yet. */
export function insertItem<T extends Placed>(tree: DigestTree<T>, item: T): void {
  let knot = tree.root;
  let depth = 0;
  for (; knot.children !== undefined; depth++) {
    knot.count += 1;
    knot.hash = undefined;
    knot = childFor(knot.children, item.place, depth);
  }
  knot.count += 1;
  knot.hash = undefined;
  const { items } = knot;
  let at = items.length;
  while (at > 0 && (items[at - 1]?.place ?? "") > item.place) at -= 1;
  items.splice(at, 0, item);
  if (items.length > LEAF_MAX) split(knot, depth);
}

/** Removes an item; false if it was not there. */
export function removeItem<T extends Placed>(tree: DigestTree<T>, item: T): boolean {
  const leaf = knotAt(tree, item.place);
  const at = leaf?.items.indexOf(item) ?? -1;
  if (leaf === undefined || at < 0) return false;
  leaf.items.splice(at, 1);
  let shrunk: Knot<T> | undefined;
  let knot = tree.root;
  for (let depth = 0; ; depth++) {
    knot.count -= 1;
    knot.hash = undefined;
    if (knot.children === undefined) break;
    if (knot.count <= LEAF_MAX) shrunk ??= knot;
    knot = childFor(knot.children, item.place, depth);
  }
  // The same set has the same tree, whatever it was before.
  if (shrunk !== undefined) Object.assign(shrunk, { items: [...itemsIn(shrunk)], children: undefined });
  return true;
}

/** Number and hash of what lies under a prefix, of these clocks. */
export function summaryOf<T extends Placed>(tree: DigestTree<T>, prefix: string, range: ClockRange): Summary {
  const [from, to] = [hybridTimeText(range.from), hybridTimeText(range.to)];
  const knot = knotAt(tree, prefix);
  if (knot === undefined) return EMPTY;
  // A leaf may stand above the prefix.
  const under = knot.items.filter(({ place }) => place.startsWith(prefix));
  const whole = knot.children !== undefined || under.length === knot.count;
  return summarize(whole ? knot : knotOf(under), prefix, from, to);
}

/** The sets below a prefix, of these clocks. */
export const branchOf = <T extends Placed>(tree: DigestTree<T>, prefix: string, range: ClockRange): Branch => ({
  prefix,
  children: [...DIGITS].flatMap((character, digit) => {
    const summary = summaryOf(tree, prefix + character, range);
    return summary.count === 0 ? [] : { digit, ...summary };
  }),
});

/** What lies under a prefix, of these clocks, by place; `after` leaves out everything up to that place. */
export function* itemsUnder<T extends Placed>(
  tree: DigestTree<T>,
  prefix: string,
  range: ClockRange,
  after = "",
): Generator<T> {
  const [from, to] = [hybridTimeText(range.from), hybridTimeText(range.to)];
  const first = after > from ? after : from;
  const knot = knotAt(tree, prefix);
  if (knot === undefined) return;
  for (const item of itemsIn(knot, prefix, first)) {
    if (item.place >= to) return;
    if (item.place > after && item.place >= from && item.place.startsWith(prefix)) yield item;
  }
}

/** How many have these clocks. */
export function countIn<T extends Placed>(tree: DigestTree<T>, range: ClockRange): number {
  const [from, to] = [hybridTimeText(range.from), hybridTimeText(range.to)];
  const count = (knot: Knot<T> | undefined, prefix: string): number => {
    if (knot === undefined || isOutside(prefix, from, to)) return 0;
    if (isInside(prefix, from, to)) return knot.count;
    if (knot.children === undefined) return knot.items.filter(({ place }) => place >= from && place < to).length;
    return knot.children.reduce((sum, child, digit) => sum + count(child, prefix + DIGITS.charAt(digit)), 0);
  };
  return count(tree.root, "");
}

const knotOf = <T>(items: T[]): Knot<T> => ({ count: items.length, hash: undefined, children: undefined, items });

const digitAt = (place: string, depth: number): number => {
  const code = place.charCodeAt(depth);
  return code < 58 ? code - 48 : code - 87;
};

function childFor<T extends Placed>(children: (Knot<T> | undefined)[], place: string, depth: number): Knot<T> {
  const digit = digitAt(place, depth);
  const child = children[digit] ?? knotOf<T>([]);
  children[digit] = child;
  return child;
}

function split<T extends Placed>(knot: Knot<T>, depth: number): void {
  if (depth >= PLACE_DIGITS) return;
  const { items } = knot;
  const children = new Array<Knot<T> | undefined>(16).fill(undefined);
  for (const item of items) {
    const child = childFor(children, item.place, depth);
    child.items.push(item);
    child.count += 1;
  }
  knot.children = children;
  knot.items = [];
  for (const child of children) if (child !== undefined && child.count > LEAF_MAX) split(child, depth + 1);
}

/** The knot of a prefix, or the leaf above it. */
function knotAt<T extends Placed>(tree: DigestTree<T>, prefix: string): Knot<T> | undefined {
  let knot: Knot<T> | undefined = tree.root;
  for (let depth = 0; depth < prefix.length && knot?.children !== undefined; depth++) {
    knot = knot.children[digitAt(prefix, depth)];
  }
  return knot;
}

/** Everything in order of place, but for whole knots below `first`. */
function* itemsIn<T extends Placed>(knot: Knot<T>, prefix = "", first = ""): Generator<T> {
  if (knot.children === undefined) {
    yield* knot.items;
    return;
  }
  for (const [digit, child] of knot.children.entries()) {
    const under = prefix + DIGITS.charAt(digit);
    if (child !== undefined && under.padEnd(PLACE_DIGITS, "f") >= first) yield* itemsIn(child, under, first);
  }
}

const isInside = (prefix: string, from: string, to: string): boolean =>
  prefix.slice(0, CLOCK_DIGITS).padEnd(CLOCK_DIGITS, "0") >= from &&
  prefix.slice(0, CLOCK_DIGITS).padEnd(CLOCK_DIGITS, "f") < to;
const isOutside = (prefix: string, from: string, to: string): boolean =>
  prefix.slice(0, CLOCK_DIGITS).padEnd(CLOCK_DIGITS, "f") < from ||
  prefix.slice(0, CLOCK_DIGITS).padEnd(CLOCK_DIGITS, "0") >= to;

/** Only knots that reach over an end of the range are looked into; of the others the hash is kept. */
function summarize<T extends Placed>(knot: Knot<T>, prefix: string, from: string, to: string): Summary {
  if (knot.count === 0 || isOutside(prefix, from, to)) return EMPTY;
  if (isInside(prefix, from, to)) return { count: knot.count, hash: hashOf(knot) };
  const within = ({ place }: T): boolean => place >= from && place < to;
  if (knot.children === undefined) return leafSummary(knot.items.filter(within));
  const parts = knot.children.map((child, digit) =>
    child === undefined ? EMPTY : summarize(child, prefix + DIGITS.charAt(digit), from, to),
  );
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  if (count > LEAF_MAX) return { count, hash: innerHash(parts.map(({ hash }) => hash)) };
  return leafSummary([...itemsIn(knot, prefix, from)].filter(within));
}

function hashOf<T extends Placed>(knot: Knot<T>): string {
  knot.hash ??=
    knot.children === undefined
      ? leafSummary(knot.items).hash
      : innerHash(
          knot.children.map((child) => (child === undefined || child.count === 0 ? EMPTY.hash : hashOf(child))),
        );
  return knot.hash;
}

/** Half of SHA-256: whoever makes two sets of own entries collide (2^64 work) only keeps two nodes from seeing that they differ in these. */
const short = (hex: string): string => sha256Hex(Buffer.from(hex, "hex")).slice(0, SHORT_DIGITS);
const innerHash = (hashes: readonly string[]): string => short(`01${hashes.join("")}`);
const leafSummary = (items: readonly Placed[]): Summary =>
  items.length === 0
    ? EMPTY
    : { count: items.length, hash: short(`00${items.map(({ place }) => place.slice(CLOCK_DIGITS)).join("")}`) };
