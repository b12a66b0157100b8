import type { Hex } from "../base/bytes.ts";
import type { ValidatorRecord } from "../codec/validator-record.ts";
import type { Chain } from "./chain.ts";
import { newestHead } from "./chain-root.ts";
import { type Governance, memberOf } from "./governance.ts";
import { isSilent, type VoteCounts } from "./vote-counts.ts";

/**
 * What a validator signs by itself, with its vote key (domain.md, "Consensus, as far as users see it"): that it has caught
 * up when it wants to join, that it agrees to a joiner that has, that it agrees to replace a key that has been silent for
 * two epochs, and which state version its release can run.
 */
function duties(
  governance: Governance,
  validator: number,
  chain: {
    readonly counts: readonly VoteCounts[];
    /** The newest executed block: what a joiner that has caught up can say. */
    readonly newest: { readonly height: number; readonly resultsHash: Hex };
    readonly stateVersionMax: number;
  },
): readonly ValidatorRecord[] {
  const self = governance.validators.get(validator);
  if (self === undefined) return [];
  const records: ValidatorRecord[] = [];
  const stateVersion = chain.stateVersionMax;
  if (self.announced !== stateVersion) records.push({ kind: "announce", validator, stateVersion });
  if (self.join !== undefined && !self.join.caughtUp) records.push({ kind: "caught_up", validator, ...chain.newest });
  if (memberOf(governance, validator) === undefined) return records;
  for (const { id, join, replacement } of governance.validators.values()) {
    if (join?.caughtUp && !join.approvals.includes(validator))
      records.push({ kind: "approve", validator, subject: id, key: join.voteKey });
    if (replacement !== undefined && !replacement.approvals.includes(validator) && isSilent(chain.counts, id))
      records.push({ kind: "approve", validator, subject: id, key: replacement.voteKey });
  }
  return records;
}

/**
 * Records that this validator signs by itself with its vote key, in a batch of type `validator`. They stand here until they
 * are executed; `caught_up` is only true once the caller knows of no newer block.
 */
export const dutiesOf = (chain: Chain, validator: number): readonly ValidatorRecord[] => {
  const { height, resultsHash } = newestHead(chain);
  const { governance, counts, stateVersionMax } = chain;
  return duties(governance, validator, { counts, newest: { height, resultsHash }, stateVersionMax });
};

/** Whether a validator was a member with this key in the epoch before, this one, and has told nothing of it yet. */
export const owesReports = (
  { governance: { previous, reports } }: Chain,
  { validator, publicKey, epoch }: { readonly validator: number; readonly publicKey: Hex; readonly epoch: number },
): boolean =>
  previous?.number === epoch &&
  previous.members.some((member) => member.id === validator && member.publicKey === publicKey) &&
  !reports.has(validator);
