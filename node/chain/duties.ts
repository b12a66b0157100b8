import { OBSERVER_IDS } from "../api/contract.ts";
import type { Hex } from "../base/bytes.ts";
import type { ValidatorRecord } from "../codec/validator-record.ts";
import type { Chain } from "./chain.ts";
import { newestHead } from "./chain-root.ts";
import { memberOf } from "./governance.ts";
import { isSilent } from "./vote-counts.ts";

/**
 * What a validator signs by itself, with its vote key, in a batch of type `validator` (domain.md, "Consensus, as far as users
 * see it"): that it has caught up when it wants to join (only true once the caller knows of no newer block), that it agrees
 * to a joiner that has, that it agrees to replace a key that has been silent for two epochs, and which state version its
 * release can run. Each stands here until it is executed.
 */
export function dutiesOf(chain: Chain, validator: number): readonly ValidatorRecord[] {
  const { governance, counts, stateVersionMax: stateVersion } = chain;
  const self = governance.validators.get(validator);
  if (self === undefined) return [];
  const records: ValidatorRecord[] = [];
  if (self.announced !== stateVersion) records.push({ kind: "announce", validator, stateVersion });
  if (self.join !== undefined && !self.join.caughtUp) {
    const { height, resultsHash } = newestHead(chain);
    records.push({ kind: "caught_up", validator, height, resultsHash });
  }
  if (memberOf(governance, validator) === undefined) return records;
  for (const { id, join, replacement } of governance.validators.values()) {
    // As an observer it would be known to every transport, and its votes would go nowhere.
    if (join?.caughtUp && id < OBSERVER_IDS.first && !join.approvals.includes(validator))
      records.push({ kind: "approve", validator, subject: id, key: join.voteKey });
    if (replacement !== undefined && !replacement.approvals.includes(validator) && isSilent(counts, id))
      records.push({ kind: "approve", validator, subject: id, key: replacement.voteKey });
  }
  return records;
}

/** Whether a validator was a member with this key in the epoch before, this one, and has told nothing of it yet. */
export const owesReports = (
  { governance: { previous, reports } }: Chain,
  { validator, publicKey, epoch }: { readonly validator: number; readonly publicKey: Hex; readonly epoch: number },
): boolean =>
  previous?.number === epoch &&
  previous.members.some((member) => member.id === validator && member.publicKey === publicKey) &&
  !reports.has(validator);
