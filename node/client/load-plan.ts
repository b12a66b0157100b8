import { concatBytes, toHex } from "../base/bytes.ts";
import { sha256 } from "../codec/hash.ts";
import { type KeyPair, keyPairFromSeed } from "../codec/signature.ts";
import { newTransfer, type Transfer } from "../codec/transfer.ts";
import { TOKENS } from "../ledger/tokens.ts";

/** Amounts go round from 1 to this, in the smallest unit. */
const AMOUNT_MAX = 5;
const TRANSFER_CODE = 1;
/** Turns that an account could pay for without being paid once. */
const TURNS_FUNDED = 200;

const label = (text: string, seed: Uint8Array): Uint8Array => sha256(concatBytes(new TextEncoder().encode(text), seed));

/** Id of the generator's account 0; the others follow it. The same for each process with this seed. */
export const accountBase = (seed: Uint8Array): bigint =>
  ((BigInt(`0x${toHex(label("hmn load accounts\n", seed).subarray(0, 8))}`) | 1n) << 64n) | 0n;

/** Owner key of the account with that index. */
export function ownerOf(seed: Uint8Array, index: number): KeyPair {
  const at = new Uint8Array(4);
  new DataView(at.buffer).setUint32(0, index, true);
  return keyPairFromSeed(label("hmn load owner\n", concatBytes(seed, at)));
}

/** What each account gets from the treasury at a start. */
export const fundingOf = ({ batch }: { batch: number }): bigint => BigInt(TURNS_FUNDED * AMOUNT_MAX * batch);

/**
 * Where transfer `index` of batch `number` goes: payer p = number mod N pays in round r = ⌊number/N⌋ to account
 * (p + 1 + (r + index) mod (N − 1)) mod N the amount 1 + (r + index) mod 5. Everybody has the same pattern, so that over
 * a round each account is paid as much as it pays, and no balance runs dry.
 */
export function plannedPayment({ number, index, accounts }: { number: number; index: number; accounts: number }): {
  readonly payer: number;
  readonly payee: number;
  readonly amount: number;
} {
  const payer = number % accounts;
  const step = Math.floor(number / accounts) + index;
  return { payer, payee: (payer + 1 + (step % (accounts - 1))) % accounts, amount: 1 + (step % AMOUNT_MAX) };
}

/** The transfers of one planned batch; their ids are consecutive. */
export function plannedTransfers({
  number,
  firstId,
  base,
  accounts,
  batch,
}: {
  number: number;
  firstId: bigint;
  base: bigint;
  accounts: number;
  batch: number;
}): Transfer[] {
  return Array.from({ length: batch }, (_, index) => {
    const { payer, payee, amount } = plannedPayment({ number, index, accounts });
    return newTransfer({
      id: firstId + BigInt(index),
      debit: base + BigInt(payer),
      credit: base + BigInt(payee),
      amount: BigInt(amount),
      ledger: TOKENS.FLX,
      code: TRANSFER_CODE,
    });
  });
}
