import { present } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import type { Random } from "../base/random.ts";
import { batchId, encodeBatch } from "../codec/batch.ts";
import { encodeTransfers, newTransfer, type Transfer } from "../codec/transfer.ts";
import type { ClientAnswer } from "../ports.ts";
import type { History } from "./check-ledger.ts";
import type { FaultCounts } from "./faults.ts";
import { accountId, CLIENTS, EPOCH_MS, type Scenario } from "./scenario.ts";
import { check } from "./violation.ts";

const IN_FLIGHT_MAX = 4;
const RETRY_MS = 3000;
const EXPIRY_MS = 300_000;

type Pending = { readonly batch: Uint8Array; readonly client: number; retryAtMs: number };
type Submit = (request: number, batch: Uint8Array) => boolean;

/** Clients that sign real batches and send the same bytes again, to any node, until somebody acknowledges them. */
export type Clients = {
  /** Sends what is due. New batches come only while `more`. */
  tick(nowMs: number, more: boolean, submit: Submit): void;
  onAnswer(request: number, answer: ClientAnswer): void;
  outstanding(): number;
  readonly history: History;
};

export function createClients(scenario: Scenario, chainId: Hex, random: Random, faults: FaultCounts): Clients {
  const history: History = { submitted: new Map(), acknowledged: new Map() };
  const pending = new Map<Hex, Pending>();
  const requests = new Map<number, { id: Hex; bad: boolean }>();
  const sequences = Array.from({ length: CLIENTS }, () => 0n);
  let requestCount = 0;
  let transferCount = 0n;

  const send = (submit: Submit, batch: Uint8Array, of: { id: Hex; bad: boolean }): void => {
    requestCount += 1;
    requests.set(requestCount, of);
    if (!submit(requestCount, batch)) requests.delete(requestCount);
  };

  const newBatch = (client: number, nowMs: number): { batch: Uint8Array; transfers: readonly Transfer[] } => {
    const wall = EPOCH_MS + Math.floor(nowMs);
    const transfers = Array.from({ length: 1 + random.below(4) }, () => {
      transferCount += 1n;
      return newTransfer({
        id: (BigInt(wall) << 80n) | transferCount,
        debit: accountId(client),
        credit: accountId((client + 1 + random.below(CLIENTS - 1)) % CLIENTS),
        amount: BigInt(1 + random.below(1_000_000)),
        ledger: 1,
        code: 1,
      });
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
    history.submitted.set(id, transfers);
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

  return {
    history,
    outstanding: () => pending.size,
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
      const whole = "failures" in outcome && outcome.failures.length === 0;
      check(whole, "answers", () => `a covered batch failed: ${JSON.stringify(outcome)}`);
      const before = history.acknowledged.get(asked.id) ?? height;
      check(before === height, "answers", () => `batch ${asked.id} is acknowledged at ${before} and at ${height}`);
      history.acknowledged.set(asked.id, height);
      pending.delete(asked.id);
    },
  };
}
