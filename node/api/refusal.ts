/**
 * Why a client's batch may be refused as a whole, and which part of it that is about; undefined where the batch itself is
 * in order. What the chain or the node may say beside these is counted as `other`.
 */
export const REFUSAL_FIELDS = {
  frame_malformed: "frame",
  frame_too_long: "frame",
  batch_malformed: "batch",
  batch_version_unknown: "version",
  batch_type_unknown: "type",
  wrong_chain: "chainId",
  signature_invalid: "signature",
  payload_hash_differs: "payload",
  expired: "expiry",
  expiry_too_far: "expiry",
  sequence_too_old: "sequence",
  sequence_taken: "sequence",
  too_many_streams: "stream",
  over_allowance: "count",
  too_many_in_flight: undefined,
  busy: undefined,
  stopping: undefined,
  read_only: undefined,
  other: undefined,
} as const satisfies Readonly<Record<string, string | undefined>>;

export type RefusalName = keyof typeof REFUSAL_FIELDS;

export const refusalNames: readonly RefusalName[] = Object.keys(REFUSAL_FIELDS).filter(isRefusalName);

/** The name under which a refusal is counted. */
export const refusalName = (reason: string): RefusalName => (isRefusalName(reason) ? reason : "other");

export const refusalField = (reason: string): string | undefined => REFUSAL_FIELDS[refusalName(reason)];

function isRefusalName(reason: string): reason is RefusalName {
  return Object.hasOwn(REFUSAL_FIELDS, reason);
}
