import fc from "fast-check";
import { expect, test } from "vitest";
import { type Transfer, transferFlags, U128_MAX } from "../codec/transfer.ts";
import { ALICE, aliceIn, BOB, bobIn, execute, FUNDS, idAt, payment, sums, testLedger } from "./test-ledger.ts";
import { systemAccountId, TOKENS } from "./tokens.ts";
import { totalsOf } from "./totals.ts";

/** The same rules written a second time, as plainly as they can be: whole state copied for each chain, no undo. */
type Model = {
  posted: Record<string, bigint>;
  reserved: Record<string, { from: string; to: string; amount: bigint; owner: string; endsMs: number; token: number }>;
  seen: Record<string, string>;
};

type Operation = {
  readonly serial: number;
  readonly token: 1 | 4;
  readonly fromAlice: boolean;
  readonly amount: bigint;
  readonly kind: "pay" | "reserve" | "post" | "void";
  readonly timeout: number;
  readonly target: number;
  readonly linked: boolean;
};

const name = (id: bigint) => id.toString();
const fee = (token: number, amount: bigint) => (token === 4 ? amount / 10n + (amount % 10n === 0n ? 0n : 1n) : 0n);

function modelStep(model: Model, operation: Operation, { signer, nowMs }: { signer: string; nowMs: number }): boolean {
  const { serial, token, fromAlice, amount, kind, timeout, target } = operation;
  const key = JSON.stringify({ ...operation, amount: amount.toString() });
  const id = name(idAt(0, serial));
  if (model.seen[id] !== undefined) return model.seen[id] === key;
  const from = name(fromAlice ? aliceIn(token) : bobIn(token));
  const to = name(fromAlice ? bobIn(token) : aliceIn(token));
  const free = (account: string) =>
    (model.posted[account] ?? 0n) -
    Object.values(model.reserved).reduce((sum, held) => (held.from === account ? sum + held.amount : sum), 0n);
  const move = (payer: string, payee: string, moved: bigint, ledger: number) => {
    const cost = fee(ledger, moved);
    const feeAccount = name(systemAccountId(ledger, "fee"));
    model.posted[payer] = (model.posted[payer] ?? 0n) - moved;
    model.posted[payee] = (model.posted[payee] ?? 0n) + moved - cost;
    model.posted[feeAccount] = (model.posted[feeAccount] ?? 0n) + cost;
  };
  const owner = fromAlice ? ALICE : BOB;
  if (kind === "pay" || kind === "reserve") {
    if (owner !== signer || amount > free(from)) return false;
    if (kind === "pay") move(from, to, amount, token);
    else
      model.reserved[id] = {
        from,
        to,
        amount,
        owner,
        token,
        endsMs: timeout === 0 ? Infinity : nowMs + timeout * 1000,
      };
  } else {
    const pendingId = name(idAt(0, target));
    const held = model.reserved[pendingId];
    if (held === undefined || held.owner !== signer || pendingId === id) return false;
    if (kind === "post" && amount > held.amount) return false;
    delete model.reserved[pendingId];
    if (kind === "post") move(held.from, held.to, amount, held.token);
  }
  model.seen[id] = key;
  return true;
}

function modelBatch(
  model: Model,
  operations: readonly Operation[],
  context: { signer: string; nowMs: number },
): { model: Model; applied: boolean[] } {
  let state = structuredClone(model);
  for (const [id, held] of Object.entries(state.reserved)) if (held.endsMs <= context.nowMs) delete state.reserved[id];
  const applied: boolean[] = [];
  for (let at = 0; at < operations.length; ) {
    let end = at;
    while (operations[end]?.linked) end += 1;
    const chain = operations.slice(at, end + 1);
    const trial = structuredClone(state);
    const good = end < operations.length && chain.every((operation) => modelStep(trial, operation, context));
    if (good) state = trial;
    applied.push(...chain.map(() => good));
    at = end + 1;
  }
  return { model: state, applied };
}

function toTransfer({ serial, token, fromAlice, amount, kind, timeout, target, linked }: Operation): Transfer {
  const flags = linked ? transferFlags.linked : 0;
  const parties = fromAlice
    ? { debit: aliceIn(token), credit: bobIn(token) }
    : { debit: bobIn(token), credit: aliceIn(token) };
  // What the model compares as a whole stands in user data, so that a repeat with other words differs here as well.
  const words = { userData64: BigInt(target), userData32: timeout };
  switch (kind) {
    case "pay":
      return payment(serial, { ...parties, ...words, ledger: token, amount, flags });
    case "reserve":
      return payment(serial, {
        ...parties,
        ...words,
        ledger: token,
        amount,
        timeout,
        flags: flags | transferFlags.pending,
      });
    case "post":
    case "void": {
      const flag = kind === "post" ? transferFlags.postPending : transferFlags.voidPending;
      const none = {
        debit: 0n,
        credit: 0n,
        ledger: 0,
        code: 0,
        userData128: (amount << 8n) | BigInt(token * 2 + Number(fromAlice)),
      };
      const moved = kind === "post" ? amount : 0n;
      return payment(serial, { ...none, ...words, amount: moved, pendingId: idAt(0, target), flags: flags | flag });
    }
  }
}

/** As drawn: how far back an id is repeated (0: a new one) and how far back the pending transfer lies. */
const operation = fc.record({
  again: fc.constantFrom(0, 0, 0, 0, 0, 0, 1, 4),
  token: fc.constantFrom<Operation["token"][]>(1, 4),
  /** Of an account that the batch's signer does not own. */
  stranger: fc.constantFrom(false, false, false, false, false, false, true),
  amount: fc.bigInt({ min: 0n, max: 300n }),
  kind: fc.constantFrom<Operation["kind"][]>("pay", "reserve", "reserve", "post", "post", "void"),
  timeout: fc.constantFrom(0, 1, 3),
  back: fc.integer({ min: 1, max: 5 }),
  linked: fc.constantFrom(false, false, false, true),
});
const batch = fc.record({
  operations: fc.array(operation, { minLength: 1, maxLength: 8, size: "max" }),
  signer: fc.constantFrom(ALICE, BOB),
  laterMs: fc.integer({ min: 1, max: 1_500 }),
});

test("agrees with a naive model on every result and balance, and conserves every token", () => {
  const reached = { applied: 0, chainFailed: 0, posted: 0 };
  fc.assert(
    fc.property(fc.array(batch, { minLength: 5, maxLength: 25, size: "max" }), (batches) => {
      const ledger = testLedger();
      let nowMs = 0;
      let serials = 0;
      let model: Model = { posted: {}, reserved: {}, seen: {} };
      for (const token of [1, 4]) for (const id of [aliceIn(token), bobIn(token)]) model.posted[name(id)] = FUNDS;
      for (const { operations, signer, laterMs } of batches) {
        nowMs += laterMs;
        const drawn = operations.map(({ again, back, stranger, ...fields }): Operation => {
          if (again === 0) serials += 1;
          const serial = Math.max(1, serials - again);
          return { ...fields, fromAlice: (signer === ALICE) !== stranger, serial, target: Math.max(1, serial - back) };
        });
        const results = execute(ledger, drawn.map(toTransfer), { atMs: nowMs, signer });
        const expected = modelBatch(model, drawn, { signer, nowMs });
        model = expected.model;
        expect(results.map((result) => result === "applied" || result === "exists")).toEqual(expected.applied);
        reached.applied += results.filter((result) => result === "applied").length;
        reached.chainFailed += results.filter((result) => result === "linked_event_failed").length;
      }
      reached.posted += [...ledger.resolutions.values()].filter((resolution) => resolution === "posted").length;
      for (const token of [1, 4])
        for (const id of [aliceIn(token), bobIn(token), systemAccountId(token, "fee")]) {
          const { d, c, dp } = sums(ledger, id);
          const held = Object.values(model.reserved).reduce(
            (sum, { from, amount }) => (from === name(id) ? sum + amount : sum),
            0n,
          );
          expect([c - d, dp]).toEqual([model.posted[name(id)] ?? 0n, held]);
          expect(d + dp <= c).toBe(true);
        }
      for (const totals of Object.values(totalsOf(ledger))) {
        expect(totals.held).toBe(totals.issued - totals.burned);
        expect(totals.debitsPosted).toBe(totals.creditsPosted);
        expect(totals.debitsPending).toBe(totals.creditsPending);
      }
      expect(balancesFromJournal(ledger.journal)).toEqual(movedBalances(ledger));
    }),
    { numRuns: 300 },
  );
  // Random input that reaches none of the interesting cases would prove nothing.
  expect(reached.applied).toBeGreaterThan(300);
  expect(reached.chainFailed).toBeGreaterThan(100);
  expect(reached.posted).toBeGreaterThan(100);
});

type Entries = ReturnType<typeof testLedger>["journal"];

/** Every balance again, from the journal alone. */
function balancesFromJournal(journal: Entries): Map<bigint, bigint> {
  const balances = new Map<bigint, bigint>();
  const add = (id: bigint, change: bigint) => balances.set(id, (balances.get(id) ?? 0n) + change);
  for (const { kind, debit, credit, amount } of journal) {
    if (kind === "pending" || kind === "void" || kind === "expire") continue;
    add(debit, -amount);
    add(credit, amount);
  }
  return new Map([...balances].filter(([, balance]) => balance !== 0n).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function movedBalances(ledger: ReturnType<typeof testLedger>): Map<bigint, bigint> {
  const start = new Map([1, 4].flatMap((token) => [[aliceIn(token), FUNDS] as const, [bobIn(token), FUNDS] as const]));
  const ids = [...start.keys(), systemAccountId(1, "fee"), systemAccountId(TOKENS.PSY, "fee")];
  const moved = ids.map((id) => [id, sums(ledger, id).c - sums(ledger, id).d - (start.get(id) ?? 0n)] as const);
  return new Map(moved.filter(([, balance]) => balance !== 0n).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

test("sums never pass 128 bits", () => {
  const ledger = testLedger();
  const rich = ledger.accounts.get(aliceIn(1));
  const poor = ledger.accounts.get(bobIn(1));
  if (rich === undefined || poor === undefined) throw new Error("accounts are missing");
  rich.creditsPosted = U128_MAX;
  expect(execute(ledger, [payment(1, { amount: U128_MAX })])).toEqual(["overflows_credits"]);
  expect(execute(ledger, [payment(2, { amount: U128_MAX - FUNDS })])).toEqual(["applied"]);
  expect(execute(ledger, [payment(3, { debit: bobIn(1), credit: aliceIn(1), amount: 1n })], { signer: BOB })).toEqual([
    "overflows_credits",
  ]);
});
