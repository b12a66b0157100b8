import { setTimeout as delay } from "node:timers/promises";
import { assert } from "../base/assert.ts";
import { concatBytes, type Hex, toHex } from "../base/bytes.ts";
import type { BatchOutcome } from "../chain/types.ts";
import { type AccountRecord, signAccountRecord } from "../codec/account.ts";
import { type BatchType, encodeBatch } from "../codec/batch.ts";
import type { KeyPair } from "../codec/signature.ts";
import { encodeTransfers, type Transfer } from "../codec/transfer.ts";
import type { ResultCode } from "../ledger/codes.ts";
import { type Attempt, type Connection, type Network, openConnection, type Target } from "./connection.ts";
import { newIds, newStream } from "./ids.ts";

export type ClientOptions = {
  readonly targets: readonly Target[];
  readonly ca: string;
  /** The network to talk to; without it, the one of the first node that answers. */
  readonly chainId?: Hex;
  /** Signs batches that name no other key. */
  readonly keyPair: KeyPair;
  /** Ends everything: connections close, and whatever waits answers `unknown`. */
  readonly signal?: AbortSignal;
  /** How long one node may take before the same batch goes to the next one. */
  readonly requestTimeoutMs?: number;
};

export type SendOptions = {
  readonly keyPair?: KeyPair;
  /** Index of the target to ask first. */
  readonly target?: number;
  readonly signal?: AbortSignal;
};

export type SendResult =
  /** Executed, finally. Records that are not named were applied, now or before. */
  | {
      readonly type: "committed";
      readonly height: number;
      readonly failures: readonly { readonly index: number; readonly code: ResultCode }[];
      /** Index of the target that answered. */
      readonly target: number;
    }
  /** Nothing has happened. */
  | { readonly type: "refused"; readonly reason: string }
  /** It may or may not be executed: look the ids up at a block past their window. */
  | { readonly type: "unknown"; readonly reason: string };

/** Transfers that are signed and wait to be sent, once and within a minute. */
export type SignedTransfers = Signed & { readonly type: "transfers" };

export type NewAccount = Omit<AccountRecord, "ownerKey"> & { readonly owner: KeyPair };

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
/** A batch that is not executed by then is signed anew, with the same ids. */
const BATCH_LIFETIME_MS = 120_000;
/** Ids are known for ten minutes; a minute less, for clocks that differ. */
const IDS_LIFETIME_MS = 540_000;
const BACKOFF_MS = { first: 20, most: 1_000 } as const;
/** After these a batch with the same ids and a new sequence gives the final word. */
const SIGN_ANEW: readonly string[] = ["expired", "sequence_too_old", "sequence_taken"];

/** Connects; answers once one node has said which network it is. Rejects when `signal` aborts before. */
export async function openClient(options: ClientOptions): Promise<Client> {
  assert(options.targets.length > 0, "a client has targets");
  const ended = new AbortController();
  const end = () => ended.abort();
  options.signal?.addEventListener("abort", end, { once: true });
  if (options.signal?.aborted) end();
  const room = waitingRoom();
  let network: Network | undefined;
  const connections = options.targets.map((target) =>
    openConnection({
      target,
      ca: options.ca,
      onHello: (hello) => {
        if (hello.chainId !== (options.chainId ?? network?.chainId ?? hello.chainId)) return false;
        network = { network: hello.network, chainId: hello.chainId };
        return true;
      },
      onFree: (what) => (what === "connected" ? room.wakeAll() : room.wakeOne()),
    }),
  );
  ended.signal.addEventListener("abort", () => {
    for (const connection of connections) connection.close();
    room.wakeAll();
  });
  while (network === undefined && !ended.signal.aborted) await room.wait(ended.signal);
  if (network === undefined) throw new Error(`aborted before a node answered; ${whyNoRoom(connections)}`);
  const { sign, send } = sender({ options, connections, room, network, ended: ended.signal });
  const { chainId } = network;
  const signAndSend = (type: BatchType, payload: Uint8Array, how: SendOptions): Promise<SendResult> =>
    send(sign(type, payload, how.keyPair ?? options.keyPair), how);
  return {
    network,
    connected: () => connections.flatMap(({ problem }, target) => (problem() === undefined ? [target] : [])),
    newIds: (count) => newIds({ nowMs: Date.now(), count }),
    transfer: (transfers, how = {}) => signAndSend("transfers", encodeTransfers(transfers), how),
    signTransfers: (records, keyPair = options.keyPair) => sign("transfers", records, keyPair),
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

/** A batch, and what it takes to sign it anew. */
type Signed = {
  readonly type: BatchType;
  readonly payload: Uint8Array;
  readonly keyPair: KeyPair;
  readonly batch: Uint8Array;
};

/** The one way out: sends the same bytes to one node after another until there is an answer. */
function sender({
  options,
  connections,
  room,
  network,
  ended,
}: {
  options: ClientOptions;
  connections: readonly Connection[];
  room: WaitingRoom;
  network: Network;
  ended: AbortSignal;
}) {
  const streams = new Map<string, { readonly stream: bigint; next: bigint }>();
  const sign = <T extends BatchType>(type: T, payload: Uint8Array, keyPair: KeyPair): Signed & { readonly type: T } => {
    const key = toHex(keyPair.publicKey);
    const used = streams.get(key) ?? { stream: newStream(), next: 0n };
    streams.set(key, used);
    used.next += 1n;
    const place = { stream: used.stream, sequence: used.next, expiryMs: Date.now() + BATCH_LIFETIME_MS };
    const batch = encodeBatch({ type, payload, chainId: network.chainId, keyPair, ...place });
    // The payload as part of the batch, so that what waits to be sent is kept once.
    return { type, payload: batch.subarray(batch.length - payload.length), keyPair, batch };
  };

  const send = async (signed: Signed, how: Omit<SendOptions, "keyPair">): Promise<SendResult> => {
    const signal = how.signal === undefined ? ended : AbortSignal.any([ended, how.signal]);
    const idsEnd = Date.now() + IDS_LIFETIME_MS;
    const { type, payload, keyPair } = signed;
    let { batch } = signed;
    /** Whether an attempt may still be executed without our knowing. */
    let open = false;
    let reason = "aborted";
    let backoffMs: number = BACKOFF_MS.first;
    const giveUp = (): SendResult => (open ? { type: "unknown", reason } : { type: "refused", reason });
    for (let turn = how.target ?? 0; !signal.aborted; ) {
      if (Date.now() > idsEnd) return giveUp();
      const target = firstWithRoom(connections, turn);
      const connection = target === undefined ? undefined : connections[target];
      if (target === undefined || connection === undefined) {
        reason = whyNoRoom(connections);
        await room.wait(signal);
        continue;
      }
      turn = target + 1;
      const attempt = await unlessAborted(
        connection.ask(batch, options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS),
        signal,
      );
      if (attempt.type === "unanswered") {
        open = true;
        reason = attempt.reason;
        continue;
      }
      const { answer } = attempt;
      const refusal = refusalOf(answer);
      if (answer.type === "committed" && refusal === undefined)
        return { type: "committed", height: answer.height, failures: failuresOf(answer.outcome), target };
      reason = refusal ?? reason;
      if (SIGN_ANEW.includes(reason)) {
        ({ batch } = sign(type, payload, keyPair));
      } else if (answer.type === "committed" || !answer.retryable) {
        return giveUp();
      }
      await delay(backoffMs, undefined, { signal }).catch(() => undefined);
      backoffMs = Math.min(BACKOFF_MS.most, 2 * backoffMs);
    }
    return giveUp();
  };
  return { sign, send };
}

const refusalOf = (
  answer:
    | { readonly type: "committed"; readonly outcome: BatchOutcome }
    | { readonly type: "refused"; readonly reason: string },
): string | undefined => {
  if (answer.type === "refused") return answer.reason;
  return "refused" in answer.outcome ? answer.outcome.refused : undefined;
};

const failuresOf = (outcome: BatchOutcome) =>
  "failures" in outcome
    ? // A node of a newer release may know codes that this client does not; they pass through as they are.
      outcome.failures.map(({ index, code }) => ({ index, code: code as ResultCode }))
    : [];

/** Says what is wrong with each node, so that a person sees at once which certificate or address it is. */
const whyNoRoom = (connections: readonly Connection[]): string =>
  `no node takes requests: ${connections
    .map(({ target, problem }) => `${target.servername} at ${target.host}:${target.port}: ${problem() ?? "busy"}`)
    .join("; ")}`;

function firstWithRoom(connections: readonly Connection[], from: number): number | undefined {
  for (let step = 0; step < connections.length; step++) {
    const target = (from + step) % connections.length;
    if (connections[target]?.hasRoom()) return target;
  }
  return undefined;
}

function unlessAborted(attempt: Promise<Attempt>, signal: AbortSignal): Promise<Attempt> {
  return new Promise((resolve) => {
    const abort = () => resolve({ type: "unanswered", reason: "aborted" });
    signal.addEventListener("abort", abort, { once: true });
    void attempt.then((result) => {
      signal.removeEventListener("abort", abort);
      resolve(result);
    });
  });
}

type WaitingRoom = { wait(signal: AbortSignal): Promise<void>; wakeOne(): void; wakeAll(): void };

/** Those who wait for a connection with room, in the order in which they came. */
function waitingRoom(): WaitingRoom {
  const sleepers = new Set<() => void>();
  return {
    wait: (signal) =>
      new Promise((resolve) => {
        const wake = () => {
          sleepers.delete(wake);
          signal.removeEventListener("abort", wake);
          resolve();
        };
        if (signal.aborted) return resolve();
        signal.addEventListener("abort", wake, { once: true });
        sleepers.add(wake);
      }),
    wakeOne: () => {
      for (const wake of sleepers) return wake();
    },
    wakeAll: () => {
      for (const wake of [...sleepers]) wake();
    },
  };
}
