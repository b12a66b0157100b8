import { expect, test } from "vitest";
import type { Account, Entry, NodeBooks, Promises } from "./books.ts";
import { type CheckInput, findViolations } from "./check.ts";

const ISSUANCE = 1n;
const STAKE_ISSUANCE = 2n;
const BOND = 4n;
const TREASURY = (1n << 64n) + 1n;
const ALICE = TREASURY + 1n;
const genesis = { accounts: [{ id: TREASURY, ledger: 1, balance: 1000n }], bonds: 40n };

const entry = (position: number, over: Partial<Entry> = {}): Entry => ({
  id: BigInt(position),
  debit: TREASURY,
  credit: ALICE,
  amount: 10n,
  position,
  height: position,
  ledger: 1,
  kind: "transfer",
  pendingId: 0n,
  ...over,
});
/** What genesis issues, at the head of every journal; users' entries follow from position 3 on. */
const issues = [
  entry(1, { kind: "issue", height: 0, id: BOND, debit: STAKE_ISSUANCE, credit: BOND, amount: 40n, ledger: 3 }),
  entry(2, { kind: "issue", height: 0, id: TREASURY, debit: ISSUANCE, credit: TREASURY, amount: 1000n }),
];
const journal = (...entries: readonly Entry[]) => [...issues, ...entries];
const account = (id: bigint, debitsPosted: bigint, creditsPosted: bigint): Account => ({
  id,
  ledger: 1,
  debitsPending: 0n,
  debitsPosted,
  creditsPending: 0n,
  creditsPosted,
});
const system = [account(ISSUANCE, 1000n, 0n), account(STAKE_ISSUANCE, 40n, 0n), account(BOND, 0n, 40n)];
const books = (...accounts: readonly Account[]) => [...system, ...accounts];
const asked = ({ id, debit, credit, amount }: Entry) => ({ id, debit, credit, amount });

const node = (validator: number, over: Partial<NodeBooks> = {}): NodeBooks => ({
  validator,
  version: "1.1.0",
  chainId: "c",
  entries: journal(entry(3), entry(4)),
  accounts: books(account(TREASURY, 20n, 1000n), account(ALICE, 0n, 20n)),
  heads: [
    { height: 32, resultsHash: "r32", stateRoot: "s32" },
    { height: 40, resultsHash: "r40", stateRoot: undefined },
  ],
  ...over,
});
const promises = (over: Partial<Promises> = {}): Promises => ({
  acknowledged: [asked(entry(3)), asked(entry(4))],
  refused: [],
  unanswered: [],
  ...over,
});
const input = (over: Partial<CheckInput> = {}, second: Partial<NodeBooks> = {}): CheckInput => ({
  promises: promises(),
  genesis,
  nodes: [node(0), node(1, second)],
  commonHeight: 1_000,
  wanted: { validators: 2, version: "1.1.0" },
  ...over,
});
const kinds = (given: CheckInput) =>
  findViolations(given).map((violation) => `${violation.kind}@${violation.validator}`);

test("good books have no violation", () => {
  expect(findViolations(input())).toEqual([]);
});

test("an unanswered transfer may have happened or not", () => {
  const with2 = promises({ acknowledged: [asked(entry(3))], unanswered: [asked(entry(4)), asked(entry(5))] });
  expect(findViolations(input({ promises: with2 }))).toEqual([]);
});

// Each kind of violation, made by hand, must be found, and named with the validator that shows it.
test.each<[string, CheckInput, string[]]>([
  [
    "an acknowledged transfer is gone everywhere",
    input({ promises: promises({ acknowledged: [asked(entry(3)), asked(entry(4)), asked(entry(5))] }) }),
    ["lost@0", "lost@1"],
  ],
  [
    "an acknowledged transfer is gone on one node",
    input({}, { entries: journal(entry(3)), accounts: books(account(TREASURY, 10n, 1000n), account(ALICE, 0n, 10n)) }),
    ["lost@1", "journals-differ@1"],
  ],
  [
    "a transfer has another amount than was asked for",
    input({ promises: promises({ acknowledged: [asked(entry(3)), { ...asked(entry(4)), amount: 11n }] }) }),
    ["changed@0", "changed@1"],
  ],
  [
    "an unanswered transfer has another creditor than was asked for",
    input({
      promises: promises({ acknowledged: [asked(entry(3))], unanswered: [{ ...asked(entry(4)), credit: 7n }] }),
    }),
    ["changed@0", "changed@1"],
  ],
  [
    "a refused transfer was applied",
    input({ promises: promises({ acknowledged: [asked(entry(3))], refused: [asked(entry(4))] }) }),
    ["refused-but-applied@0", "refused-but-applied@1"],
  ],
  [
    "a transfer that nobody asked for",
    input({ promises: promises({ acknowledged: [asked(entry(3))] }) }),
    ["unexpected@0", "unexpected@1"],
  ],
  [
    "an id stands twice in the journal",
    input(
      {},
      {
        entries: journal(entry(3), entry(4), entry(5, { id: 4n })),
        accounts: books(account(TREASURY, 30n, 1000n), account(ALICE, 0n, 30n)),
      },
    ),
    ["twice@1", "journals-differ@1"],
  ],
  ["the journal has a hole", input({}, { entries: journal(entry(3), entry(5, { id: 4n, height: 4 })) }), ["gap@1"]],
  [
    "a balance is off by one",
    input({}, { accounts: books(account(TREASURY, 20n, 1000n), account(ALICE, 0n, 21n)) }),
    ["balance@1"],
  ],
  ["an account is missing", input({}, { accounts: books(account(TREASURY, 20n, 1000n)) }), ["balance@1"]],
  [
    "an account out of nowhere",
    input({}, { accounts: books(account(TREASURY, 20n, 1000n), account(ALICE, 0n, 20n), account(ALICE + 1n, 0n, 5n)) }),
    ["balance@1"],
  ],
  [
    "another results hash",
    input(
      {},
      {
        heads: [
          { height: 32, resultsHash: "r32", stateRoot: "s32" },
          { height: 40, resultsHash: "x", stateRoot: undefined },
        ],
      },
    ),
    ["results-hash@1"],
  ],
  [
    "another state root",
    input(
      {},
      {
        heads: [
          { height: 32, resultsHash: "r32", stateRoot: "x" },
          { height: 40, resultsHash: "r40", stateRoot: undefined },
        ],
      },
    ),
    ["state-root@1"],
  ],
  [
    "money out of nothing",
    input(
      {},
      {
        entries: journal(entry(3), entry(4), entry(5, { kind: "issue", id: ALICE, debit: ISSUANCE, amount: 7n })),
        accounts: [
          account(ISSUANCE, 1007n, 0n),
          ...system.slice(1),
          account(TREASURY, 20n, 1000n),
          account(ALICE, 0n, 27n),
        ],
      },
    ),
    ["issue@1", "issue@1", "journals-differ@1"],
  ],
  ["another genesis", input({ genesis: { accounts: genesis.accounts, bonds: 41n } }), ["issue@0", "issue@1"]],
  ["another chain", input({}, { chainId: "d" }), ["chain@1"]],
  ["another version", input({}, { version: "1.2.0" }), ["release@1"]],
  ["a validator that was not read", input({ wanted: { validators: 3, version: "1.1.0" } }), ["release@undefined"]],
  [
    "a token whose rules this check does not know",
    input(
      {},
      {
        entries: journal(entry(3), entry(4, { ledger: 4 })),
        accounts: books(account(TREASURY, 10n, 1000n), account(ALICE, 0n, 10n)),
      },
    ),
    ["unsupported@1", "journals-differ@1"],
  ],
])("%s", (_what, given, expected) => {
  expect(kinds(given)).toEqual(expected);
});

test("two-phase transfers are recomputed: posted in part, voided, still open", () => {
  const entries = journal(
    entry(3, { kind: "pending", amount: 30n }),
    entry(4, { kind: "post", amount: 20n, pendingId: 3n }),
    entry(5, { kind: "pending", amount: 5n }),
    entry(6, { kind: "void", amount: 5n, pendingId: 5n }),
    entry(7, { kind: "pending", amount: 7n }),
  );
  const accounts = books(
    { ...account(TREASURY, 20n, 1000n), debitsPending: 7n },
    { ...account(ALICE, 0n, 20n), creditsPending: 7n },
  );
  const given = input({
    promises: promises({ acknowledged: entries.slice(issues.length).map(asked) }),
    nodes: [node(0, { entries, accounts }), node(1, { entries, accounts })],
  });
  expect(findViolations(given)).toEqual([]);
});

test("a flood of violations of one kind is cut, and says how many were cut", () => {
  const many = Array.from({ length: 12 }, (_, index) => asked(entry(index + 1)));
  const found = findViolations(input({ promises: promises({ acknowledged: many }) })).filter(
    (one) => one.validator === 0,
  );
  expect(found.map((one) => one.kind)).toEqual(Array(6).fill("lost"));
  expect(found.at(-1)?.detail).toBe("and 5 more");
});

test("a mint comes from the token's issuance account, or for ATR its pool, to a validator's own account, each share once", () => {
  const owner = (validator: number, ledger: number) => (1n << 32n) + BigInt(8 * validator + ledger);
  const mint = (position: number, over: Partial<Entry> = {}) =>
    entry(position, { kind: "mint", id: 77n, ledger: 2, debit: 513n, credit: owner(1, 2), amount: 5n, ...over });
  const minted = (...mints: readonly Entry[]) => {
    const entries = journal(entry(3), entry(4), ...mints);
    const sums = new Map<bigint, { debits: bigint; credits: bigint }>();
    const at = (id: bigint) => sums.get(id) ?? { debits: 0n, credits: 0n };
    for (const { debit, credit, amount } of entries) {
      sums.set(debit, { ...at(debit), debits: at(debit).debits + amount });
      sums.set(credit, { ...at(credit), credits: at(credit).credits + amount });
    }
    const accounts = [...sums].map(([id, { debits, credits }]) => account(id, debits, credits));
    return input({ nodes: [node(0, { entries, accounts }), node(1, { entries, accounts })] });
  };
  const pooled = { kind: "mint_pool", ledger: 3, debit: 774n, credit: owner(1, 3) };
  expect(
    findViolations(minted(mint(5), mint(6, { ledger: 1, debit: 257n, credit: owner(0, 1) }), mint(7, pooled))),
  ).toEqual([]);
  for (const wrong of [
    { debit: TREASURY },
    { credit: ALICE },
    { credit: owner(1, 1) },
    { ...pooled, ledger: 2, credit: owner(1, 2), debit: 518n },
  ])
    expect(kinds(minted(mint(5, wrong)))).toEqual(["issue@0", "issue@1"]);
  expect(findViolations(minted(mint(5), mint(6)))[0]?.detail).toContain("twice");

  // Who is read later may have minted meanwhile: behind the common height journals need not be level.
  const [later] = minted(mint(5, { height: 41 })).nodes;
  if (later === undefined) throw new Error("a minting network has nodes");
  const uneven = { nodes: [node(0), { ...later, validator: 1 }] };
  expect(kinds(input({ ...uneven, commonHeight: 40 }))).toEqual([]);
  expect(kinds(input({ ...uneven, commonHeight: 41 }))).toEqual(["journals-differ@1"]);
});
