import { expect, test } from "vitest";
import { orderViolations } from "./real-time.ts";

const invoke = (process: number) => ({ process, type: "invoke", f: "transfer", value: { moves: [] } });
const ok = (process: number, height: number) => ({ process, type: "ok", value: { height, failures: [] } });
const ended = (process: number) => ({ process, type: "info", value: { reason: "ended" } });
const details = (...values: readonly object[]) =>
  orderViolations(values.map((value) => `${JSON.stringify(value)}\n`).join("")).map(({ detail }) => detail);

test("batches one after the other stand in blocks one above the other", () => {
  expect(details(invoke(1), ok(1, 5), invoke(1), ok(1, 6), invoke(2), ok(2, 9))).toEqual([]);
});

test("a batch that was made after an answer cannot stand in that block, nor below", () => {
  expect(details(invoke(1), ok(1, 5), invoke(2), ok(2, 5))).toEqual([
    "asked at line 3, executed at height 5; height 5 was answered before, at line 2",
  ]);
  expect(details(invoke(1), ok(1, 5), invoke(2), ok(2, 4), invoke(3), ok(3, 5))).toHaveLength(2);
});

test("batches that were under way together may stand in any order", () => {
  expect(details(invoke(1), invoke(2), ok(1, 5), ok(2, 4), invoke(3), ok(3, 6))).toEqual([]);
  expect(details(invoke(1), invoke(2), ok(2, 5), ok(1, 5))).toEqual([]);
});

test("what was refused or never answered says nothing", () => {
  expect(details(invoke(1), { ...ended(1), type: "fail" }, invoke(1), ended(1), invoke(2), ok(2, 1))).toEqual([]);
});

test("histories with numbered operations are read too", () => {
  const line = (op: number, type: string, height?: number) => ({ process: "p", op, type, height });
  expect(
    details(line(1, "invoke"), line(2, "invoke"), line(1, "ok", 5), line(3, "invoke"), line(3, "ok", 5)),
  ).toHaveLength(1);
});

test("a flood is cut, and says how much", () => {
  const many = Array.from({ length: 9 }, () => [invoke(2), ok(2, 1)]).flat();
  expect(details(invoke(1), ok(1, 5), ...many).at(-1)).toBe("and 4 more");
});
