import { expect, test } from "vitest";
import { parseHistory } from "./history.ts";

const lines = (...values: readonly object[]) => values.map((value) => `${JSON.stringify(value)}\n`).join("");
const transfer = (op: number, over: object = {}) => ({
  process: "p",
  op,
  type: "invoke",
  atNs: "1",
  f: "transfer",
  number: 7,
  firstId: String(op * 100),
  base: "1000",
  accounts: 4,
  count: 2,
  ...over,
});
const ok = (op: number, ...failures: readonly object[]) => ({
  process: "p",
  op,
  type: "ok",
  height: 1,
  target: 0,
  failures,
});
const ids = (transfers: readonly { id: bigint }[]) => transfers.map((one) => Number(one.id));

test("planned payments are computed from the number of their batch", () => {
  // N = 4, number 7: round 1, payer 3; index 0 pays (3 + 1 + 1 mod 3) mod 4 = 1, index 1 pays (3 + 1 + 2 mod 3) mod 4 = 2.
  expect(parseHistory(lines(transfer(1), ok(1))).acknowledged).toEqual([
    { id: 100n, debit: 1003n, credit: 1001n, amount: 2n },
    { id: 101n, debit: 1003n, credit: 1002n, amount: 3n },
  ]);
});

test("funding goes from the payer to consecutive accounts; opening accounts moves nothing that was asked for", () => {
  const open = { process: "p", op: 1, type: "invoke", f: "open", base: "1000", count: 2, payer: "9" };
  const fund = {
    process: "p",
    op: 2,
    type: "invoke",
    f: "fund",
    firstId: "50",
    base: "1000",
    count: 2,
    payer: "9",
    amount: "30",
  };
  expect(parseHistory(lines(open, ok(1), fund, ok(2))).acknowledged).toEqual([
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
      ok(1, { index: 1, code: "exceeds_credits" }),
      { process: "p", op: 2, type: "fail", reason: "malformed" },
      { process: "p", op: 3, type: "info", reason: "ended" },
      ok(4, { index: 0, code: "id_expired" }),
    ),
  );
  expect(ids(history.acknowledged)).toEqual([100, 401]);
  expect(ids(history.refused)).toEqual([101, 200, 201]);
  expect(ids(history.unanswered)).toEqual([300, 301, 400, 500, 501]);
  expect(history.open).toBe(1);
});

test("batches of a process that is gone are unanswered, and nobody waits for them", () => {
  const history = parseHistory(
    lines(transfer(1), transfer(1, { process: "q", firstId: "900" }), { ...ok(1), process: "q" }),
  );
  expect(ids(history.unanswered)).toEqual([100, 101]);
  expect(ids(history.acknowledged)).toEqual([900, 901]);
  expect(history.open).toBe(0);
});

test("a line that cannot be read is an error, as it may hold a promise", () => {
  expect(() => parseHistory('{"process":"p","op":1\n')).toThrow("line 1 of the history is not JSON");
  expect(() => parseHistory(lines({ process: "p", op: 1, type: "maybe" }))).toThrow("line 1 of the history");
});
