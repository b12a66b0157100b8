import { describe, expect, it } from "vitest";
import { fc } from "../base/test-property.ts";
import { hybridTimeAt } from "../codec/hybrid-clock.ts";
import type { MemoryEntry } from "../codec/memory-entry.ts";
import { countIn, summaryOf } from "./digest-tree.ts";
import { evict } from "./evict.ts";
import { MESH_LIMITS, type MeshLimits } from "./limits.ts";
import { createStore, mergeEntry, type Store } from "./store.ts";
import { contentOf, START_MS, unsigned } from "./test-mesh.ts";

/** Few authors, ids, clocks and contents, so that they meet often. */
const entries = fc.array(
  fc
    .tuple(fc.nat(1), fc.nat(5), fc.nat(6), fc.constantFrom("a", "bb", "c", undefined))
    .map(([author, id, clock, content]) => unsigned(author, `id-${id}`, BigInt(clock), content)),
  { maxLength: 30 },
);
const ALL = { from: 0n, to: (1n << 64n) - 1n };
const rootsOf = (store: Store): string[] => store.trees.map((tree) => summaryOf(tree, "", ALL).hash);
const stateOf = (store: Store) => ({ content: contentOf(store), roots: rootsOf(store) });

function storeOf(list: readonly MemoryEntry[], limits: MeshLimits = MESH_LIMITS): Store {
  const store = createStore(limits);
  for (const entry of list) mergeEntry(store, entry);
  return store;
}
const heldOf = (store: Store): readonly MemoryEntry[] => [...store.entries.values()].map(({ entry }) => entry);
/** One store takes all that the other holds. */
const join = (a: readonly MemoryEntry[], b: readonly MemoryEntry[], limits?: MeshLimits): Store =>
  storeOf([...heldOf(storeOf(a, limits)), ...heldOf(storeOf(b, limits))], limits);

describe.each([
  ["without limits that matter", MESH_LIMITS],
  ["with a quota by number", { ...MESH_LIMITS, authorEntries: 3 }],
])("merging, %s", (_name, limits) => {
  it("is commutative", () => {
    fc.assert(
      fc.property(entries, entries, (a, b) => {
        expect(stateOf(join(a, b, limits))).toEqual(stateOf(join(b, a, limits)));
      }),
    );
  });
  it("is associative", () => {
    fc.assert(
      fc.property(entries, entries, entries, (a, b, c) => {
        const left = join(heldOf(join(a, b, limits)), c, limits);
        expect(stateOf(left)).toEqual(stateOf(join(a, heldOf(join(b, c, limits)), limits)));
      }),
    );
  });
  it("is idempotent, and takes any order and repetition", () => {
    fc.assert(
      fc.property(entries, fc.infiniteStream(fc.nat()), (list, picks) => {
        const once = storeOf(list, limits);
        const mixed = [...list, ...list]
          .map((entry) => ({ entry, rank: picks.next().value }))
          .toSorted((x, y) => x.rank - y.rank);
        const again = storeOf(
          mixed.map(({ entry }) => entry),
          limits,
        );
        expect(stateOf(again)).toEqual(stateOf(once));
      }),
    );
  });
});

describe("the store", () => {
  it("keeps of each key the version with the newest clock, then the tombstone, then the higher content hash", () => {
    fc.assert(
      fc.property(entries, (list) => {
        const store = storeOf(list);
        for (const { author, id } of list) {
          const versions = list.filter((other) => other.author === author && other.id === id);
          const clock = versions.map((each) => each.clock).toSorted((a, b) => Number(b - a))[0];
          const newest = versions.filter((each) => each.clock === clock);
          const buried = newest.filter(({ deleted }) => deleted);
          const [expected] = (buried.length > 0 ? buried : newest).toSorted((a, b) =>
            a.contentHash < b.contentHash ? 1 : -1,
          );
          expect(store.entries.get(`${author}/${id}`)?.entry.digest).toBe(expected?.digest);
        }
      }),
    );
  });

  it("refuses what is older than an author's quota keeps, and drops the oldest for what is newer", () => {
    const store = createStore({ ...MESH_LIMITS, authorEntries: 2 });
    const [a, b, c] = [1n, 2n, 3n].map((clock) => unsigned(1, `id-${clock}`, clock, "x"));
    if (a === undefined || b === undefined || c === undefined) throw new Error("three");
    mergeEntry(store, b);
    mergeEntry(store, c);
    expect(mergeEntry(store, a)).toMatchObject({ type: "refused", reason: "author_quota" });
    expect(mergeEntry(store, unsigned(1, "id-4", 4n, "x"))).toMatchObject({ type: "merged", dropped: [{ entry: b }] });
    // Another author has a quota of its own.
    expect(mergeEntry(store, unsigned(2, "id-1", 1n, "x")).type).toBe("merged");
  });

  it("counts its bytes, and an author's, through every merge", () => {
    fc.assert(
      fc.property(entries, (list) => {
        const store = storeOf(list, { ...MESH_LIMITS, authorEntries: 3 });
        const held = heldOf(store);
        const bytes = (of: readonly MemoryEntry[]): number => of.reduce((sum, entry) => sum + entry.bytes.length, 0);
        expect(store.bytes).toBe(bytes(held));
        for (const [author, facts] of store.authors) {
          const own = held.filter((entry) => entry.author === author);
          expect(facts).toMatchObject({ bytes: bytes(own) });
          expect(facts.keys.size).toBe(own.length);
        }
        expect(store.trees.reduce((sum, tree) => sum + countIn(tree, ALL), 0)).toBe(held.length);
      }),
    );
  });
});

describe("eviction", () => {
  const entryAt = (index: number, author = index % 4): MemoryEntry =>
    unsigned(author, `id-${index}`, hybridTimeAt(START_MS + index), "x".repeat(index % 7));
  const full = (count: number, limits: Partial<MeshLimits>): Store =>
    storeOf(
      Array.from({ length: count }, (_, index) => entryAt(index)),
      { ...MESH_LIMITS, ...limits },
    );

  it("lets the lowest RΦV below the watermark go first, the oldest of them, and keeps the rest", () => {
    const store = full(101, { entries: 100 });
    const valued = entryAt(1).author;
    const dropped = evict(store, ({ entry }) => (entry.author === valued ? 900_000 : undefined));
    expect(store.entries.size).toBe(87);
    expect(dropped).toHaveLength(14);
    const oldest = Array.from({ length: 101 }, (_, index) => entryAt(index)).filter(({ author }) => author !== valued);
    expect(dropped.map(({ entry }) => entry.digest)).toEqual(oldest.slice(0, 14).map(({ digest }) => digest));
    expect(store.entries.has(`${valued}/id-1`)).toBe(true);
  });

  it("leaves the digest below the watermark, and nothing that went comes back", () => {
    const store = full(120, { entries: 100 });
    const dropped = evict(store, () => undefined);
    for (const { entry } of dropped) {
      expect(mergeEntry(store, entry)).toMatchObject({ type: "refused", reason: "below_watermark" });
      expect(entry.clock).toBeLessThan(store.watermark);
    }
    const whole = full(120, {});
    const range = { from: store.watermark, to: ALL.to };
    for (const [shard, tree] of store.trees.entries()) {
      expect(summaryOf(tree, "", ALL)).toEqual(summaryOf(tree, "", range));
      expect(summaryOf(tree, "", range)).toEqual(summaryOf(whole.trees[shard] ?? tree, "", range));
    }
  });

  it("brings any store under its capacity, by number and by bytes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 8, max: 50 }), (count, entriesMax) => {
        const bytesMax = entriesMax * 90;
        const store = full(count, { entries: entriesMax, bytes: bytesMax });
        const before = store.entries.size;
        const dropped = evict(store, () => undefined);
        expect(store.entries.size).toBeLessThanOrEqual(entriesMax);
        expect(store.bytes).toBeLessThanOrEqual(bytesMax);
        expect(store.entries.size + dropped.length).toBe(before);
        // What comes next is newer, and taken.
        expect(mergeEntry(store, entryAt(count)).type).toBe("merged");
      }),
    );
  });
});
