import { expect, test } from "vitest";
import type { Hex } from "../base/bytes.ts";
import { seededRandom } from "../base/random.ts";
import { accountFlags, signAccountRecord } from "../codec/account.ts";
import { type BatchType, encodeBatch } from "../codec/batch.ts";
import { encodeTransfers, newTransfer, type Transfer, transferFlags } from "../codec/transfer.ts";
import { IDS_MAX } from "../ledger/known-ids.ts";
import { ACCOUNT_FEE, systemAccountId, TOKENS } from "../ledger/tokens.ts";
import {
  accountOf,
  accountsAfter,
  admitBatch,
  type Chain,
  chainId,
  checkpointOf,
  executeBlock,
  headOf,
  heightOf,
  lastBlockTimeOf,
  resultsHashOf,
  totalsOf,
} from "./chain.ts";
import { HEADS_KEPT } from "./heads.ts";
import { LIVE_STREAMS_MAX } from "./streams.ts";
import { atMs, blockAt, execute } from "./test-chain.ts";
import { keyOf, publicKeyOf, TREASURY, testChain } from "./test-genesis.ts";
import { journalOf, transferOf } from "./test-journal.ts";
import type { BlockOutcome } from "./types.ts";

const idAt = (offset: number, serial: number) => (BigInt(atMs(offset)) << 80n) | BigInt(serial);
const ALICE = TREASURY + 1_000n;
const INTERVAL_MS = 10_000;

type BatchFields = { type?: BatchType; sequence?: number; stream?: number; expiry?: number; key?: string; chain?: Hex };
const batchOf = (chain: Chain, payload: Uint8Array, fields: BatchFields = {}): Uint8Array =>
  encodeBatch({
    type: fields.type ?? "transfers",
    payload,
    chainId: fields.chain ?? chainId(chain),
    keyPair: keyOf(fields.key ?? "treasury"),
    stream: BigInt(fields.stream ?? 1),
    sequence: BigInt(fields.sequence ?? 1),
    expiryMs: atMs(fields.expiry ?? 100_000),
  });

const openAlice = (chain: Chain, fields: BatchFields = {}): Uint8Array =>
  batchOf(
    chain,
    signAccountRecord({
      record: {
        id: ALICE,
        payer: TREASURY,
        userData128: 0n,
        userData64: 0n,
        userData32: 0,
        ledger: TOKENS.FLX,
        code: 1,
        flags: accountFlags.debitsMustNotExceedCredits,
        ownerKey: publicKeyOf("alice"),
      },
      chainId: fields.chain ?? chainId(chain),
      owner: keyOf("alice"),
    }),
    { type: "accounts", ...fields },
  );

const pay = (serial: number, fields: Partial<Transfer> = {}): Transfer =>
  newTransfer({ id: idAt(0, serial), debit: TREASURY, credit: ALICE, amount: 5n, ledger: 1, code: 1, ...fields });

test("opens an account for its fee and pays into it; the journal and the totals tell it all", () => {
  const chain = testChain();
  const opened = execute(chain, 1, openAlice(chain));
  expect(opened.outcomes).toEqual([{ count: 1, failures: [] }]);
  const paid = execute(
    chain,
    2,
    batchOf(chain, encodeTransfers([pay(1), pay(2, { amount: 10n ** 18n })]), { sequence: 2 }),
  );
  expect(paid.outcomes).toEqual([{ count: 2, failures: [{ index: 1, code: "exceeds_credits" }] }]);
  expect(paid.applied).toBe(1);
  expect(accountOf(chain, ALICE)).toMatchObject({ creditsPosted: 5n, owner: publicKeyOf("alice") });
  expect(transferOf(chain, idAt(0, 1))).toMatchObject({ height: 2, amount: 5n });
  const journal = journalOf(chain);
  expect(journal.map(({ position }) => position)).toEqual(journal.map((_, index) => index + 1));
  expect(journal.slice(-2)).toMatchObject([
    { kind: "account_fee", id: ALICE, amount: ACCOUNT_FEE, height: 1 },
    { kind: "transfer", id: idAt(0, 1), amount: 5n, height: 2 },
  ]);
  for (const totals of Object.values(totalsOf(chain))) expect(totals.held).toBe(totals.issued - totals.burned);
  expect(totalsOf(chain).ATR.held).toBe(1_000_000_000_000n + 4n * 1_000_000_000n);
  const page = accountsAfter(chain, TREASURY, 2).map(({ id }) => id);
  expect(page).toEqual([TREASURY + 1n, TREASURY + 2n]);
});

test("a block's outcome says what the journal has to keep of it", () => {
  const chain = testChain();
  const opened = execute(chain, 1, openAlice(chain));
  const batches = [batchOf(chain, encodeTransfers([pay(1), pay(2)]), { sequence: 2 }), new Uint8Array(5)];
  const paid = execute(
    chain,
    2,
    ...batches,
    batchOf(chain, encodeTransfers([pay(3, { code: 0 }), pay(4)]), { sequence: 3 }),
  );
  expect(paid.journal.first).toBe(opened.journal.first + 1);
  expect(paid.journal.count).toBe(3);
  expect(
    journalOf(chain)
      .slice(paid.journal.first - 1)
      .map(({ id }) => id),
  ).toEqual([1, 2, 4].map((n) => idAt(0, n)));
  expect(transferOf(chain, idAt(0, 3))).toBeUndefined();
});

test("a batch that would remember too many ids is refused as a whole and takes no sequence", () => {
  const chain = testChain();
  execute(chain, 1, openAlice(chain));
  const batch = batchOf(chain, encodeTransfers([pay(1), pay(2)]), { sequence: 2 });
  const { ids } = chain.ledger;
  ids.count += IDS_MAX - 1;
  expect(execute(chain, 2, batch)).toMatchObject({ applied: 0, outcomes: [{ refused: "ids_exhausted" }] });
  ids.count -= IDS_MAX - 1;
  expect(execute(chain, 3, batch)).toMatchObject({ applied: 2, outcomes: [{ count: 2, failures: [] }] });
});

test("an account needs its owner's signature and its payer's", () => {
  const chain = testChain();
  const stolen = openAlice(chain, { key: "thief" });
  const other = testChain({ network: "other" });
  const replayed = openAlice(other).slice(192);
  const outcomes = execute(chain, 1, stolen, batchOf(chain, replayed, { type: "accounts" })).outcomes;
  expect(outcomes).toEqual([
    { count: 1, failures: [{ index: 0, code: "signer_not_owner" }] },
    { count: 1, failures: [{ index: 0, code: "owner_signature_invalid" }] },
  ]);
  expect(accountOf(chain, ALICE)).toBeUndefined();
});

const broken = (bytes: Uint8Array, at: number): Uint8Array =>
  bytes.map((byte, index) => (index === at ? byte ^ 1 : byte));

test("admission and execution refuse the same bad batches, and nothing changes", () => {
  const chain = testChain();
  const payload = encodeTransfers([pay(1)]);
  const good = batchOf(chain, payload);
  const bad: [reason: string, batch: Uint8Array][] = [
    ["batch_malformed", new Uint8Array(3)],
    ["batch_version_unknown", broken(good, 5)],
    ["batch_type_unknown", good.map((byte, index) => (index === 4 ? 9 : byte))],
    ["wrong_chain", batchOf(chain, payload, { chain: "ab".repeat(32) })],
    ["expired", batchOf(chain, payload, { expiry: 0 })],
    ["expiry_too_far", batchOf(chain, payload, { expiry: 600_002 })],
    ["payload_hash_differs", broken(good, good.length - 1)],
    ["signature_invalid", broken(good, 130)],
    ["signature_invalid", broken(good, 75)],
  ];
  for (const [reason, batch] of bad) expect(admitBatch(chain, batch, atMs(1))).toMatchObject({ ok: false, reason });
  // No car is taken with a payload that its header does not name, so none is in a block (`parseCar`).
  const inBlocks = bad.filter(([reason]) => reason !== "payload_hash_differs");
  const { outcomes, applied } = execute(chain, 1, ...inBlocks.map(([, batch]) => batch));
  expect(outcomes).toEqual(inBlocks.map(([refused]) => ({ refused })));
  expect(applied).toBe(0);
  expect(admitBatch(chain, good, atMs(1))).toMatchObject({ ok: true, value: { count: 1 } });
  expect(admitBatch(chain, good, atMs(1))).not.toHaveProperty("value.executed");
});

test("a repeat is executed once and gets the stored result until it expires", () => {
  const chain = testChain();
  const first = execute(chain, 1, openAlice(chain));
  const batch = batchOf(chain, encodeTransfers([pay(1), pay(2, { code: 0 })]), { sequence: 2, expiry: 50 });
  const { outcomes, applied } = execute(chain, 2, batch, batch);
  expect(applied).toBe(1);
  expect(outcomes[1]).toEqual(outcomes[0]);
  const executed = { height: 2, outcome: outcomes[0] };
  expect(admitBatch(chain, batch, atMs(50))).toMatchObject({ ok: true, value: { executed } });
  expect(admitBatch(chain, batch, atMs(51))).toMatchObject({ ok: false, reason: "expired" });
  const later = execute(chain, 60, batch);
  expect(later.outcomes).toEqual([{ refused: "expired" }]);
  expect(accountOf(chain, ALICE)?.creditsPosted).toBe(5n);
  expect(first.height).toBe(1);
});

test("a sequence is taken once, in a window below the highest", () => {
  const chain = testChain();
  execute(chain, 1, openAlice(chain));
  const at = (sequence: number, serial: number) =>
    batchOf(chain, encodeTransfers([pay(serial)]), { sequence, stream: 7 });
  const applied = { count: 1, failures: [] };
  expect(execute(chain, 2, at(5_000, 1), at(905, 2), at(904, 3), at(905, 4)).outcomes).toEqual([
    applied,
    applied,
    { refused: "sequence_too_old" },
    { refused: "sequence_taken" },
  ]);
  expect(admitBatch(chain, at(904, 5), atMs(2))).toMatchObject({ ok: false, reason: "sequence_too_old" });
  expect(admitBatch(chain, at(905, 6), atMs(2))).toMatchObject({ ok: false, reason: "sequence_taken" });
});

test("a key has so many live streams, and a stream dies with its last batch", () => {
  const chain = testChain();
  const inStream = (stream: number, expiry: number) =>
    batchOf(chain, encodeTransfers([pay(stream)]), { stream, expiry });
  const batches = Array.from({ length: LIVE_STREAMS_MAX + 1 }, (_, stream) => inStream(stream, stream === 3 ? 20 : 90));
  const { outcomes } = execute(chain, 1, ...batches);
  expect(outcomes.slice(0, -1).every((outcome) => "count" in outcome)).toBe(true);
  expect(outcomes.at(-1)).toEqual({ refused: "too_many_streams" });
  expect(execute(chain, 20, inStream(99, 90)).outcomes).toEqual([{ refused: "too_many_streams" }]);
  expect(execute(chain, 21, inStream(99, 90)).outcomes).toMatchObject([{ count: 1 }]);
});

/** Random batches of a seed: the same for every chain that it is asked for. */
function randomRun(chain: Chain, seed: number, blocks: number): BlockOutcome[] {
  const random = seededRandom(BigInt(seed));
  const { pending, postPending, linked } = transferFlags;
  const outcomes = [execute(chain, 1, openAlice(chain))];
  let serial = 0;
  for (let block = 1; block < blocks; block++) {
    const batches = Array.from({ length: random.below(3) }, () => {
      const records = Array.from({ length: 1 + random.below(4) }, () => {
        serial += 1;
        const flags = random.pick([0, 0, 0, pending, postPending, linked]);
        const target = idAt(0, 1 + random.below(serial));
        return pay(random.oneIn(9) ? serial - 1 || 1 : serial, {
          flags,
          amount: BigInt(random.below(1_000)),
          ...(flags === pending ? { timeout: random.below(3) } : {}),
          ...(flags === postPending ? { pendingId: target, debit: 0n, credit: 0n, ledger: 0, code: 0 } : {}),
        });
      });
      return batchOf(chain, encodeTransfers(records), { sequence: 10 + serial, stream: random.below(3) });
    });
    outcomes.push(execute(chain, 1 + block * 300, ...batches));
  }
  return outcomes;
}

test("two chains that execute the same blocks are equal to the last digit", () => {
  const [one, two] = [testChain(), testChain()];
  const blocks = 120;
  expect(randomRun(one, 42, blocks)).toEqual(randomRun(two, 42, blocks));
  expect(checkpointOf(one)).toEqual(checkpointOf(two));
  expect(checkpointOf(one).height).toBe(103);
  const third = testChain();
  randomRun(third, 43, blocks);
  expect(checkpointOf(third).stateRoot).not.toBe(checkpointOf(one).stateRoot);
  expect(resultsHashOf(third)).not.toBe(resultsHashOf(one));
});

test("the state root sees what the results do not: an amount, a timer, a time", () => {
  const rootAfter = (fields: Partial<Transfer>, offset = 2): Hex => {
    const chain = testChain();
    execute(chain, 1, openAlice(chain), batchOf(chain, encodeTransfers([pay(1, fields)]), { sequence: 2 }));
    execute(chain, INTERVAL_MS + offset);
    return checkpointOf(chain).stateRoot;
  };
  const plain = rootAfter({});
  expect(rootAfter({})).toBe(plain);
  const { pending } = transferFlags;
  const others = [
    rootAfter({ amount: 6n }),
    rootAfter({ userData32: 1 }),
    rootAfter({ flags: pending }),
    rootAfter({ flags: pending, timeout: 9 }),
    rootAfter({}, 3),
  ];
  expect(new Set([plain, ...others]).size).toBe(others.length + 1);
});

test("the root of a checkpoint stands in the next checkpoint's results hash, and in no one before", () => {
  const [one, two] = [testChain(), testChain()];
  const same = (offset: number, other = offset): boolean => {
    const [a, b] = [execute(one, offset), execute(two, other)];
    expect(a.stateRoot === undefined).toBe(b.stateRoot === undefined);
    return a.resultsHash === b.resultsHash;
  };
  // The same results at other times: only the state can tell.
  expect(same(1, 2)).toBe(true);
  expect(same(INTERVAL_MS)).toBe(true);
  expect(heightOf(one)).toBe(checkpointOf(one).height);
  expect(checkpointOf(one).stateRoot).not.toBe(checkpointOf(two).stateRoot);
  expect(same(2 * INTERVAL_MS - 1)).toBe(true);
  expect(same(2 * INTERVAL_MS)).toBe(false);
  expect(headOf(one, 4)?.step?.checkpointRoot).not.toBe(headOf(two, 4)?.step?.checkpointRoot);
});

test("heads are kept for the last heights", () => {
  const chain = testChain();
  expect(headOf(chain, 0)?.hash).toBe(chainId(chain));
  const block = blockAt(chain, 1);
  executeBlock(chain, block);
  expect(headOf(chain, 1)).toMatchObject({ height: 1, hash: block.hash, resultsHash: resultsHashOf(chain, 1) });
  expect(lastBlockTimeOf(chain)).toBe(block.time);
  while (heightOf(chain) < HEADS_KEPT) execute(chain, heightOf(chain) + 1);
  expect(headOf(chain, 0)).toBeUndefined();
  expect(resultsHashOf(chain, 1)).toBeDefined();
});

test("a block out of order, back in time or of another epoch stops the program", () => {
  const chain = testChain();
  execute(chain, 5);
  expect(() => execute(chain, 5)).toThrow("block time grows");
  expect(() => executeBlock(chain, blockAt(chain, 6, { height: 9 }))).toThrow("in order");
  expect(() => executeBlock(chain, blockAt(chain, 6, { epoch: 2 }))).toThrow("of the epoch under way");
});

test("bonds stand on the bond account of ATR", () => {
  const chain = testChain();
  expect(accountOf(chain, systemAccountId(TOKENS.ATR, "bond"))?.creditsPosted).toBe(4_000_000_000n);
  const toBond = pay(1, { debit: TREASURY + 2n, credit: systemAccountId(3, "bond"), ledger: TOKENS.ATR });
  const { outcomes } = execute(chain, 1, batchOf(chain, encodeTransfers([toBond])));
  expect(outcomes).toEqual([{ count: 1, failures: [{ index: 0, code: "credit_account_moved_by_system_only" }] }]);
});
