import { present } from "../base/assert.ts";
import { accept, refuse } from "../base/result.ts";
import { type AnchorRecord, isAttested } from "../codec/anchor.ts";
import { digestOf, shardOf } from "../codec/memory-entry.ts";
import { hashBytes } from "../codec/parse.ts";
import { REPLICAS, replicasOfShard } from "../codec/shard-placement.ts";
import type { Governed, Scene } from "./execute-validator.ts";
import type { Governance } from "./governance.ts";
import type { Member } from "./types.ts";

/** Entries that are anchored in one epoch at most: nobody pays for them. */
export const EPOCH_ANCHORS_MAX = 64;

/**
 * Anchors a version of a memory entry (domain.md, "Memory mesh"): two replicas of its shard have signed it, by the set, placement
 * and vote keys of this epoch or, as records take a moment to be ordered, the one before. One of them signs the batch, so a
 * stranger's is refused before anything is verified. What it says stands in the batch, and its outcome in the block's results.
 */
export function executeAnchor(governance: Governance, record: AnchorRecord, { chainId, signer }: Scene): Governed {
  const members = membersIn(governance, record.epoch);
  if (members === undefined) return refuse("anchor_epoch_not_current");
  const [first, second] = record.attestations;
  // In one order only: the same anchor has one encoding.
  if (first.validator >= second.validator) return refuse("attested_by_one");
  const ids = members.map(({ id }) => id);
  const replicas = replicasOfShard(ids, { shard: shardOf(record), replicas: REPLICAS });
  if (!replicas.includes(first.validator) || !replicas.includes(second.validator))
    return refuse("attester_not_a_replica");
  const attesting = record.attestations.map(({ validator, signature }) => {
    const { publicKey } = present(
      members.find(({ id }) => id === validator),
      "a replica is a member",
    );
    return { validator, signature, publicKey };
  });
  if (!attesting.some(({ publicKey }) => publicKey === signer)) return refuse("signer_not_vote_key");
  const { before, now } = governance.anchors;
  const digest = digestOf(record, chainId);
  if (before.includes(digest) || now.includes(digest)) return refuse("anchored_already");
  if (now.length >= EPOCH_ANCHORS_MAX) return refuse("anchor_limit_reached");
  const attested = attesting.every(({ validator, signature, publicKey }) =>
    isAttested({ digest, epoch: record.epoch, validator }, signature, hashBytes(publicKey)),
  );
  if (!attested) return refuse("attestation_invalid");
  return accept({ ...governance, anchors: { before, now: [...now, digest] } });
}

function membersIn({ epoch, previous }: Governance, number: number): readonly Member[] | undefined {
  if (epoch.number === number) return epoch.members;
  return previous?.number === number ? previous.members : undefined;
}
