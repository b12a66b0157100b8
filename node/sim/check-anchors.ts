import { present } from "../base/assert.ts";
import { type AnchorRecord, decodeAnchors, isAttested } from "../codec/anchor.ts";
import { parseBatch, payloadOf } from "../codec/batch.ts";
import { hashBytes } from "../codec/parse.ts";
import type { NodeEvent } from "../ports.ts";
import type { Validator } from "./check-finality.ts";
import { holdersOf, shardOfKey } from "./shards.ts";
import { check } from "./violation.ts";

export type Anchored = Extract<NodeEvent, { type: "anchored" }>;

/** What stands anchored in the ledger: versions that an author wrote, attested by two holders of their shard, once. */
export type AnchorsChecker = {
  /** An honest node has executed it; false: another one did before. */
  onAnchored(anchored: Anchored): boolean;
};

export function createAnchorsChecker({
  membersOf,
  wasHeld,
}: {
  readonly membersOf: (epoch: number) => readonly Validator[] | undefined;
  readonly wasHeld: (digest: string) => boolean;
}): AnchorsChecker {
  /** Heights by digest, and the epoch that each was attested in. */
  const anchored = new Map<string, Map<number, number>>();

  return {
    onAnchored: ({ digest, author, id, height, batch }) => {
      const heights = anchored.get(digest) ?? new Map<number, number>();
      anchored.set(digest, heights);
      if (heights.has(height)) return false;
      const where = `${author}/${id} at height ${height}`;
      const record = recordIn(batch, { author, id });
      for (const epoch of heights.values())
        check(record.epoch > epoch, "one anchor", () => `${where} was anchored in epoch ${epoch} already`);
      heights.set(height, record.epoch);
      check(wasHeld(digest), "anchors", () => `${where} is a version that no node held`);
      const members = present(membersOf(record.epoch), "an attested epoch has begun");
      const holders = holdersOf(members.map((member) => member.id))[shardOfKey(`${author}/${id}`)];
      const [one, other] = record.attestations;
      check(one.validator !== other.validator, "anchors", () => `${where}: one validator attested twice`);
      for (const { validator, signature } of record.attestations) {
        check(holders?.has(validator) === true, "anchors", () => `${where}: ${validator} does not hold the shard`);
        const key = members.find((member) => member.id === validator)?.publicKey ?? "";
        const attested = { digest, epoch: record.epoch, validator };
        check(
          isAttested(attested, signature, hashBytes(key)),
          "anchors",
          () => `${where}: ${validator} did not sign it`,
        );
      }
      return true;
    },
  };
}

function recordIn(bytes: Uint8Array, key: { readonly author: string; readonly id: string }): AnchorRecord {
  const batch = parseBatch(bytes);
  const records = batch.ok ? decodeAnchors(payloadOf(bytes)) : [];
  const found = records.find((record) => record.ok && record.value.author === key.author && record.value.id === key.id);
  return present(found?.ok ? found.value : undefined, "the batch of an anchor holds its record");
}
