import type { Hex } from "../base/bytes.ts";
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
  const { epoch } = record;
  const replicas = replicasIn(governance, { epoch, shard: shardOf(record) });
  if (replicas === undefined) return refuse("anchor_epoch_not_current");
  const [first, second] = record.attestations;
  // In one order only: the same anchor has one encoding.
  if (first.validator >= second.validator) return refuse("attested_by_one");
  const attesting = record.attestations.flatMap(({ validator, signature }) => {
    const replica = replicas.find(({ id }) => id === validator);
    return replica === undefined ? [] : [{ validator, signature, publicKey: replica.publicKey }];
  });
  if (attesting.length < record.attestations.length) return refuse("attester_not_a_replica");
  if (!attesting.some(({ publicKey }) => publicKey === signer)) return refuse("signer_not_vote_key");
  const { before, now } = governance.anchors;
  const digest = digestOf(record, chainId);
  if (isAnchored(governance, digest)) return refuse("anchored_already");
  if (now.length >= EPOCH_ANCHORS_MAX) return refuse("anchor_limit_reached");
  const attested = attesting.every(({ validator, signature, publicKey }) =>
    isAttested({ digest, epoch, validator }, signature, hashBytes(publicKey)),
  );
  if (!attested) return refuse("attestation_invalid");
  return accept({ ...governance, anchors: { before, now: [...now, digest] } });
}

/** Whether a version was anchored in this epoch or the one before. */
export const isAnchored = ({ anchors: { before, now } }: Governance, digest: Hex): boolean =>
  before.includes(digest) || now.includes(digest);

/** Who holds a shard in the epoch under way, or did in the one before, by id; undefined in any other. */
export function replicasIn(
  { epoch: current, previous }: Governance,
  { epoch, shard }: { readonly epoch: number; readonly shard: number },
): readonly Member[] | undefined {
  const members =
    epoch === current.number ? current.members : previous?.number === epoch ? previous.members : undefined;
  if (members === undefined) return undefined;
  const ids = replicasOfShard(
    members.map(({ id }) => id),
    { shard, replicas: REPLICAS },
  );
  return members.filter(({ id }) => ids.includes(id));
}
