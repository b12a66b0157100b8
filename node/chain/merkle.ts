import { sha256 } from "../codec/hash.ts";

const LEAF = new Uint8Array([0]);
const NODE = new Uint8Array([1]);

/** Hash of one leaf; a prefix keeps leaves and inner nodes apart (RFC 6962, section 2.1). */
export const leafHash = (...parts: readonly Uint8Array[]): Uint8Array => sha256(LEAF, ...parts);

/**
 * Merkle root of leaf hashes as RFC 6962, section 2.1 defines it: the left half is the largest power of two below the
 * whole, which pairing level by level and carrying an odd last one gives too. Without leaves: SHA-256 of nothing.
 */
export function merkleRoot(leaves: readonly Uint8Array[]): Uint8Array {
  let level = leaves;
  while (level.length > 1) {
    const above: Uint8Array[] = [];
    for (let at = 0; at < level.length; at += 2) {
      const left = level[at];
      const right = level[at + 1];
      if (left !== undefined) above.push(right === undefined ? left : sha256(NODE, left, right));
    }
    level = above;
  }
  return level[0] ?? sha256();
}
