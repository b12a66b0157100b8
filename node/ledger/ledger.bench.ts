import { toHex } from "../base/bytes.ts";
import { seededRandom } from "../base/random.ts";
import { nanos } from "../base/units.ts";
import { sha256 } from "../codec/hash.ts";
import { TRANSFER_BYTES } from "../codec/transfer.ts";
import { closeBlock, openBlock } from "./block.ts";
import { executeTransfers } from "./execute-transfers.ts";
import { type Ledger, openAccount } from "./ledger.ts";
import { accountsRoot, beginRoots, foldRoots, ledgerRoots } from "./roots.ts";
import { exportLedger } from "./snapshot-export.ts";
import { importLedger } from "./snapshot-import.ts";
import { fund, START_MS, testAccount, testLedger } from "./test-ledger.ts";
import { TOKENS } from "./tokens.ts";
import { Word } from "./transfer-words.ts";
import { writeU64, writeU128 } from "./words.ts";

/**
 * Transfers per second of one core, at 1 000 per batch: one payer to a batch, payees drawn evenly from all accounts, every
 * account with an owner of its own. `sh e2e/with-node.sh node/ledger/ledger.bench.ts [SECONDS]`; with
 * `NODE_OPTIONS=--expose-gc` memory is measured after a collection.
 */
const BATCH = 1_000;
const BATCHES_PER_BLOCK = 4;
const BLOCK_MS = 10;
const RUNS = 5;
const seconds = Number(process.argv[2] ?? 2);
const BASE = 1n << 64n;
/** Milliseconds of processor time of this thread: other load on the machine does not count. */
const now = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
};
const ownerOf = (account: number): string => toHex(sha256(new Uint8Array(new Uint32Array([account]).buffer)));
const idOf = (account: number): bigint => BASE * 4n + BigInt(account);

const memory = (): number => {
  globalThis.gc?.();
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

/** Batches that are written anew before each block, outside of the measured time. */
function traffic(accounts: number) {
  const random = seededRandom(BigInt(accounts));
  const words = new Int32Array((BATCH * TRANSFER_BYTES) / 4);
  let serial = 0n;
  return (nowMs: bigint): { payload: Uint8Array; signer: string } => {
    const payer = random.below(accounts);
    for (let record = 0; record < BATCH; record++) {
      const at = (record * TRANSFER_BYTES) / 4;
      const payee = random.below(accounts);
      serial += 1n;
      writeU128(words, at + Word.id, (nowMs << 80n) | serial);
      writeU128(words, at + Word.debit, idOf(payer));
      writeU128(words, at + Word.credit, idOf(payee === payer ? (payer + 1) % accounts : payee));
      writeU64(words, at + Word.amount, BigInt(1 + (record % 5)));
      words[at + Word.ledger] = TOKENS.FLX;
      words[at + Word.codeAndFlags] = 1;
    }
    return { payload: new Uint8Array(words.slice().buffer), signer: ownerOf(payer) };
  };
}

function bench(count: number): void {
  const before = memory();
  const ledger = testLedger();
  const opening = now();
  openAccounts(ledger, count);
  const opened = now() - opening;
  const roots = ledgerRoots(ledger);
  const folding = now();
  beginRoots(roots);
  foldRoots(roots, Number.POSITIVE_INFINITY);
  const folded = now() - folding;
  const perAccount = (memory() - before) / count;
  const next = traffic(count);
  const rates: number[] = [];
  let height = 0;
  let applied = 0;
  const idsBefore = memory();
  for (let run = -1; run < RUNS; run++) {
    let spent = 0;
    let done = 0;
    while (spent < (run < 0 ? 500 : seconds * 1_000)) {
      height += 1;
      const nowMs = START_MS + BigInt(height * BLOCK_MS);
      const batches = Array.from({ length: BATCHES_PER_BLOCK }, () => next(nowMs));
      const time = nanos(nowMs * 1_000_000n);
      const started = now();
      openBlock(ledger, { time });
      for (const [batch, { payload, signer }] of batches.entries()) {
        const results = executeTransfers(ledger, { payload, batch, moment: { height, time, signer } });
        for (const result of results) if (result !== 0) throw new Error(`a transfer was not applied: ${result}`);
      }
      closeBlock(ledger);
      spent += now() - started;
      done += BATCH * BATCHES_PER_BLOCK;
    }
    applied += done;
    if (run >= 0) rates.push(done / spent);
  }
  const perId = (memory() - idsBefore) / applied;
  const checkpoint = now();
  beginRoots(roots);
  foldRoots(roots, Number.POSITIVE_INFINITY);
  const checkpointMs = now() - checkpoint;
  const exporting = now();
  const slices: Uint8Array[] = [];
  const slice = exportLedger(ledger);
  for (let part = slice(); part !== undefined; part = slice()) slices.push(part);
  const exported = now() - exporting;
  const importing = now();
  const restored = importLedger(slices);
  if (!restored.ok) throw new Error(restored.detail);
  const imported = now() - importing;
  const again = ledgerRoots(restored.value);
  beginRoots(again);
  foldRoots(again, Number.POSITIVE_INFINITY);
  if (toHex(accountsRoot(again)) !== toHex(accountsRoot(roots))) throw new Error("restored root differs");
  const sorted = rates.toSorted((a, b) => a - b);
  const rate = (at: number): string => (sorted[at] ?? 0).toFixed(0);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  console.log(
    [
      `${count} accounts, ${BATCH} per batch:`,
      `${rate(Math.floor(RUNS / 2))} k transfers/s per core (${rate(0)}–${rate(RUNS - 1)}, ${RUNS} runs),`,
      `${(1_000 / median).toFixed(3)} µs each`,
    ].join(" "),
  );
  console.log(
    `  ${perAccount.toFixed(0)} MB per million accounts${globalThis.gc === undefined ? " (before collection)" : ""}, ${perId.toFixed(1)} bytes per remembered id of ${applied}`,
  );
  console.log(
    `  open ${opened.toFixed(0)} ms, first root ${folded.toFixed(0)} ms, checkpoint ${checkpointMs.toFixed(0)} ms, snapshot ${exported.toFixed(0)} ms in ${slices.length} slices, restore ${imported.toFixed(0)} ms`,
  );
}

for (const count of [100_000, 1_000_000]) bench(count);
