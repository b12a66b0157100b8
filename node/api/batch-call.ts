import type { ClientAnswer } from "../ports.ts";
import { type Intake, newAsker } from "./intake.ts";
import type { ApiError } from "./json-contract.ts";
import { refusalField } from "./refusal.ts";

/** The HTTP answer to one posted batch. */
export type BatchAnswer = { readonly code: number; readonly body: object };

/** Calls that wait for their block at the same time; each holds at most one batch. */
const CALLS_MAX = 64;
/** Less than what cuts a silent connection off. */
const WAIT_MS = 10_000;

export type BatchCalls = {
  /** `gone` calls back when whoever asked has hung up. */
  post(batch: Uint8Array, gone: (forget: () => void) => void): Promise<BatchAnswer>;
};

export function batchCalls(intake: Intake, { callsMax = CALLS_MAX, waitMs = WAIT_MS } = {}): BatchCalls {
  let calls = 0;
  return {
    post: (batch, gone) => {
      if (calls >= callsMax) return Promise.resolve(refused({ reason: "too_many_in_flight", retryable: true }));
      calls += 1;
      return new Promise<BatchAnswer>((resolve) => {
        let request = 0;
        const late = setTimeout(() => leave(unanswered), waitMs);
        const leave = (answer: BatchAnswer): void => {
          clearTimeout(late);
          intake.forget(request);
          resolve(answer);
        };
        // An answer may come before `take` returns: then there is nothing to forget.
        request = intake.take(newAsker(), batch, (answer) => leave(answer === undefined ? unanswered : told(answer)));
        gone(() => leave(unanswered));
      }).finally(() => {
        calls -= 1;
      });
    },
  };
}

const unanswered: BatchAnswer = {
  code: 504,
  body: {
    error: "no answer yet: it may still be executed; send the same bytes again",
    reason: "unanswered",
    retryable: true,
  },
};

function told(answer: ClientAnswer): BatchAnswer {
  if (answer.type === "refused") return refused(answer);
  const { outcome, height } = answer;
  if ("refused" in outcome) return refused({ reason: outcome.refused, retryable: false });
  return { code: 200, body: { type: "committed", height, count: outcome.count, failures: outcome.failures } };
}

function refused({ reason, retryable }: { readonly reason: string; readonly retryable: boolean }): BatchAnswer {
  const field = refusalField(reason);
  const limited = reason === "over_allowance" || reason === "too_many_in_flight" || reason === "busy";
  const body: ApiError = {
    error: field === undefined ? `batch refused: ${reason}` : `${field}: batch refused: ${reason}`,
    ...(field === undefined ? {} : { field }),
    reason,
    retryable,
  };
  return { code: limited ? 429 : retryable ? 503 : 422, body };
}
