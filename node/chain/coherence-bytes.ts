import { memo } from "../base/memo.ts";
import type { Omega } from "../cal/omega.ts";
import type { Report } from "../cal/reports.ts";
import { VALIDATORS_MAX } from "../codec/certificate.ts";
import { sha256 } from "../codec/hash.ts";
import { readFlag } from "../codec/parse.ts";
import type { Reader } from "../codec/reader.ts";
import { type Writer, writer } from "../codec/writer.ts";
import type { Coherence } from "./coherence.ts";
import { readList, writeList } from "./lists.ts";
import { MINTS_KEPT, readMint, writeMint } from "./mint-record.ts";

/** Canonical bytes of what was measured and reported: one state has one encoding. */
export function writeCoherence(to: Writer, coherence: Coherence): Writer {
  const { epoch, coherencePpm, meanPsiPpm, quorumCoherencePpm, stability, standings, mints } = coherence;
  const { lambdaPpm, emergency } = stability;
  to.u32(epoch).u32(coherencePpm).u32(meanPsiPpm).u32(quorumCoherencePpm).u32(lambdaPpm);
  to.u8(emergency.active ? 1 : 0).u32(emergency.calmEpochs);
  writeList(to, [...standings], (out, [id, standing]) =>
    writeOmega(out.u32(id).u32(standing.weight), standing.omega)
      .u32(standing.sizePpm)
      .u32(standing.alignmentPpm)
      .u32(standing.disorderPpm)
      .u32(standing.variancePpm)
      .u32(standing.psiPpm),
  );
  return writeList(to, mints, writeMint);
}

export function readCoherence(from: Reader): Coherence {
  const values = {
    ...{ epoch: from.u32(), coherencePpm: from.u32(), meanPsiPpm: from.u32(), quorumCoherencePpm: from.u32() },
    stability: { lambdaPpm: from.u32(), emergency: { active: readFlag(from), calmEpochs: from.u32() } },
  };
  const standings = readList(from, VALIDATORS_MAX, () => {
    const id = from.u32();
    const standing = {
      ...{ weight: from.u32(), omega: readOmega(from), sizePpm: from.u32(), alignmentPpm: from.u32() },
      ...{ disorderPpm: from.u32(), variancePpm: from.u32(), psiPpm: from.u32() },
    };
    return [id, standing] as const;
  });
  return { ...values, standings: new Map(standings), mints: readList(from, MINTS_KEPT, readMint) };
}

/** Worked out once for each: it changes with an epoch only. */
export const coherenceHash = memo(
  (coherence: Coherence): Uint8Array => sha256(writeCoherence(writer(), coherence).done()),
);

export const writeOmega = (to: Writer, omega: Omega): Writer =>
  to
    .u32(omega.participationPpm)
    .u32(omega.timelinessPpm)
    .u32(omega.agreementPpm)
    .u32(omega.meshPpm)
    .u32(omega.availabilityPpm);

export const readOmega = (from: Reader): Omega => ({
  participationPpm: from.u32(),
  timelinessPpm: from.u32(),
  agreementPpm: from.u32(),
  meshPpm: from.u32(),
  availabilityPpm: from.u32(),
});

export const writeReports = (to: Writer, reports: ReadonlyMap<number, readonly Report[]>): Writer =>
  writeList(to, [...reports], (out, [reporter, own]) =>
    writeList(out.u32(reporter), own, (inner, { subject, timelinessPpm, availabilityPpm, meshPpm }) => {
      inner.u32(subject).u32(timelinessPpm).u32(availabilityPpm);
      return meshPpm === undefined ? inner.u8(0) : inner.u8(1).u32(meshPpm);
    }),
  );

export function readReports(from: Reader): ReadonlyMap<number, readonly Report[]> {
  const all = readList(from, VALIDATORS_MAX, () => {
    const reporter = from.u32();
    const own = readList(from, VALIDATORS_MAX, (): Report => {
      const report = { reporter, subject: from.u32(), timelinessPpm: from.u32(), availabilityPpm: from.u32() };
      return readFlag(from) ? { ...report, meshPpm: from.u32() } : report;
    });
    return [reporter, own] as const;
  });
  return new Map(all);
}
