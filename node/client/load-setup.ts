import { accountFlags } from "../codec/account.ts";
import { newTransfer } from "../codec/transfer.ts";
import { TOKENS } from "../ledger/tokens.ts";
import type { Client, SendResult } from "./client.ts";
import { type History, type Operation, outcomeOf } from "./load-history.ts";
import { accountBase, ownerKey, signerOf } from "./load-plan.ts";

/** Records in one batch while accounts are opened and funded. */
const SETUP_BATCH = 500;
/** Such batches on their way at a time. */
const SETUP_PARALLEL = 8;
const TRANSFER_CODE = 1;

export type SetUp = {
  readonly client: Client;
  /** Undefined: nobody wants to know. */
  readonly history: History | undefined;
  readonly seed: Uint8Array;
  /** The FLX account that pays, whose key signs what names no other. */
  readonly treasury: bigint;
  readonly accounts: number;
  readonly owners: number;
  /** What each account gets, in the smallest unit. */
  readonly funding: bigint;
  readonly stop: AbortSignal;
};

/** Opens the accounts, which repeats nothing at a second start, and funds each once per start. */
export async function setUp(set: SetUp): Promise<void> {
  let from = 0;
  const worker = async (): Promise<void> => {
    while (from < set.accounts && !set.stop.aborted) {
      const first = from;
      from += SETUP_BATCH;
      await openAndFund(set, first, Math.min(SETUP_BATCH, set.accounts - first));
    }
  };
  await Promise.all(Array.from({ length: SETUP_PARALLEL }, worker));
}

async function openAndFund(set: SetUp, from: number, count: number): Promise<void> {
  const { client, history, seed, treasury, funding } = set;
  const payer = treasury.toString();
  const first = accountBase(seed) + BigInt(from);
  const base = first.toString();
  const indices = Array.from({ length: count }, (_, index) => index);
  const keys = new Map<number, ReturnType<typeof ownerKey>>();
  const ownerOf = (index: number) => {
    const owner = signerOf(from + index, set);
    const key = keys.get(owner) ?? ownerKey(seed, owner);
    keys.set(owner, key);
    return key;
  };
  await record(history, { f: "open", value: { base, count, payer } }, () =>
    client.createAccounts(
      indices.map((index) => ({
        id: first + BigInt(index),
        payer: treasury,
        userData128: 0n,
        userData64: 0n,
        userData32: 0,
        ledger: TOKENS.FLX,
        code: TRANSFER_CODE,
        flags: accountFlags.debitsMustNotExceedCredits,
        owner: ownerOf(index),
      })),
    ),
  );
  const firstId = client.newIds(count);
  const value = { firstId: firstId.toString(), base, count, payer, amount: funding.toString() };
  await record(history, { f: "fund", value }, () =>
    client.transfer(
      indices.map((index) =>
        newTransfer({
          id: firstId + BigInt(index),
          debit: treasury,
          credit: first + BigInt(index),
          amount: funding,
          ledger: TOKENS.FLX,
          code: TRANSFER_CODE,
        }),
      ),
    ),
  );
}

/** One step of the set-up, with its two lines of history. Without accounts and funds there is nothing to send. */
async function record(
  history: History | undefined,
  operation: Operation,
  send: () => Promise<SendResult>,
): Promise<void> {
  const process = history?.invoke(operation);
  const result = await send();
  if (process !== undefined) history?.complete(process, outcomeOf(result));
  if (result.type !== "committed") throw new Error(`cannot ${operation.f} accounts: ${result.type}: ${result.reason}`);
  const [failure] = result.failures;
  if (failure === undefined) return;
  const { base } = operation.value;
  throw new Error(`cannot ${operation.f} account ${failure.index} of those from ${base}: ${failure.code}`);
}
