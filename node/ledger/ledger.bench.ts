import { toHex } from "../base/bytes.ts";
import { seededRandom } from "../base/random.ts";
import { nanos } from "../base/units.ts";
import { sha256 } from "../codec/hash.ts";
import { TRANSFER_BYTES, transferFlags } from "../codec/transfer.ts";
import { closeBlock, openBlock } from "./block.ts";
import { executeTransfers } from "./execute-transfers.ts";
import { type Ledger, openAccount } from "./ledger.ts";
import { accountsRoot, beginRoots, foldRoots, type LedgerRoots, ledgerRoots } from "./roots.ts";
import { exportLedger } from "./snapshot-export.ts";
import { importLedger } from "./snapshot-import.ts";
import { fund, START_MS, testAccount, testLedger } from "./test-ledger.ts";
import { TOKENS } from "./tokens.ts";
import { RECORD_WORDS, Word } from "./transfer-words.ts";
import { writeU64, writeU128 } from "./words.ts";

/**
 * What execution costs, in processor time of one thread, at 1 000 per batch: one payer to a batch, payees drawn evenly from
 * all accounts, every account with an owner of its own. `sh e2e/with-node.sh node/ledger/ledger.bench.ts [SECONDS]` measures
 * five runs of so many seconds; with `NODE_OPTIONS=--expose-gc` memory is what remains after a collection.
 */
const BATCH = 1_000;
const BATCHES_PER_BLOCK = 4;
const BLOCK_MS = 10;
/** Blocks that are written before they are executed, so that writing them is not measured. */
const BLOCKS_AHEAD = 50;
const RUNS = 5;
const all = Number.POSITIVE_INFINITY;
const seconds = Number(process.argv[2] ?? 2);
const idOf = (account: number): bigint => (4n << 64n) + BigInt(account);
const ownerOf = (account: number): string => toHex(sha256(new Uint8Array(new Uint32Array([account]).buffer)));

/** Milliseconds of processor time of this thread: other load on the machine does not count. */
const now = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
};
const timed = <T>(work: () => T): { readonly ms: number; readonly value: T } => {
  const started = now();
  const value = work();
  return { ms: now() - started, value };
};
const memory = (): number => {
  // Once finds what is unused, and the memory behind typed arrays goes with the next.
  for (let times = 0; times < 3; times++) globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};

function openAccounts(ledger: Ledger, count: number): void {
  for (let account = 0; account < count; account++) {
    const id = idOf(account);
    openAccount(ledger, testAccount({ id, owner: ownerOf(account), ledger: TOKENS.FLX }));
    fund(ledger, { to: id, token: TOKENS.FLX, amount: 10n ** 12n });
    if (account % 10_000 === 0) closeBlock(ledger);
  }
  closeBlock(ledger);
}

type SignedBatch = { readonly payload: Uint8Array; readonly signer: string };
type Kind = "payments" | "reservations, each voided";

/** Writes batches of a kind; ids are counted up, as the client does. */
function traffic(accounts: number, kind: Kind): (nowMs: bigint) => SignedBatch {
  const random = seededRandom(BigInt(accounts));
  let serial = kind === "payments" ? 0n : 1n << 40n;
  return (nowMs) => {
    const words = new Int32Array((BATCH * TRANSFER_BYTES) / 4);
    const payer = random.below(accounts);
    for (let record = 0; record < BATCH; record++) {
      const at = record * RECORD_WORDS;
      const payee = random.below(accounts);
      const voids = kind !== "payments" && record % 2 === 1;
      const flags = kind === "payments" ? 0 : voids ? transferFlags.voidPending : transferFlags.pending;
      serial += 1n;
      const id = (nowMs << 80n) | serial;
      writeU128(words, at + Word.id, id);
      words[at + Word.codeAndFlags] = 1 | (flags << 16);
      if (voids) {
        writeU128(words, at + Word.pendingId, id - 1n);
        continue;
      }
      writeU128(words, at + Word.debit, idOf(payer));
      writeU128(words, at + Word.credit, idOf(payee === payer ? (payer + 1) % accounts : payee));
      writeU64(words, at + Word.amount, BigInt(1 + (record % 5)));
      words[at + Word.ledger] = TOKENS.FLX;
    }
    return { payload: new Uint8Array(words.buffer), signer: ownerOf(payer) };
  };
}

/** Time goes on from one measurement to the next, so that ids leave their window as they do in a node. */
type Clock = { height: number };

/** Milliseconds that blocks of that kind took. */
function execute(ledger: Ledger, next: (nowMs: bigint) => SignedBatch, clock: Clock, blocks: number): number {
  const written = Array.from({ length: blocks }, () => {
    clock.height += 1;
    const nowMs = START_MS + BigInt(clock.height * BLOCK_MS);
    const batches = Array.from({ length: BATCHES_PER_BLOCK }, () => next(nowMs));
    return { height: clock.height, time: nanos(nowMs * 1_000_000n), batches };
  });
  return timed(() => {
    for (const { height, time, batches } of written) {
      openBlock(ledger, { time });
      for (const [batch, { payload, signer }] of batches.entries()) {
        const results = executeTransfers(ledger, { payload, batch, moment: { height, time, signer } });
        if (results.some((result) => result !== 0)) throw new Error("a transfer was not applied");
      }
      closeBlock(ledger);
    }
  }).ms;
}

/** Prints the rate of a kind of transfers; answers how many there were. */
function measure(ledger: Ledger, { accounts, kind, clock }: { accounts: number; kind: Kind; clock: Clock }): number {
  const next = traffic(accounts, kind);
  const rates: number[] = [];
  let blocks = 0;
  for (let run = -1; run < RUNS; run++) {
    let spent = 0;
    let done = 0;
    while (spent < (run < 0 ? 300 : seconds * 1_000)) {
      spent += execute(ledger, next, clock, BLOCKS_AHEAD);
      done += BLOCKS_AHEAD;
    }
    blocks += done;
    if (run >= 0) rates.push((done * BATCHES_PER_BLOCK * BATCH) / spent);
  }
  const sorted = rates.toSorted((a, b) => a - b);
  const [least = 0, median = 0, most = 0] = [sorted[0], sorted[RUNS >> 1], sorted[RUNS - 1]];
  const range = `${least.toFixed(0)} to ${most.toFixed(0)} in ${RUNS} runs`;
  const each = `${(1_000 / median).toFixed(3)} µs each`;
  console.log(`${accounts} accounts, ${kind}: ${median.toFixed(0)} k/s per core (${range}), ${each}`);
  return blocks * BATCHES_PER_BLOCK * BATCH;
}

function fold(roots: LedgerRoots): number {
  return timed(() => {
    beginRoots(roots);
    foldRoots(roots, all);
  }).ms;
}

function bench(accounts: number): void {
  const before = memory();
  const ledger = testLedger();
  const clock: Clock = { height: 0 };
  openAccounts(ledger, accounts);
  const roots = ledgerRoots(ledger);
  const firstRoot = fold(roots);
  const perAccount = (memory() - before) / accounts;
  const empty = memory();
  const applied = measure(ledger, { accounts, kind: "payments", clock });
  const perId = (memory() - empty) / applied;
  measure(ledger, { accounts, kind: "reservations, each voided", clock });
  const checkpoint = fold(roots);
  const exported = timed(() => {
    const next = exportLedger(ledger);
    const slices: Uint8Array[] = [];
    for (let slice = next(); slice !== undefined; slice = next()) slices.push(slice);
    return slices;
  });
  const restored = timed(() => importLedger(exported.value));
  if (!restored.value.ok) throw new Error(restored.value.detail);
  const again = ledgerRoots(restored.value.value);
  fold(again);
  if (toHex(accountsRoot(again)) !== toHex(accountsRoot(roots))) throw new Error("restored root differs");
  const collected = globalThis.gc === undefined ? " (without a collection)" : "";
  console.log(`  ${perAccount.toFixed(0)} MB per million accounts, ${perId.toFixed(1)} bytes per known id${collected}`);
  const snapshot = `snapshot ${exported.ms.toFixed(0)} ms, restored in ${restored.ms.toFixed(0)} ms`;
  console.log(`  first root ${firstRoot.toFixed(0)} ms, next ${checkpoint.toFixed(0)} ms; ${snapshot}`);
}

for (const accounts of [100_000, 1_000_000]) bench(accounts);
