import type { Hex } from "../base/bytes.ts";
import { CARRIED_DEPTH_MAX, type SealedBlock } from "../codec/block.ts";
import type { BlockRecord } from "../codec/block-record.ts";
import type { Committee } from "../codec/certificate.ts";
import { evidenceProblem } from "../codec/evidence.ts";
import { verify } from "../codec/signature.ts";
import { ballotMessage } from "../codec/vote.ts";
import { notarizeBallot } from "../consensus/attendance.ts";
import { SOUND_RULES } from "../consensus/rules.ts";

/** What is wrong with the signatures inside a block, if anything: votes that it carries, evidence of offences. */
export function bodyFault(
  block: SealedBlock,
  known: {
    readonly folder: { readonly chainId: Hex };
    readonly recent: readonly BlockRecord[];
    readonly committees: ReadonlyMap<number, Committee>;
  },
): string | undefined {
  const { chainId } = known.folder;
  const { contradicts } = SOUND_RULES;
  const ancestors = known.recent.slice(-CARRIED_DEPTH_MAX).toReversed();
  for (const { depth, signer, executedHash, signature } of block.votes) {
    const target = ancestors[depth - 1]?.block;
    const member = target === undefined ? undefined : known.committees.get(target.epoch)?.byId.get(signer);
    if (target === undefined || member === undefined) return `it carries a vote of validator ${signer} for nothing`;
    const message = ballotMessage(chainId, notarizeBallot(target, executedHash));
    if (!verify({ message, signature, publicKey: member.publicKey }))
      return `it carries a vote of validator ${signer} with a wrong signature`;
  }
  for (const evidence of block.evidence) {
    const problem = evidenceProblem(evidence, { chainId, verify, contradicts });
    if (problem !== undefined) return `it carries ${problem}`;
  }
  return undefined;
}
