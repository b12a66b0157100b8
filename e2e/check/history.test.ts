import { expect, test } from "vitest";
import { parseHistory } from "./history.ts";

const lines = (...values: readonly object[]) => values.map((value) => `${JSON.stringify(value)}\n`).join("");
const RUN = 3_000_000;
const transfer = (process: number, over: object = {}) => ({
  process: RUN + process,
  type: "invoke",
  f: "transfer",
  value: {
    firstId: String(process * 100),
    base: "1000",
    moves: [
      [3, 1, 2],
      [3, 2, 3],
    ],
  },
  time: 1,
  ...over,
});
const ok = (process: number, ...failures: readonly unknown[]) => ({
  process: RUN + process,
  type: "ok",
  f: "transfer",
  value: { height: 1, target: 0, failures },
  time: 2,
});
const ended = (process: number, type: "fail" | "info") => ({
  ...ok(process),
  type,
  value: { reason: "ended" },
});
const ids = (transfers: readonly { id: bigint }[]) => transfers.map((one) => Number(one.id));

test("a batch's moves are between accounts counted from the base, with ids counted from the first", () => {
  expect(parseHistory(lines(transfer(1), ok(1))).acknowledged).toEqual([
    { id: 100n, debit: 1003n, credit: 1001n, amount: 2n },
    { id: 101n, debit: 1003n, credit: 1002n, amount: 3n },
  ]);
});

test("funding goes from the payer to consecutive accounts; opening accounts moves nothing that was asked for", () => {
  const open = { process: RUN + 1, type: "invoke", f: "open", value: { base: "1000", count: 2, payer: "9" } };
  const value = { firstId: "50", base: "1000", count: 2, payer: "9", amount: "30" };
  const fund = { process: RUN + 1, type: "invoke", f: "fund", value };
  expect(parseHistory(lines(open, ok(1), fund, ok(1))).acknowledged).toEqual([
    { id: 50n, debit: 9n, credit: 1000n, amount: 30n },
    { id: 51n, debit: 9n, credit: 1001n, amount: 30n },
  ]);
});

test("answers sort transfers into acknowledged, refused and unanswered", () => {
  const history = parseHistory(
    lines(
      transfer(1),
      transfer(2),
      transfer(3),
      transfer(4),
      transfer(5),
      ok(1, [1, "exceeds_credits"]),
      ended(2, "fail"),
      ended(3, "info"),
      ok(4, [0, "id_expired"]),
    ),
  );
  expect(ids(history.acknowledged)).toEqual([100, 401]);
  expect(ids(history.refused)).toEqual([101, 200, 201]);
  expect(ids(history.unanswered)).toEqual([300, 301, 400, 500, 501]);
  expect(history.open).toBe(1);
});

test("batches of a run that is gone are unanswered, and nobody waits for them", () => {
  const later = { process: RUN + 1_000_000 };
  const asked = { ...transfer(9), ...later };
  const history = parseHistory(lines(transfer(1), asked, { ...ok(1), ...later }));
  expect(ids(history.unanswered)).toEqual([100, 101]);
  expect(ids(history.acknowledged)).toEqual([900, 901]);
  expect(history.open).toBe(0);
});

test("a process asks one thing at a time", () => {
  const reading = (...values: object[]) => parseHistory(lines(...values));
  expect(() => reading(transfer(1), transfer(1))).toThrow("is not done yet");
  expect(() => reading(transfer(1), ok(2))).toThrow("has asked nothing");
  expect(reading(transfer(1), ok(1), transfer(1), ok(1)).acknowledged).toHaveLength(4);
});

test("a line that cannot be read is an error, as it may hold a promise", () => {
  expect(() => parseHistory('{"process":1,"type":\n')).toThrow("line 1 of the history is not JSON");
  expect(() => parseHistory(lines({ process: 1, type: "maybe" }))).toThrow("line 1 of the history");
});
