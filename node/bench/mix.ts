import { unreachable } from "../base/assert.ts";
import type { Client, SendResult, SignedTransfers } from "../client/client.ts";
import { encodePayments } from "../client/load-plan.ts";
import type { ReadyBatch, ReadyBatches } from "../client/load-ready.ts";
import { TRANSFER_BYTES } from "../codec/transfer.ts";

/** What a batch is, and so what has to become of it. */
export type Kind = "good" | "bad-signature" | "repeat" | "known-ids" | "overdraft";

export type Sending = { readonly kind: Kind; readonly signed: SignedTransfers; readonly transfers: number };

/** One in so many batches is of each bad kind. */
const BAD_EVERY = 20;
/** More than any account is given. */
const OVERDRAFT = 0xffff_ffff;
/** Where a batch's signature begins (codec/batch.ts). */
const SIGNATURE_AT = 128;

/** Makes the next batch to send. Repeats are of a batch that was committed. */
export type Mix = {
  next(): Sending;
  committed(sending: Sending): void;
};

export const plainMix = (ready: ReadyBatches): Mix => ({
  next: () => good(ready.take()),
  committed: () => undefined,
});

const good = ({ signed }: ReadyBatch): Sending => ({
  kind: "good",
  signed,
  transfers: signed.payload.length / TRANSFER_BYTES,
});

/** Four in twenty batches are bad, each in its own way. */
export function badMix(ready: ReadyBatches, client: Client, base: bigint): Mix {
  let turn = 0;
  let known: SignedTransfers | undefined;
  return {
    next: () => {
      turn += 1;
      const batch = ready.take();
      const plain = good(batch);
      const { signed, payments, firstId } = batch;
      switch (turn % BAD_EVERY) {
        case 3: {
          const forged = signed.batch.slice();
          forged[SIGNATURE_AT] = (forged[SIGNATURE_AT] ?? 0) ^ 1;
          return { ...plain, kind: "bad-signature", signed: { ...signed, batch: forged } };
        }
        case 8:
          return known === undefined ? plain : { ...plain, kind: "repeat", signed: known };
        case 13:
          if (known === undefined) return plain;
          return { ...plain, kind: "known-ids", signed: client.signTransfers(known.payload, known.keyPair) };
        case 18: {
          const greedy = payments().map((payment) => ({ ...payment, amount: OVERDRAFT }));
          const records = encodePayments(greedy, { firstId, base });
          return { ...plain, kind: "overdraft", signed: client.signTransfers(records, signed.keyPair) };
        }
        default:
          return plain;
      }
    },
    committed: ({ kind, signed }) => {
      if (kind === "good") known = signed;
    },
  };
}

/** What is wrong with the answer, if it is not what a batch of this kind has to get. */
export function faultOf({ kind, transfers }: Sending, result: SendResult): string | undefined {
  const got = result.type === "committed" ? `${result.failures.length} failures` : `${result.type}: ${result.reason}`;
  const wrong = (right: boolean): string | undefined => (right ? undefined : `${kind}: ${got}`);
  switch (kind) {
    case "good":
    case "repeat":
    case "known-ids":
      return wrong(result.type === "committed" && result.failures.length === 0);
    case "bad-signature":
      return wrong(result.type === "refused" && result.reason === "signature_invalid");
    case "overdraft":
      return wrong(
        result.type === "committed" &&
          result.failures.length === transfers &&
          result.failures.every(({ code }) => code === "exceeds_credits"),
      );
    default:
      return unreachable(kind);
  }
}

/** Transfers that were executed for the first time. */
export const appliedBy = ({ kind, transfers }: Sending, result: SendResult): number =>
  kind === "good" && result.type === "committed" ? transfers - result.failures.length : 0;
