import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { toHex } from "../base/bytes.ts";
import { leafHash, merklePath, merkleRoot, merkleRootFrom } from "./merkle.ts";

const hash = (...parts: Uint8Array[]): Buffer => createHash("sha256").update(Buffer.concat(parts)).digest();

/** RFC 6962, section 2.1, as it stands there: split at the largest power of two below the length. */
function recursive(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return hash();
  if (leaves.length === 1) return hash(Buffer.from([0]), ...leaves);
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return hash(Buffer.from([1]), recursive(leaves.slice(0, split)), recursive(leaves.slice(split)));
}

test("is the Merkle tree hash of RFC 6962 for every number of leaves", () => {
  for (let length = 0; length <= 33; length++) {
    const leaves = Array.from({ length }, (_, index) => new Uint8Array([index, length]));
    expect(toHex(merkleRoot(leaves.map((leaf) => leafHash(leaf))))).toBe(toHex(recursive(leaves)));
  }
});

test("a path leads from each leaf to the root, and nothing else does", () => {
  for (let length = 1; length <= 20; length++) {
    const leaves = Array.from({ length }, (_, index) => leafHash(new Uint8Array([index, length])));
    const root = merkleRoot(leaves);
    for (const [index, leaf] of leaves.entries()) {
      const place = merklePath(leaves, index);
      expect(merkleRootFrom(leaf, place)).toEqual(root);
      expect(merkleRootFrom(leaf, { ...place, path: [...place.path, leaf] })).toBeUndefined();
      expect(merkleRootFrom(leaf, { ...place, index: length })).toBeUndefined();
      if (length === 1) continue;
      expect(merkleRootFrom(leaf, { ...place, path: place.path.slice(1) })).toBeUndefined();
      expect(merkleRootFrom(leafHash(leaf), place)).not.toEqual(root);
      const other = merkleRootFrom(leaf, { ...place, index: (index + 1) % length });
      expect(other === undefined || toHex(other) !== toHex(root)).toBe(true);
    }
  }
});
