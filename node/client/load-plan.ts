import { assert } from "../base/assert.ts";
import { concatBytes, toHex } from "../base/bytes.ts";
import { sha256 } from "../codec/hash.ts";
import { type KeyPair, keyPairFromSeed } from "../codec/signature.ts";
import { TRANSFER_BYTES, writeU128 } from "../codec/transfer.ts";
import { TOKENS } from "../ledger/tokens.ts";

/** Amounts go from 1 to this, in the smallest unit. */
const AMOUNT_MAX = 5;
const TRANSFER_CODE = 1;
/** Turns that an account could pay for without being paid once. */
const TURNS_FUNDED = 200;

/**
 * Who pays whom. `even`: everybody in turn, so that no balance runs dry. `random`: any account like any other. `zipf`: the
 * account of rank k in proportion to 1/k, as payer among its owner's accounts and as payee among all.
 */
export const SPREADS = ["even", "random", "zipf"] as const;
export type Spread = (typeof SPREADS)[number];

export type Plan = {
  readonly accounts: number;
  /** Keys that own the accounts, account i belonging to key i mod `owners`; divides `accounts`. */
  readonly owners: number;
  readonly spread: Spread;
  /** Transfers in a batch. */
  readonly batch: number;
};

export type Payment = { readonly payer: number; readonly payee: number; readonly amount: number };

const label = (text: string, seed: Uint8Array): Uint8Array => sha256(concatBytes(new TextEncoder().encode(text), seed));

/** Id of the generator's account 0; the others follow it. The same for each process with this seed. */
export const accountBase = (seed: Uint8Array): bigint =>
  ((BigInt(`0x${toHex(label("hmn load accounts\n", seed).subarray(0, 8))}`) | 1n) << 64n) | 0n;

/** Key pair of the owner with that number. */
export function ownerKey(seed: Uint8Array, owner: number): KeyPair {
  const at = new Uint8Array(4);
  new DataView(at.buffer).setUint32(0, owner, true);
  return keyPairFromSeed(label("hmn load owner\n", concatBytes(seed, at)));
}

/** What each account gets from the treasury at a start. */
export const fundingOf = ({ batch }: { batch: number }): bigint => BigInt(TURNS_FUNDED * AMOUNT_MAX * batch);

/** The owner who signs batch `number`. */
export const signerOf = (number: number, { owners }: { owners: number }): number => number % owners;

/** Payment `index` of batch `number`, the same at every call. All payers of one batch belong to its signer. */
export function plannedPayment(plan: Plan, number: number, index: number): Payment {
  const { accounts, owners, spread } = plan;
  assert(accounts % owners === 0, "every owner has as many accounts");
  const owner = signerOf(number, plan);
  const owned = accounts / owners;
  if (spread === "even") {
    const step = Math.floor(number / owners) + index;
    const payer = owner + owners * (step % owned);
    return { payer, payee: (payer + 1 + (step % (accounts - 1))) % accounts, amount: 1 + (step % AMOUNT_MAX) };
  }
  const chance = scramble(scramble(number) ^ index);
  const rank = spread === "random" ? uniformRank : zipfRank;
  const payer = owner + owners * rank(chance, owned);
  const payee = rank(scramble(chance ^ 0x5bd1e995), accounts);
  return { payer, payee: payee === payer ? (payee + 1) % accounts : payee, amount: 1 + (chance % AMOUNT_MAX) };
}

export const plannedPayments = (plan: Plan, number: number): Payment[] =>
  Array.from({ length: plan.batch }, (_, index) => plannedPayment(plan, number, index));

const RANGE = 0x1_0000_0000;
const uniformRank = (chance: number, count: number): number => Math.floor((chance / RANGE) * count);
/** With ln(rank + 1) spread evenly, rank k − 1 comes in proportion to ln((k + 1)/k) ≈ 1/k. */
const zipfRank = (chance: number, count: number): number =>
  Math.min(count - 1, Math.floor((count + 1) ** (chance / RANGE)) - 1);

/** A 32-bit number whose every bit depends on every bit of the given one (multiply and shift, as hash functions end). */
function scramble(value: number): number {
  let x = (value + 0x9e3779b9) | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

/**
 * The records of these payments with consecutive ids, encoded in place: through `Transfer` objects and their big numbers
 * a generator would spend more on a transfer than a node does.
 */
export function encodePayments(
  payments: readonly Payment[],
  { firstId, base }: { firstId: bigint; base: bigint },
): Uint8Array {
  const bytes = new Uint8Array(payments.length * TRANSFER_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [index, { payer, payee, amount }] of payments.entries()) {
    const at = index * TRANSFER_BYTES;
    writeU128(view, at, firstId + BigInt(index));
    // The base's lower half is zero, so that an account's id is the base's upper half beside its number.
    writeAccount(view, at + 16, base, payer);
    writeAccount(view, at + 32, base, payee);
    view.setUint32(at + 48, amount, true);
    view.setUint32(at + 112, TOKENS.FLX, true);
    view.setUint16(at + 116, TRANSFER_CODE, true);
  }
  return bytes;
}

function writeAccount(view: DataView, at: number, base: bigint, index: number): void {
  view.setUint32(at, index, true);
  view.setBigUint64(at + 8, base >> 64n, true);
}
