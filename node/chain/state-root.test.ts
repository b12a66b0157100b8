import { expect, test } from "vitest";
import { toHex } from "../base/bytes.ts";
import { seededRandom } from "../base/random.ts";
import { writer } from "../codec/writer.ts";
import { subroot } from "./subroot.ts";

test("a subroot depends on the entries alone, not on the way to them", () => {
  const random = seededRandom(5n);
  const entries = new Map<bigint, number>();
  const make = () =>
    subroot<bigint>({
      bucketOf: (key) => Number(key & 0xffn),
      compare: (a, b) => (a < b ? -1 : a > b ? 1 : 0),
      encode: (key) => {
        const value = entries.get(key);
        return value === undefined ? undefined : writer().u128(key).u32(value).done();
      },
    });
  const followed = make();
  const empty = toHex(followed.root());
  const roots = new Set([empty]);
  for (let step = 0; step < 300; step++) {
    const key = BigInt(random.below(1_000));
    if (random.oneIn(3)) entries.delete(key);
    else entries.set(key, step);
    followed.touch(key);
    if (!random.oneIn(20)) continue;
    const fresh = make();
    for (const known of [...entries.keys()].toReversed()) fresh.touch(known);
    const root = toHex(followed.root());
    expect(root).toBe(toHex(fresh.root()));
    roots.add(root);
  }
  expect(roots.size).toBeGreaterThan(5);
  for (const key of [...entries.keys()]) {
    entries.delete(key);
    followed.touch(key);
  }
  expect(toHex(followed.root())).toBe(empty);
});
