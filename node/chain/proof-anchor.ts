import { accept, type Result, refuse } from "../base/result.ts";
import type { Nanos } from "../base/units.ts";
import { type AnchorRecord, decodeAnchors } from "../codec/anchor.ts";
import { parseBatch, payloadIsSigned } from "../codec/batch.ts";
import { BATCH_TYPE_NUMBERS } from "../codec/batch-head.ts";
import { type BatchProof, checkBatchProof, type ProofFault, type Trust } from "./proof.ts";
import type { BatchOutcome } from "./types.ts";

/** That a version of a memory entry was anchored: what became of a batch, and what it says. */
export type AnchorProof = Omit<BatchProof, "kind"> & {
  readonly kind: "anchor";
  /** Of the record in the batch. */
  readonly index: number;
  /** The bytes that the batch's id names. */
  readonly content: Uint8Array;
};

export type Anchored = {
  readonly record: AnchorRecord;
  /** Height of the block that anchored it. */
  readonly height: number;
  /** Block time of the final block that names its results: it was anchored at the latest then. */
  readonly byTime: Nanos;
};

/** Of a batch's type: almost all batches of a block are looked at no further. */
const TYPE_AT = 4;

/** What was anchored where, if the proof holds. */
export function checkAnchorProof(
  proof: AnchorProof,
  trust: Trust,
): Result<Anchored, ProofFault | "not_the_batch" | "not_anchored"> {
  const checked = checkBatchProof({ ...proof, kind: "batch" }, trust);
  if (!checked.ok) return checked;
  const batch = parseBatch(proof.content);
  if (!batch.ok || batch.value.id !== proof.batch || !payloadIsSigned(batch.value)) return refuse("not_the_batch");
  const found = anchorsOf(proof.content, proof.outcome).find(({ index }) => index === proof.index);
  if (found === undefined) return refuse("not_anchored");
  return accept({ record: found.record, height: checked.value.height, byTime: proof.final.header.time });
}

/** What an executed batch anchored, with each record's place in it; nothing if it is of another type. */
export function anchorsOf(
  bytes: Uint8Array,
  outcome: BatchOutcome,
): readonly { readonly index: number; readonly record: AnchorRecord }[] {
  if ("refused" in outcome || bytes[TYPE_AT] !== BATCH_TYPE_NUMBERS.anchors) return [];
  const batch = parseBatch(bytes);
  if (!batch.ok) return [];
  const failed = new Set(outcome.failures.map(({ index }) => index));
  return decodeAnchors(batch.value.payload).flatMap((record, index) =>
    record.ok && !failed.has(index) ? [{ index, record: record.value }] : [],
  );
}

/** A batch's proof with what the batch says. */
export const withContent = (
  proof: BatchProof,
  { index, content }: { readonly index: number; readonly content: Uint8Array },
): AnchorProof => ({ ...proof, kind: "anchor", index, content });
