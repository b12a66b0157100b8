import { type BlockRecord, isLinked } from "../codec/block-record.ts";
import { certificateProblem, keepCertificate } from "./certificates.ts";
import { commitRecord } from "./finality.ts";
import type { ConsensusState } from "./state.ts";
import type { Turn } from "./turn.ts";

/**
 * A final block from a node that is further on: nothing of it is believed before its certificate is verified with its
 * epoch's weights, so a record of the next epoch has to wait until that has begun here. The answer says why it was dropped.
 */
export function onRecord(state: ConsensusState, turn: Turn, record: BlockRecord): string | undefined {
  const { block, certificate } = record;
  if (block.height <= state.tip.height) return undefined;
  if (block.epoch !== state.epoch || state.closed) return "record of another epoch";
  if (!isLinked(record)) return "record whose certificate is not the block's";
  const { finality } = state;
  // One certificate proves all records of a branch.
  const proved =
    finality?.ballot.view === certificate.ballot.view && finality.ballot.block === certificate.ballot.block;
  if (!proved) {
    const problem = certificateProblem(state, certificate);
    if (problem !== undefined) return problem;
    keepCertificate(state, turn, certificate);
    // With the bodies that are here, the certificate may have been all that was missing.
    if (block.height <= state.tip.height) return undefined;
  }
  return commitRecord(state, turn, record);
}
