import { expect, test } from "vitest";
import { createCache } from "./cache.ts";
import type { Item } from "./resource.ts";

const item = (name: string, of: string, version: string): Item =>
  ({ metadata: { name, namespace: "n", uid: name, resourceVersion: version, labels: { of } } }) as Item;
const names = (items: readonly Item[]) => items.map(({ metadata }) => `${metadata.name}@${metadata.resourceVersion}`);

test("a list is the very same one until an object of it changes, and never an old one", () => {
  const cache = createCache({ index: ({ metadata }) => [metadata.labels?.of ?? ""] });
  cache.set(item("b", "x", "1"));
  cache.set(item("a", "x", "2"));
  cache.set(item("c", "y", "3"));
  const [x, y, all] = [cache.indexed("x"), cache.indexed("y"), cache.items()];
  expect(names(x)).toEqual(["a@2", "b@1"]);
  expect([cache.indexed("x"), cache.items()]).toEqual([x, all]);
  expect(cache.indexed("x")).toBe(x);
  expect(cache.items()).toBe(all);

  cache.set(item("a", "x", "4"));
  expect(names(cache.indexed("x"))).toEqual(["a@4", "b@1"]);
  expect(cache.indexed("y")).toBe(y);
  expect(names(cache.items())).toContain("a@4");

  // From one list into the other.
  cache.set(item("b", "y", "5"));
  expect([names(cache.indexed("x")), names(cache.indexed("y"))]).toEqual([["a@4"], ["b@5", "c@3"]]);

  cache.remove(item("a", "x", "6"));
  expect(cache.indexed("x")).toEqual([]);
  cache.replace([item("c", "y", "7")], "8");
  expect([names(cache.indexed("y")), names(cache.items())]).toEqual([["c@7"], ["c@7"]]);
});
