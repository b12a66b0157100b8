import { assert } from "../base/assert.ts";
import { sha256 } from "../codec/hash.ts";

const LEAF = new Uint8Array([0]);
const NODE = new Uint8Array([1]);
const LEAVES_MAX = 2 ** 31;

/** Hash of one leaf; a prefix keeps leaves and inner nodes apart (RFC 6962, section 2.1). */
export const leafHash = (...parts: readonly Uint8Array[]): Uint8Array => sha256(LEAF, ...parts);

/**
 * Merkle root of leaf hashes as RFC 6962, section 2.1 defines it: the left half is the largest power of two below the
 * whole, which pairing level by level and carrying an odd last one gives too. Without leaves: SHA-256 of nothing.
 */
export function merkleRoot(leaves: readonly Uint8Array[]): Uint8Array {
  let level = leaves;
  while (level.length > 1) level = levelAbove(level);
  return level[0] ?? sha256();
}

function levelAbove(level: readonly Uint8Array[]): readonly Uint8Array[] {
  const above: Uint8Array[] = [];
  for (let at = 0; at < level.length; at += 2) {
    const left = level[at];
    const right = level[at + 1];
    if (left !== undefined) above.push(right === undefined ? left : sha256(NODE, left, right));
  }
  return above;
}

/** Shows that a leaf stands at a place of a tree. */
export type MerklePath = {
  readonly index: number;
  /** Leaves of the tree. */
  readonly size: number;
  /** The hashes beside the way from the leaf to the root, from below (RFC 6962, section 2.1.1). */
  readonly path: readonly Uint8Array[];
};

export function merklePath(leaves: readonly Uint8Array[], index: number): MerklePath {
  assert(index >= 0 && index < leaves.length, "a path is of a leaf");
  const path: Uint8Array[] = [];
  let level = leaves;
  for (let place = index; level.length > 1; place >>>= 1) {
    const beside = level[place ^ 1];
    if (beside !== undefined) path.push(beside);
    level = levelAbove(level);
  }
  return { index, size: leaves.length, path };
}

/** The root that a leaf and its path lead to, or undefined if no tree of that size has such a path. */
export function merkleRootFrom(leaf: Uint8Array, { index, size, path }: MerklePath): Uint8Array | undefined {
  if (!Number.isSafeInteger(index) || index < 0 || index >= size || size > LEAVES_MAX) return undefined;
  const rest = [...path];
  let hash = leaf;
  let place = index;
  for (let width = size; width > 1; width = Math.ceil(width / 2)) {
    // An odd last one stands for itself one level up.
    if ((place ^ 1) < width) {
      const beside = rest.shift();
      if (beside?.length !== leaf.length) return undefined;
      hash = place % 2 === 1 ? sha256(NODE, beside, hash) : sha256(NODE, hash, beside);
    }
    place >>>= 1;
  }
  return rest.length === 0 ? hash : undefined;
}
