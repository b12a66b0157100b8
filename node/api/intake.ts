import type { Logger } from "pino";
import { assert } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import { peekBatch } from "../codec/batch.ts";
import type { ClientAnswer } from "../ports.ts";
import type { Allowance } from "./allowance.ts";
import type { Metrics } from "./metrics.ts";

/** One connection or call that asks: what it has on its way counts against its keys' allowance here, and nobody else's. */
export type Asker = { readonly reserved: Map<Hex, number> };

export const newAsker = (): Asker => ({ reserved: new Map() });

/** Gets the answer, once. Undefined: what became of the batch is not known here. */
export type Reply = (answer: ClientAnswer | undefined) => void;

/** Where every batch of a client goes in, whatever door it came through, and its answer comes out. */
export type Intake = {
  /** Hands a batch to the node; the number is for `forget`. The answer may come before this returns. */
  take(asker: Asker, batch: Uint8Array, reply: Reply): number;
  /** Whoever asked has gone: the answer is not written. */
  forget(request: number): void;
  answer(request: number, answer: ClientAnswer): void;
  /** Batches taken whose answer has not left. */
  outstanding(): number;
  /** What became of the outstanding batches is unknown here. */
  dropAll(): void;
  close(): void;
};

export type IntakeOptions = {
  readonly metrics: Metrics;
  readonly allowance: Allowance;
  /** Hands a batch to the node; its answer comes through `answer`. A text is why the node can't take it at all now. */
  readonly submit: (request: number, batch: Uint8Array) => string | undefined;
  /** Newest executed block. */
  readonly height: () => number;
  readonly log: Logger;
  /** Answers leave so much later: only in images built for tests. */
  readonly slowMs: number;
};

/** A batch without an answer for so long counts as failed. */
const ANSWER_DUE_MS = 10_000;
/** Of all doors together. */
const OUTSTANDING_MAX = 65_536;

type Request = {
  readonly asker: Asker;
  readonly reply: Reply;
  readonly takenAtMs: number;
  readonly takenAtHeight: number;
  readonly key: Hex;
  readonly count: number;
  /** Counted as failed already: its answer is late. */
  overdue: boolean;
};

export function startIntake(options: IntakeOptions): Intake {
  const { metrics, allowance, height, log } = options;
  const requests = new Map<number, Request>();
  let nextRequest = 1;

  const release = (request: number): Request | undefined => {
    const taken = requests.get(request);
    if (taken === undefined) return undefined;
    requests.delete(request);
    const { asker, key, count } = taken;
    const others = (asker.reserved.get(key) ?? 0) - count;
    assert(others >= 0, "reserved records are released once");
    if (others === 0) asker.reserved.delete(key);
    else asker.reserved.set(key, others);
    return taken;
  };
  const finish = (request: number, answer: ClientAnswer): void => {
    const taken = release(request);
    if (taken === undefined) return;
    taken.reply(answer);
    const refused = refusalOf(answer);
    if (answer.type === "committed") {
      // A stored result costs nothing new: only blocks since the batch came can hold it.
      if (refused === undefined && answer.height > taken.takenAtHeight) allowance.spend(taken.key, taken.count);
      // Refusals come at once: counting their time would hide slow commits.
      metrics.latency((performance.now() - taken.takenAtMs) / 1000);
    }
    metrics.records(refused === undefined ? "committed" : "refused", taken.count);
    if (refused !== undefined) metrics.batchRefused(refused);
    if (!taken.overdue) metrics.batchAnswered(refused === undefined ? "accepted" : "refused");
  };

  const overdue = setInterval(() => {
    const before = performance.now() - ANSWER_DUE_MS;
    for (const request of requests.values()) {
      if (request.takenAtMs > before) return;
      if (!request.overdue) metrics.batchAnswered("failed");
      request.overdue = true;
    }
  }, 1_000);

  const refuseNow = (reply: Reply, reason: string, result: "refused" | "failed", name = reason): number => {
    reply({ type: "refused", reason, retryable: true });
    metrics.batchRefused(name);
    metrics.batchAnswered(result);
    return 0;
  };

  return {
    take: (asker, batch, reply) => {
      // A batch too short to name a key is the node's to refuse.
      const { key, count } = peekBatch(batch) ?? { key: "", count: 0 };
      const reserved = asker.reserved.get(key) ?? 0;
      if (requests.size >= OUTSTANDING_MAX) return refuseNow(reply, "busy", "refused");
      if (!allowance.allows(key, reserved)) return refuseNow(reply, "over_allowance", "refused");
      const request = nextRequest++;
      asker.reserved.set(key, reserved + count);
      metrics.records("taken", count);
      const takenAtMs = performance.now();
      requests.set(request, { asker, reply, takenAtMs, takenAtHeight: height(), key, count, overdue: false });
      const cannot = options.submit(request, batch);
      if (cannot === undefined) return request;
      release(request);
      return refuseNow(reply, cannot, "failed", "read_only");
    },
    forget: (request) => void release(request),
    answer: (request, answer) => {
      if (options.slowMs > 0) setTimeout(finish, options.slowMs, request, answer);
      else finish(request, answer);
    },
    outstanding: () => requests.size,
    dropAll: () => {
      log.warn({ outstanding: requests.size }, "answers to clients are unknown here");
      for (const [number, request] of [...requests]) {
        if (!request.overdue) metrics.batchAnswered("failed");
        release(number);
        request.reply(undefined);
      }
    },
    close: () => clearInterval(overdue),
  };
}

function refusalOf(answer: ClientAnswer): string | undefined {
  if (answer.type === "refused") return answer.reason;
  return "refused" in answer.outcome ? answer.outcome.refused : undefined;
}
