import type { ResultCode } from "../ledger/codes.ts";
import type { ClientAnswer } from "../ports.ts";

/** A record that changed nothing, and why. */
export type RecordFailure = { readonly index: number; readonly code: ResultCode };

export type SendResult =
  /** Executed, finally. Records that are not named were applied, now or before. */
  | {
      readonly type: "committed";
      /**
       * Of the block that executed it. `confirm: "proof"` is sure of what became of the batch, not of this: a block that orders it
       * once more, which a faulty node may point to, has the same result.
       */
      readonly height: number;
      readonly failures: readonly RecordFailure[];
      /** Index of the target that answered first. */
      readonly target: number;
    }
  /** Nothing has happened. */
  | { readonly type: "refused"; readonly reason: string }
  /** It may or may not be executed: `settle` finds out, or look the ids up at a block past their window. */
  | { readonly type: "unknown"; readonly reason: string };

/** Where a block says so of a batch, it was too late or too much there: an earlier or later block may have executed the same bytes. */
export const OF_ITS_PLACE: readonly string[] = [
  "expired",
  "sequence_too_old",
  "sequence_taken",
  "too_many_streams",
  "ids_exhausted",
];

/** Why nothing has happened, if the answer says that. */
export function refusalOf(answer: ClientAnswer): string | undefined {
  if (answer.type === "refused") return answer.reason;
  return "refused" in answer.outcome ? answer.outcome.refused : undefined;
}

export function resultOf(answer: ClientAnswer, target: number): SendResult {
  const reason = refusalOf(answer);
  if (answer.type === "refused" || reason !== undefined) return { type: "refused", reason: reason ?? "refused" };
  const failures = "failures" in answer.outcome ? answer.outcome.failures : [];
  return {
    type: "committed",
    height: answer.height,
    // A node of a newer release may know codes that this client does not; they pass through as they are.
    failures: failures.map(({ index, code }) => ({ index, code: code as ResultCode })),
    target,
  };
}
