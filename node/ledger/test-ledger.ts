import { concatBytes } from "../base/bytes.ts";
import { type Nanos, nanos } from "../base/units.ts";
import { accountFlags } from "../codec/account.ts";
import { encodeTransfers, newTransfer, type Transfer } from "../codec/transfer.ts";
import { newAccount } from "./account.ts";
import { closeBlock, openBlock } from "./block.ts";
import { type AppliedTransfer, entriesOf, transfersOf } from "./block-journal.ts";
import { type RecordResult, type ResultCode, recordResults } from "./codes.ts";
import { executeTransfers } from "./execute-transfers.ts";
import type { JournalEntry, JournalNote } from "./journal.ts";
import { accountOf, createLedger, type Ledger, openAccount } from "./ledger.ts";
import { openSystemAccount, type SystemMove, systemMove } from "./system-move.ts";
import { SYSTEM_ACCOUNTS, type SystemAccount, systemAccountId, tokenLedgers } from "./tokens.ts";

export const START_MS = 1_800_000_000_000n;
export const FUNDS = 1_000n;
export const ALICE = "a1".repeat(32);
export const BOB = "b0".repeat(32);
/** Account of an owner in a token; Alice's and Bob's hold `FUNDS` each. */
export const aliceIn = (token: number): bigint => (1n << 64n) + BigInt(token);
export const bobIn = (token: number): bigint => (2n << 64n) + BigInt(token);

/** A transfer id of `offsetMs` after the start. */
export const idAt = (offsetMs: number, serial: number): bigint =>
  ((START_MS + BigInt(offsetMs)) << 80n) | BigInt(serial);
export const timeAt = (offsetMs: number): Nanos => nanos((START_MS + BigInt(offsetMs)) * 1_000_000n);

/** An account that may be debited up to its credits. */
export const testAccount = (fields: { id: bigint; owner: string; ledger: number }) =>
  newAccount({ code: 1, flags: accountFlags.debitsMustNotExceedCredits, createdAt: timeAt(0), ...fields });

/** Issues tokens to an account that is there. */
export const fund = (ledger: Ledger, { to, token, amount }: { to: bigint; token: number; amount: bigint }): void => {
  const move = { kind: "issue", id: to, ledger: token, debit: systemAccountId(token, "issuance"), credit: to } as const;
  const result = systemMove(ledger, { ...move, amount });
  if (result !== "applied") throw new Error(`funding ${to}: ${result}`);
};

/** All system accounts, and Alice and Bob with funds in each of the five tokens; genesis is closed. */
export function testLedger(seed = 7): Ledger {
  const ledger = createLedger(seed);
  for (const token of tokenLedgers) {
    for (const name of Object.keys(SYSTEM_ACCOUNTS) as SystemAccount[])
      openSystemAccount(ledger, {
        id: systemAccountId(token, name),
        owner: undefined,
        token,
        code: 1,
        createdAt: timeAt(0),
      });
    for (const [id, owner] of [
      [aliceIn(token), ALICE],
      [bobIn(token), BOB],
    ] as const) {
      openAccount(ledger, testAccount({ id, owner, ledger: token }));
      fund(ledger, { to: id, token, amount: FUNDS });
    }
  }
  closeBlock(ledger);
  return ledger;
}

/** Alice pays Bob FLX, unless other fields say otherwise. */
export const payment = (serial: number, fields: Partial<Transfer> = {}): Transfer => {
  const ledger = fields.ledger ?? 1;
  const parties = { debit: aliceIn(ledger), credit: bobIn(ledger) };
  return newTransfer({ id: idAt(0, serial), ...parties, amount: 10n, ledger, code: 1, ...fields });
};

/** A move of the system, whose cause is the serial number 1. */
export type MoveFields = Pick<SystemMove, "kind" | "debit" | "credit" | "amount"> & { token: number };
type Block = { atMs?: number; signer?: string; height?: number; moves?: readonly MoveFields[] };

/** What came of a block. */
type Executed = {
  results: RecordResult[];
  moved: ("applied" | ResultCode)[];
  entries: JournalEntry[];
  transfers: AppliedTransfer[];
  journal: JournalNote;
};

/** One block with one batch, signed by Alice unless said otherwise, then moves of the system. */
export function executeBlock(
  ledger: Ledger,
  records: readonly Transfer[],
  { atMs = 0, signer = ALICE, height = 1, moves = [] }: Block = {},
): Executed {
  const time = timeAt(atMs);
  const payload = encodeTransfers(records);
  openBlock(ledger, { time });
  const numbers = executeTransfers(ledger, { payload, batch: 0, moment: { height, time, signer } });
  const results = Array.from(numbers, (result) => recordResults[result] as RecordResult);
  const moved = moves.map(({ token, ...move }) => systemMove(ledger, { ...move, id: 1n, ledger: token }));
  const journal = closeBlock(ledger);
  // Of the batch's header nobody asks for anything.
  const batches = [concatBytes(new Uint8Array(BATCH_HEADER_BYTES), payload)];
  const block = { height, time, batches, journal };
  return { results, moved, entries: entriesOf(block), transfers: transfersOf(block), journal };
}
const BATCH_HEADER_BYTES = 192;

export const execute = (ledger: Ledger, records: readonly Transfer[], block: Block = {}): RecordResult[] =>
  executeBlock(ledger, records, block).results;

/** The four sums of an account, in short. */
export function sums(ledger: Ledger, id: bigint): { dp: bigint; d: bigint; cp: bigint; c: bigint } {
  const account = accountOf(ledger, id);
  if (account === undefined) throw new Error(`account ${id} is missing`);
  const { debitsPending, debitsPosted, creditsPending, creditsPosted } = account;
  return { dp: debitsPending, d: debitsPosted, cp: creditsPending, c: creditsPosted };
}
