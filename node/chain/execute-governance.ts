import { unreachable } from "../base/assert.ts";
import type { Result } from "../base/result.ts";
import { decodeAnchors } from "../codec/anchor.ts";
import { decodeAuthorityRecords } from "../codec/authority-record.ts";
import type { Batch, BatchType } from "../codec/batch.ts";
import { decodeConversions } from "../codec/conversion.ts";
import { decodeReports } from "../codec/report.ts";
import { decodeRotations } from "../codec/rotation.ts";
import { decodeValidatorRecords } from "../codec/validator-record.ts";
import { executeAnchor } from "./execute-anchor.ts";
import { type Authority, executeAuthorityRecord } from "./execute-authority.ts";
import { executeConversion } from "./execute-conversion.ts";
import { executeReport } from "./execute-report.ts";
import { executeRotation } from "./execute-rotation.ts";
import { executeValidatorRecord, type Governed, type Scene } from "./execute-validator.ts";
import type { Governance } from "./governance.ts";
import type { SupplyCaps } from "./supply.ts";
import type { BatchOutcome } from "./types.ts";

/** The batch types that the ledger knows by itself; all others may change the governance. */
export type LedgerBatch = Batch & { readonly type: "transfers" | "accounts" };
export type GovernanceBatch = Batch & { readonly type: Exclude<BatchType, LedgerBatch["type"]> };

export const isLedgerBatch = (batch: Batch): batch is LedgerBatch =>
  batch.type === "transfers" || batch.type === "accounts";
export const isGovernanceBatch = (batch: Batch): batch is GovernanceBatch => !isLedgerBatch(batch);

/** `cause` is the records': the batch's id with the record's index in its lowest 16 bits. */
export type GovernanceScene = Omit<Scene, "cause"> & {
  readonly authority: Authority;
  readonly supplyCaps: SupplyCaps;
};

/** Executes a checked batch, record by record; each is applied or refused by itself. */
export function executeGovernance(
  before: Governance,
  batch: GovernanceBatch,
  scene: GovernanceScene,
): { readonly governance: Governance; readonly outcome: BatchOutcome } {
  let governance = before;
  const failures: { index: number; code: string }[] = [];
  for (const [index, step] of stepsOf(batch).entries()) {
    const done = step(governance, { ...scene, cause: causeOf(batch, index) });
    if (done.ok) governance = done.value;
    else failures.push({ index, code: done.reason });
  }
  return { governance, outcome: { count: batch.count, failures } };
}

type Step = (
  governance: Governance,
  scene: GovernanceScene & Scene,
) => Governed | Extract<Result<never>, { ok: false }>;

function stepsOf({ type, payload }: GovernanceBatch): readonly Step[] {
  switch (type) {
    case "validator":
      return decodeValidatorRecords(payload).map(
        (record): Step =>
          (governance, scene) =>
            record.ok ? executeValidatorRecord(governance, record.value, scene) : record,
      );
    case "authority":
      return decodeAuthorityRecords(payload).map(
        (record): Step =>
          (governance, scene) =>
            record.ok ? executeAuthorityRecord(governance, record.value, scene) : record,
      );
    case "conversions":
      return decodeConversions(payload).map(
        (conversion): Step =>
          (governance, scene) => {
            const result = executeConversion(governance, conversion, scene);
            return result === "applied" ? { ok: true, value: governance } : { ok: false, reason: result };
          },
      );
    case "rotations":
      return decodeRotations(payload).map(
        (rotation): Step =>
          (governance, scene) =>
            executeRotation(governance, rotation, scene),
      );
    case "reports":
      return decodeReports(payload).map(
        (report): Step =>
          (governance, { signer }) =>
            executeReport(governance, report, signer),
      );
    case "anchors":
      return decodeAnchors(payload).map(
        (record): Step =>
          (governance, scene) =>
            record.ok ? executeAnchor(governance, record.value, scene) : record,
      );
    default:
      return unreachable(type);
  }
}

/** Hexadecimal digits of the batch's id that stand in a cause: 112 bits. */
const CAUSE_DIGITS = 28;
const causeOf = (batch: Batch, index: number): bigint =>
  (BigInt(`0x${batch.id.slice(0, CAUSE_DIGITS)}`) << 16n) | BigInt(index);
