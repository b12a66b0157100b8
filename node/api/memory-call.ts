import { fromHex, type Hex } from "../base/bytes.ts";
import { sealEntry } from "../codec/memory-entry.ts";
import { type Allowance, createAllowance } from "./allowance.ts";
import type { BatchAnswer } from "./batch-call.ts";
import type { ApiError } from "./json-contract.ts";
import { summaryOf } from "./memory-routes.ts";
import type { MemorySource } from "./memory-source.ts";

/** One signed version, as a request carries it; without content a tombstone. */
export type MemoryWrite = {
  readonly author: Hex;
  readonly id: string;
  readonly clock: bigint;
  readonly signature: Hex;
  readonly content: Uint8Array | undefined;
};

/** Writes at the same time, and a second by one author, through this node. */
const CALLS_MAX = 64;
const WRITES_PER_SECOND = 100;

const FIELDS: Readonly<Record<string, string>> = {
  signature_invalid: "signature",
  clock_ahead: "clock",
  stale: "clock",
  below_watermark: "clock",
  author_quota: "author",
  over_allowance: "author",
};
/** Codes of refusals that are not 422. */
const CODES: Readonly<Record<string, number>> = {
  stale: 409,
  author_quota: 429,
  over_allowance: 429,
  too_many_in_flight: 429,
  too_many_waiting: 429,
  not_held: 503,
  over_rate: 503,
  unanswered: 503,
};

export type MemoryCalls = { write(version: MemoryWrite): Promise<BatchAnswer> };

export function memoryCalls(
  memory: MemorySource,
  allowance: Allowance = createAllowance({
    ...{ perSecond: WRITES_PER_SECOND, nowMs: () => performance.now(), resOf: () => 0n },
  }),
): MemoryCalls {
  let calls = 0;
  return {
    write: async ({ signature, ...fields }) => {
      if (calls >= CALLS_MAX) return refused("too_many_in_flight", "too many writes at the same time");
      if (!allowance.allows(fields.author, 0)) return refused("over_allowance", `${WRITES_PER_SECOND} writes a second`);
      calls += 1;
      try {
        const { bytes } = sealEntry(fields, memory.chainId, fromHex(signature, 64) ?? new Uint8Array(64));
        const taken = await memory.publish(bytes);
        // A stranger who signs wrongly must not use up the author's allowance.
        if (!taken.ok) return refused(taken.reason, taken.detail ?? taken.reason);
        allowance.spend(fields.author, 1);
        const { state, entry } = taken.value;
        return { code: state === "waits" ? 202 : 200, body: { ...summaryOf(entry), state } };
      } finally {
        calls -= 1;
      }
    },
  };
}

function refused(reason: string, detail: string): BatchAnswer {
  const code = CODES[reason] ?? 422;
  const field = FIELDS[reason];
  const body: ApiError = {
    error: field === undefined ? `entry refused: ${detail}` : `${field}: entry refused: ${detail}`,
    ...(field === undefined ? {} : { field }),
    reason,
    retryable: code === 503 || (code === 429 && reason !== "author_quota"),
  };
  return { code, body };
}
