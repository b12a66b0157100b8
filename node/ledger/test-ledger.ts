import { nanos } from "../base/units.ts";
import { accountFlags } from "../codec/account.ts";
import { newTransfer, type Transfer } from "../codec/transfer.ts";
import { openAccount } from "./account.ts";
import { applyChains } from "./chains.ts";
import type { RecordResult } from "./codes.ts";
import { createTransfer } from "./create-transfer.ts";
import { addAccount, book, createLedger, type Ledger } from "./ledger.ts";
import { expirePending } from "./resolve-pending.ts";
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

/** All system accounts, and Alice and Bob with funds in each of the five tokens. */
export function testLedger(): Ledger {
  const ledger = createLedger();
  const createdAt = nanos(START_MS * 1_000_000n);
  for (const token of tokenLedgers) {
    for (const name of Object.keys(SYSTEM_ACCOUNTS) as SystemAccount[]) {
      const flags =
        name === "issuance" ? accountFlags.creditsMustNotExceedDebits : accountFlags.debitsMustNotExceedCredits;
      const id = systemAccountId(token, name);
      addAccount(ledger, openAccount({ id, owner: undefined, ledger: token, code: 1, flags, createdAt }));
    }
    for (const [id, owner] of [
      [aliceIn(token), ALICE],
      [bobIn(token), BOB],
    ] as const) {
      const flags = accountFlags.debitsMustNotExceedCredits;
      const account = openAccount({ id, owner, ledger: token, code: 1, flags, createdAt });
      addAccount(ledger, account);
      const issuance = ledger.accounts.get(systemAccountId(token, "issuance"));
      if (issuance === undefined) throw new Error("issuance account is missing");
      book(ledger, [
        { account: issuance, sum: "debitsPosted", change: FUNDS },
        { account, sum: "creditsPosted", change: FUNDS },
      ]);
    }
  }
  return ledger;
}

export const timeAt = (offsetMs: number) => nanos((START_MS + BigInt(offsetMs)) * 1_000_000n);

/** Alice pays Bob FLX, unless other fields say otherwise. */
export const payment = (serial: number, fields: Partial<Transfer> = {}): Transfer => {
  const ledger = fields.ledger ?? 1;
  const parties = { debit: aliceIn(ledger), credit: bobIn(ledger) };
  return newTransfer({ id: idAt(0, serial), ...parties, amount: 10n, ledger, code: 1, ...fields });
};

/** One block with one batch, signed by Alice unless said otherwise. */
export function execute(
  ledger: Ledger,
  records: readonly Transfer[],
  { atMs = 0, signer = ALICE, height = 1 }: { atMs?: number; signer?: string; height?: number } = {},
): RecordResult[] {
  const time = timeAt(atMs);
  expirePending(ledger, { height, time });
  return applyChains({
    ledger,
    records,
    linked: (record) => (record.flags & 1) !== 0,
    apply: (record) => createTransfer(ledger, record, { height, time, signer }),
  });
}

/** The four sums of an account, in short. */
export function sums(ledger: Ledger, id: bigint): { dp: bigint; d: bigint; cp: bigint; c: bigint } {
  const account = ledger.accounts.get(id);
  if (account === undefined) throw new Error(`account ${id} is missing`);
  const { debitsPending, debitsPosted, creditsPending, creditsPosted } = account;
  return { dp: debitsPending, d: debitsPosted, cp: creditsPending, c: creditsPosted };
}
