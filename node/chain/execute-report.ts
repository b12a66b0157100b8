import type { Hex } from "../base/bytes.ts";
import { accept, refuse } from "../base/result.ts";
import { isPpm } from "../cal/ratio.ts";
import type { ReportRecord } from "../codec/report.ts";
import type { Governed } from "./execute-validator.ts";
import type { Governance } from "./governance.ts";

/**
 * Takes what a member of the epoch before says of another one (domain.md, "CAL"): signed with the vote key that it had
 * then, and once. Reports that come after E are too late to count, like all else (rule 6); a refusal changed nothing.
 */
export function executeReport(governance: Governance, record: ReportRecord, signer: Hex): Governed {
  const { epoch, previous, validators, reports } = governance;
  const { epoch: about, reporter, ...report } = record;
  if (about >= epoch.number) return refuse("report_epoch_not_over");
  if (previous === undefined || about !== previous.number) return refuse("report_epoch_settled");
  const member = previous.members.find(({ id }) => id === reporter);
  if (member === undefined) return refuse("reporter_not_a_member");
  if (member.publicKey !== signer) return refuse("signer_not_vote_key");
  const { subject, timelinessPpm, availabilityPpm, meshPpm = 0 } = report;
  if (!validators.has(subject)) return refuse("subject_unknown");
  if (!previous.members.some(({ id }) => id === subject)) return refuse("subject_not_a_member");
  if (subject === reporter) return refuse("reported_itself");
  const before = reports.get(reporter) ?? [];
  if (before.some((one) => one.subject === subject)) return refuse("reported_already");
  if (![timelinessPpm, availabilityPpm, meshPpm].every(isPpm)) return refuse("ratio_out_of_range");
  const own = [...before, { reporter, ...report }].toSorted((a, b) => a.subject - b.subject);
  const all = [...reports].filter(([id]) => id !== reporter);
  return accept({
    ...governance,
    reports: new Map([...all, [reporter, own] as const].toSorted(([a], [b]) => a - b)),
  });
}
