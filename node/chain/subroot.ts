import { assert } from "../base/assert.ts";
import { leafHash, merkleRoot } from "./merkle.ts";

const BUCKETS = 256;

/**
 * The Merkle root of a set of entries that costs in proportion to what changed: entries lie in 256 buckets, a bucket's
 * leaf is the hash of its entries in order, and only touched buckets are hashed again.
 */
export type Subroot<Key> = {
  /** Says that the entry of `key` is new, changed or gone. */
  touch(key: Key): void;
  root(): Uint8Array;
};

export function subroot<Key>({
  bucketOf,
  compare,
  encode,
}: {
  /** A whole number in [0, 256). */
  bucketOf: (key: Key) => number;
  compare: (a: Key, b: Key) => number;
  /** Canonical bytes of the entry with its key, or undefined if there is none any more. */
  encode: (key: Key) => Uint8Array | undefined;
}): Subroot<Key> {
  const buckets = Array.from({ length: BUCKETS }, () => ({ keys: new Set<Key>(), dirty: false, leaf: leafHash() }));
  return {
    touch: (key) => {
      const bucket = buckets[bucketOf(key)];
      assert(bucket !== undefined, "bucket is in range");
      bucket.keys.add(key);
      bucket.dirty = true;
    },
    root: () => {
      for (const bucket of buckets) {
        if (!bucket.dirty) continue;
        const entries: Uint8Array[] = [];
        for (const key of [...bucket.keys].toSorted(compare)) {
          const entry = encode(key);
          if (entry === undefined) bucket.keys.delete(key);
          else entries.push(entry);
        }
        bucket.leaf = leafHash(...entries);
        bucket.dirty = false;
      }
      return merkleRoot(buckets.map((bucket) => bucket.leaf));
    },
  };
}
