import { present } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import { type Random, seededRandom } from "../base/random.ts";
import { type BatchType, batchId, encodeBatch } from "../codec/batch.ts";
import type { KeyPair } from "../codec/signature.ts";
import { encodeTransfers, newTransfer, type Transfer, transferFlags, U128_MAX } from "../codec/transfer.ts";
import type { ClientAnswer } from "../ports.ts";
import type { History } from "./check-ledger.ts";
import type { FaultCounts } from "./faults.ts";
import { accountId, CLIENTS, EPOCH_MS, type Scenario } from "./scenario.ts";
import { check } from "./violation.ts";

const IN_FLIGHT_MAX = 4;
const RETRY_MS = 3000;
const EXPIRY_MS = 300_000;
const TIMEOUT_S_MAX = 20;
const ORDERS_STREAM = 8n;

type Pending = { readonly batch: Uint8Array; readonly client: number; retryAtMs: number };
type Submit = (request: number, batch: Uint8Array) => boolean;

/** Clients that sign real batches and send the same bytes again, to any node, until somebody acknowledges them. */
export type Clients = {
  /** Sends what is due. New batches come only while `more`. */
  tick(nowMs: number, more: boolean, submit: Submit): void;
  onAnswer(request: number, answer: ClientAnswer): void;
  outstanding(): number;
  /** Signs what an owner or the authority orders, and sends it until it is acknowledged. Answers its id. */
  order(
    content: { readonly type: BatchType; readonly payload: Uint8Array; readonly keyPair: KeyPair },
    nowMs: number,
  ): Hex;
  readonly history: History;
};

export function createClients(scenario: Scenario, chainId: Hex, random: Random, faults: FaultCounts): Clients {
  const history: History = { submitted: new Map(), acknowledged: new Map() };
  const pending = new Map<Hex, Pending>();
  const requests = new Map<number, { id: Hex; bad: boolean }>();
  const sequences = Array.from({ length: CLIENTS }, () => 0n);
  /** Reserved transfers that were acknowledged, by client. */
  const reserved = Array.from({ length: CLIENTS }, (): bigint[] => []);
  /** A chance of its own, so that nothing else depends on it. */
  const phases = seededRandom(BigInt(scenario.seed) + (1n << 42n));
  let requestCount = 0;
  let transferCount = 0n;
  let orderCount = 0n;

  const send = (submit: Submit, batch: Uint8Array, of: { id: Hex; bad: boolean }): void => {
    requestCount += 1;
    requests.set(requestCount, of);
    if (!submit(requestCount, batch)) requests.delete(requestCount);
  };

  /** Some transfers are reserved for a while, and some post what was reserved, perhaps too late. */
  const inPhases = (client: number, transfer: Transfer): Transfer => {
    const [pendingId] = reserved[client] ?? [];
    const phase = phases.below(4);
    if (phase === 0) return { ...transfer, flags: transferFlags.pending, timeout: 1 + phases.below(TIMEOUT_S_MAX) };
    if (phase > 1 || pendingId === undefined) return transfer;
    reserved[client]?.shift();
    return newTransfer({ id: transfer.id, pendingId, amount: U128_MAX, flags: transferFlags.postPending });
  };

  const newBatch = (client: number, nowMs: number): { batch: Uint8Array; transfers: readonly Transfer[] } => {
    const wall = EPOCH_MS + Math.floor(nowMs);
    const transfers = Array.from({ length: 1 + random.below(4) }, () => {
      transferCount += 1n;
      const id = (BigInt(wall) << 80n) | transferCount;
      const transfer = newTransfer({
        id,
        debit: accountId(client),
        credit: accountId((client + 1 + random.below(CLIENTS - 1)) % CLIENTS),
        amount: BigInt(1 + random.below(1_000_000)),
        ledger: 1,
        code: 1,
      });
      return inPhases(client, transfer);
    });
    const sequence = sequences[client] ?? 0n;
    sequences[client] = sequence + 1n;
    const keyPair = present(scenario.clientKeys[client], "a client has a key");
    const payload = encodeTransfers(transfers);
    const expiryMs = wall + EXPIRY_MS;
    return {
      batch: encodeBatch({ type: "transfers", payload, chainId, keyPair, stream: 7n, sequence, expiryMs }),
      transfers,
    };
  };

  const begin = (client: number, nowMs: number, submit: Submit): void => {
    const { batch, transfers } = newBatch(client, nowMs);
    const id = batchId(batch);
    history.submitted.set(id, { batch, transfers });
    pending.set(id, { batch, client, retryAtMs: nowMs + RETRY_MS });
    send(submit, batch, { id, bad: false });
    if (!random.oneIn(10)) return;
    // The same bytes with one turned: its signature is wrong, or it is no batch at all.
    const bad = batch.slice();
    const at = random.below(bad.length);
    bad[at] = (bad[at] ?? 0) ^ (1 + random.below(255));
    faults["bad batch"] += 1;
    send(submit, bad, { id: batchId(bad), bad: true });
  };

  /** A batch was executed; of what it posts some may have expired before. */
  const notePhases = (id: Hex, tooLate: number): void => {
    const transfers = history.submitted.get(id)?.transfers ?? [];
    const of = (flag: number): readonly Transfer[] => transfers.filter(({ flags }) => flags === flag);
    faults["pending posted too late"] += tooLate;
    faults["pending posted"] += of(transferFlags.postPending).length - tooLate;
    for (const { id: pendingId, debit } of of(transferFlags.pending))
      reserved.find((_, client) => accountId(client) === debit)?.push(pendingId);
  };

  return {
    history,
    outstanding: () => pending.size,
    order: (content, nowMs) => {
      orderCount += 1n;
      const expiryMs = EPOCH_MS + Math.floor(nowMs) + EXPIRY_MS;
      const batch = encodeBatch({ ...content, chainId, stream: ORDERS_STREAM, sequence: orderCount, expiryMs });
      const id = batchId(batch);
      history.submitted.set(id, { batch, transfers: [] });
      pending.set(id, { batch, client: CLIENTS, retryAtMs: nowMs });
      return id;
    },
    tick: (nowMs, more, submit) => {
      for (const [id, waiting] of pending) {
        if (waiting.retryAtMs > nowMs) continue;
        waiting.retryAtMs = nowMs + RETRY_MS + random.below(1000);
        faults["client retry"] += 1;
        send(submit, waiting.batch, { id, bad: false });
      }
      if (!more) return;
      for (let client = 0; client < CLIENTS; client++) {
        const inFlight = [...pending.values()].filter((waiting) => waiting.client === client).length;
        if (inFlight < IN_FLIGHT_MAX && random.oneIn(3)) begin(client, nowMs, submit);
      }
    },
    onAnswer: (request, answer) => {
      const asked = requests.get(request);
      check(asked !== undefined, "answers", () => `request ${request} is answered twice or was never made`);
      requests.delete(request);
      if (answer.type === "refused") {
        const expected = asked.bad || answer.retryable;
        check(expected, "answers", () => `a right batch is refused for good: ${answer.reason}`);
        return;
      }
      check(!asked.bad, "answers", () => "a batch with a wrong signature is acknowledged");
      const { outcome, height } = answer;
      const transfers = history.submitted.get(asked.id)?.transfers ?? [];
      const whole =
        "failures" in outcome && outcome.failures.every(({ index, code }) => isTooLate(transfers[index], code));
      check(whole, "answers", () => `a covered batch failed: ${JSON.stringify(outcome)}`);
      const before = history.acknowledged.get(asked.id) ?? height;
      check(before === height, "answers", () => `batch ${asked.id} is acknowledged at ${before} and at ${height}`);
      if (!history.acknowledged.has(asked.id)) notePhases(asked.id, outcome.failures.length);
      history.acknowledged.set(asked.id, height);
      pending.delete(asked.id);
    },
  };
}

/** A post may come when what it posts has expired: whether it did is checked at the end. */
const isTooLate = (transfer: Transfer | undefined, code: string): boolean =>
  transfer?.flags === transferFlags.postPending && code === "pending_transfer_expired";
