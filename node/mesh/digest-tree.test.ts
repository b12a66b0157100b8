import { describe, expect, it } from "vitest";
import { fc } from "../base/test-property.ts";
import { hybridTimeText } from "../codec/hybrid-clock.ts";
import {
  branchOf,
  countIn,
  createTree,
  insertItem,
  itemsUnder,
  type Placed,
  removeItem,
  summaryOf,
} from "./digest-tree.ts";

/** Clocks that lie close together and far apart, so that trees are deep and wide. */
const place = fc
  .tuple(fc.oneof(fc.bigInt({ min: 0n, max: 40n }), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })), fc.nat(0xffff))
  .map(([clock, digest]) => hybridTimeText(clock) + digest.toString(16).padStart(32, "0"));
const places = fc.uniqueArray(place, { maxLength: 120 });
const range = fc
  .tuple(fc.bigInt({ min: 0n, max: 60n }), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }))
  .map(([from, to]) => ({ from, to }));

const treeOf = (list: readonly string[]) => {
  const tree = createTree<Placed>();
  const items = list.map((each) => ({ place: each }));
  for (const item of items) insertItem(tree, item);
  return { tree, items };
};
const ALL = { from: 0n, to: (1n << 64n) - 1n };
const within = (list: readonly string[], { from, to }: { from: bigint; to: bigint }): string[] =>
  list.filter((each) => BigInt(`0x${each.slice(0, 16)}`) >= from && BigInt(`0x${each.slice(0, 16)}`) < to);

describe("a digest tree", () => {
  it("hashes a set, however it came about", () => {
    fc.assert(
      fc.property(places, places, (kept, gone) => {
        const passing = gone.filter((each) => !kept.includes(each));
        const { tree, items } = treeOf([...passing, ...kept]);
        for (const item of items.slice(0, passing.length)) expect(removeItem(tree, item)).toBe(true);
        const fresh = treeOf(kept.toReversed()).tree;
        expect(summaryOf(tree, "", ALL)).toEqual(summaryOf(fresh, "", ALL));
      }),
    );
  });

  it("tells sets apart", () => {
    fc.assert(
      fc.property(places, places, (a, b) => {
        const same = a.length === b.length && a.every((each) => b.includes(each));
        const [one, other] = [summaryOf(treeOf(a).tree, "", ALL), summaryOf(treeOf(b).tree, "", ALL)];
        expect(one.hash === other.hash).toBe(same);
      }),
    );
  });

  it("cuts a range out as if nothing else were there", () => {
    fc.assert(
      fc.property(places, range, fc.nat(20), (list, cut, length) => {
        const { tree } = treeOf(list);
        const prefix = (list[0] ?? "").slice(0, length);
        const only = within(list, cut);
        const { tree: alone } = treeOf(only);
        expect(summaryOf(tree, prefix, cut)).toEqual(summaryOf(alone, prefix, ALL));
        expect(branchOf(tree, prefix, cut)).toEqual(branchOf(alone, prefix, ALL));
        expect(countIn(tree, cut)).toBe(only.length);
        const listed = [...itemsUnder(tree, prefix, cut)].map((item) => item.place);
        expect(listed).toEqual(only.filter((each) => each.startsWith(prefix)).toSorted());
      }),
    );
  });

  it("goes on behind any place", () => {
    fc.assert(
      fc.property(places, place, (list, after) => {
        const listed = [...itemsUnder(treeOf(list).tree, "", ALL, after)].map((item) => item.place);
        expect(listed).toEqual(
          within(list, ALL)
            .filter((each) => each > after)
            .toSorted(),
        );
      }),
    );
  });

  it("removes only what is there", () => {
    const { tree } = treeOf(["0".repeat(48)]);
    expect(removeItem(tree, { place: "f".repeat(48) })).toBe(false);
    expect(summaryOf(tree, "", ALL).count).toBe(1);
  });
});
