import { assert } from "../base/assert.ts";
import { HASH_BYTES, sha256 } from "../codec/hash.ts";
import { bucketCount, freeze, isFrozen, type Rows, thaw } from "./rows.ts";

/**
 * The Merkle tree (RFC 6962, section 2.1) over the buckets of a table, kept from one checkpoint to the next: only the
 * changed buckets and what lies above them are hashed. `beginFold` fixes what is folded; the work is then done in slices
 * while execution goes on, and a bucket that execution wants to write is hashed first.
 */
export type DenseTree = {
  readonly rows: Rows;
  /** Bytes of a bucket as it is now; good until the next call. */
  readonly encode: (bucket: number) => Uint8Array;
  /** Hashes level by level, leaves first. */
  readonly levels: Uint8Array[];
  /** Hashes in each level. */
  sizes: number[];
  /** Level under work, or `DONE`. */
  level: number;
  todo: Iterator<number>;
  /** Places to be hashed one level up. */
  above: Set<number>;
};

const DONE = -1;
const LEAF = 0;
const NODE = 1;

export const denseTree = (rows: Rows, encode: (bucket: number) => Uint8Array): DenseTree => ({
  rows,
  encode,
  levels: [],
  sizes: [],
  level: DONE,
  todo: [].values(),
  above: new Set(),
});

export const isFolded = (tree: DenseTree): boolean => tree.level === DONE;

/** Fixes the state whose root is to be known. Work left of the fold before is done at once. */
export function beginFold(tree: DenseTree): void {
  fold(tree, Number.POSITIVE_INFINITY);
  const changed = freeze(tree.rows);
  tree.sizes = [bucketCount(tree.rows)];
  for (let size = tree.sizes[0] as number; size > 1; tree.sizes.push(size)) size = Math.ceil(size / 2);
  for (const [level, size] of tree.sizes.entries()) tree.levels[level] = grown(tree.levels[level], size * HASH_BYTES);
  tree.rows.foldFirst = (bucket) => foldBucket(tree, bucket);
  tree.level = 0;
  tree.todo = changed.values();
}

function grown(level: Uint8Array | undefined, bytes: number): Uint8Array {
  if (level !== undefined && level.length >= bytes) return level;
  const larger = new Uint8Array(Math.max(2 * (level?.length ?? 0), bytes));
  if (level !== undefined) larger.set(level);
  return larger;
}

/** Does up to `budget` hashes, some microseconds each; answers how many are left of the budget. */
export function fold(tree: DenseTree, budget: number): number {
  let left = budget;
  while (tree.level !== DONE && left > 0) {
    const next = tree.todo.next();
    if (next.done === true) {
      endLevel(tree);
      continue;
    }
    const place = next.value;
    // A bucket may have been taken back whole: then the tree ends before it.
    if (place >= (tree.sizes[tree.level] as number)) {
      if (tree.level === 0) thaw(tree.rows, place);
      continue;
    }
    if (tree.level === 0) foldBucket(tree, place);
    else hashPair(tree, tree.level, place);
    tree.above.add(place >>> 1);
    left -= 1;
  }
  return left;
}

function endLevel(tree: DenseTree): void {
  tree.todo = tree.above.values();
  tree.above = new Set();
  tree.level = tree.level + 1 < tree.sizes.length ? tree.level + 1 : DONE;
  if (tree.level === DONE) tree.rows.foldFirst = undefined;
}

function foldBucket(tree: DenseTree, bucket: number): void {
  if (!isFrozen(tree.rows, bucket)) return;
  thaw(tree.rows, bucket);
  if (bucket < (tree.sizes[0] as number)) put(tree, 0, bucket, leafOf(tree.encode(bucket)));
}

export function leafOf(bytes: Uint8Array): Uint8Array {
  const input = new Uint8Array(1 + bytes.length);
  input[0] = LEAF;
  input.set(bytes, 1);
  return sha256(input);
}

export function nodeOf(left: Uint8Array, right: Uint8Array): Uint8Array {
  const input = new Uint8Array(1 + 2 * HASH_BYTES);
  input[0] = NODE;
  input.set(left, 1);
  input.set(right, 1 + HASH_BYTES);
  return sha256(input);
}

function hashPair(tree: DenseTree, level: number, place: number): void {
  const left = at(tree, level - 1, 2 * place);
  // An odd last one stands for itself one level up.
  const alone = 2 * place + 1 >= (tree.sizes[level - 1] as number);
  put(tree, level, place, alone ? left : nodeOf(left, at(tree, level - 1, 2 * place + 1)));
}

const at = (tree: DenseTree, level: number, place: number): Uint8Array =>
  (tree.levels[level] as Uint8Array).subarray(place * HASH_BYTES, (place + 1) * HASH_BYTES);
const put = (tree: DenseTree, level: number, place: number, hash: Uint8Array): void =>
  (tree.levels[level] as Uint8Array).set(hash, place * HASH_BYTES);

/** The root of the state that the last `beginFold` fixed, once all is folded. Without rows: SHA-256 of nothing. */
export function rootOf(tree: DenseTree): Uint8Array {
  assert(isFolded(tree), "root is asked for when all is folded");
  return tree.sizes[0] === 0 || tree.sizes.length === 0 ? sha256() : at(tree, tree.sizes.length - 1, 0).slice();
}

/** The hashes beside the way from a leaf to the root, from below (RFC 6962, section 2.1.1). */
export function auditPath(tree: DenseTree, leaf: number): Uint8Array[] {
  assert(isFolded(tree), "a path is asked for when all is folded");
  const path: Uint8Array[] = [];
  for (let level = 0; level + 1 < tree.sizes.length; level++) {
    const sibling = (leaf >>> level) ^ 1;
    if (sibling < (tree.sizes[level] as number)) path.push(at(tree, level, sibling).slice());
  }
  return path;
}

/** The root that a leaf and its audit path lead to, or undefined if they have no such tree (RFC 9162, section 2.1.3.2). */
export function rootFrom({
  leaf,
  index,
  size,
  path,
}: {
  leaf: Uint8Array;
  index: number;
  size: number;
  path: readonly Uint8Array[];
}): Uint8Array | undefined {
  if (!Number.isInteger(index) || !Number.isInteger(size) || index < 0 || index >= size || size > 2 ** 31)
    return undefined;
  let hash = leaf;
  let place = index;
  let last = size - 1;
  for (const beside of path) {
    if (last === 0 || beside.length !== HASH_BYTES) return undefined;
    if ((place & 1) === 1 || place === last) {
      hash = nodeOf(beside, hash);
      while ((place & 1) === 0 && place !== 0) {
        place >>>= 1;
        last >>>= 1;
      }
    } else hash = nodeOf(hash, beside);
    place >>>= 1;
    last >>>= 1;
  }
  return last === 0 ? hash : undefined;
}
