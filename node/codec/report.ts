import { assert } from "../base/assert.ts";

/**
 * What a validator saw of another one in an epoch (domain.md, "CAL"): 24 bytes, little-endian. reporter u32 @0, subject u32
 * @4, epoch u32 @8, timeliness, availability and mesh agreement in ppm, u32 each @12; mesh 2³² − 1: nothing to say of it. The
 * signature of the batch, by the reporter's vote key of that epoch, is the record's.
 */
export const REPORT_BYTES = 24;
/** One batch reports about everyone else. */
export const REPORTS_MAX = 99;
const NO_MESH = 0xffff_ffff;

export type ReportRecord = {
  readonly reporter: number;
  readonly subject: number;
  readonly epoch: number;
  readonly timelinessPpm: number;
  readonly availabilityPpm: number;
  /** Undefined where the two did not compare any common range of the mesh. */
  readonly meshPpm?: number | undefined;
};

/** The payload of a batch of type `reports`. */
export function encodeReports(reports: readonly ReportRecord[]): Uint8Array {
  const bytes = new Uint8Array(reports.length * REPORT_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [index, { reporter, subject, epoch, timelinessPpm, availabilityPpm, meshPpm }] of reports.entries()) {
    const fields = [reporter, subject, epoch, timelinessPpm, availabilityPpm, meshPpm ?? NO_MESH];
    for (const [place, value] of fields.entries()) view.setUint32(index * REPORT_BYTES + 4 * place, value, true);
  }
  return bytes;
}

/** Every bit pattern is a report; whether it counts is the chain's question. */
export function decodeReports(payload: Uint8Array): ReportRecord[] {
  assert(payload.length % REPORT_BYTES === 0, "reports are whole records");
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  return Array.from({ length: payload.length / REPORT_BYTES }, (_, index) => {
    const at = (place: number): number => view.getUint32(index * REPORT_BYTES + 4 * place, true);
    const report = { reporter: at(0), subject: at(1), epoch: at(2), timelinessPpm: at(3), availabilityPpm: at(4) };
    return at(5) === NO_MESH ? report : { ...report, meshPpm: at(5) };
  });
}
