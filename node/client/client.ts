import { assert } from "../base/assert.ts";
import { concatBytes, type Hex, toHex } from "../base/bytes.ts";
import { type AccountRecord, signAccountRecord } from "../codec/account.ts";
import type { BatchType } from "../codec/batch.ts";
import type { KeyPair } from "../codec/signature.ts";
import { encodeTransfers, type Transfer } from "../codec/transfer.ts";
import type { Authorities } from "./authorities.ts";
import { type Network, openConnection, type Target } from "./connection.ts";
import { newIds } from "./ids.ts";
import { createPool } from "./pool.ts";
import type { Prover } from "./prove.ts";
import type { Weights } from "./quorum.ts";
import type { SendResult } from "./send-result.ts";
import { createSender, type SendOptions, type Signed } from "./sender.ts";
import { waitingRoom } from "./waiting-room.ts";

export type { SendResult } from "./send-result.ts";
export type { SendOptions } from "./sender.ts";

export type ClientOptions = {
  readonly targets: readonly Target[];
  readonly ca: Authorities;
  /** The network to talk to; without it, the one of the first node that answers. */
  readonly chainId?: Hex;
  /** Signs batches that name no other key. */
  readonly keyPair: KeyPair;
  /** Ends everything: connections close, and whatever waits answers `unknown`. */
  readonly signal?: AbortSignal;
  /** How long one node may take before the same batch goes to the next one. */
  readonly requestTimeoutMs?: number;
  /** How long `confirm: "quorum"` waits for the others after the first answer. */
  readonly confirmTimeoutMs?: number;
  readonly connectionsPerTarget?: number;
  /** The validators' weights, for `confirm: "quorum"`; without it that is not offered. */
  readonly weights?: (signal: AbortSignal) => Promise<Weights>;
  /** For `confirm: "proof"`; without it that is not offered. */
  readonly prover?: Prover;
};

/** Transfers that are signed and wait to be sent, once and within a minute. */
export type SignedTransfers = Signed<"transfers">;

export type NewAccount = Omit<AccountRecord, "ownerKey"> & { readonly owner: KeyPair };

/** The client protocol alone; `open` of index.ts is what users import. */
export type Client = {
  readonly network: Network;
  /** Indices of the targets that are connected now. */
  connected(): readonly number[];
  /** First of so many consecutive ids that carry the present time. */
  newIds(count: number): bigint;
  transfer(transfers: readonly Transfer[], options?: SendOptions): Promise<SendResult>;
  /** Signs whole encoded transfers ahead of sending them. */
  signTransfers(records: Uint8Array, keyPair?: KeyPair): SignedTransfers;
  sendSigned(signed: SignedTransfers, options?: Omit<SendOptions, "keyPair">): Promise<SendResult>;
  createAccounts(accounts: readonly NewAccount[], options?: SendOptions): Promise<SendResult>;
  close(): void;
};

const REQUEST_TIMEOUT_MS = 5_000;
const CONFIRM_TIMEOUT_MS = 10_000;

/** Connects; answers once one node has said which network it is. Rejects when `signal` aborts before. */
export async function openClient(options: ClientOptions): Promise<Client> {
  assert(options.targets.length > 0, "a client has targets");
  const ended = new AbortController();
  const end = () => ended.abort();
  options.signal?.addEventListener("abort", end, { once: true });
  if (options.signal?.aborted) end();
  const room = waitingRoom();
  let network: Network | undefined;
  const connect = (target: Target) =>
    openConnection({
      target,
      ca: options.ca,
      onHello: (hello) => {
        if (hello.chainId !== (options.chainId ?? network?.chainId ?? hello.chainId)) return false;
        network = { network: hello.network, chainId: hello.chainId };
        return true;
      },
      onFree: (what) => (what === "connected" ? room.wakeAll() : room.wakeOne()),
    });
  const pool = createPool(
    options.targets.map((target) => Array.from({ length: options.connectionsPerTarget ?? 1 }, () => connect(target))),
  );
  ended.signal.addEventListener("abort", () => {
    pool.close();
    room.wakeAll();
  });
  while (network === undefined && !ended.signal.aborted) await room.wait(ended.signal);
  if (network === undefined) throw new Error(`aborted before a node answered; ${pool.problems()}`);
  const { chainId } = network;
  const { sign, send } = createSender({
    ...{ pool, room, chainId, ended: ended.signal, keyPair: options.keyPair },
    requestTimeoutMs: options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
    confirmTimeoutMs: options.confirmTimeoutMs ?? CONFIRM_TIMEOUT_MS,
    prover: options.prover,
    weights: options.weights ?? (() => Promise.reject(new Error("the validators' weights are not known"))),
  });
  const signAndSend = (type: BatchType, payload: Uint8Array, how: SendOptions): Promise<SendResult> =>
    send(sign(type, payload, how.keyPair), how);
  return {
    network,
    connected: pool.connected,
    newIds: (count) => newIds({ nowMs: Date.now(), count }),
    transfer: (transfers, how = {}) => signAndSend("transfers", encodeTransfers(transfers), how),
    signTransfers: (records, keyPair) => sign("transfers", records, keyPair),
    sendSigned: (signed, how = {}) => send(signed, how),
    createAccounts: (accounts, how = {}) => {
      const records = accounts.map(({ owner, ...fields }) =>
        signAccountRecord({ record: { ...fields, ownerKey: toHex(owner.publicKey) }, chainId, owner }),
      );
      return signAndSend("accounts", concatBytes(...records), how);
    },
    close: () => {
      options.signal?.removeEventListener("abort", end);
      end();
    },
  };
}
