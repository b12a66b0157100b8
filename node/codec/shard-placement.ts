import { assert } from "../base/assert.ts";
import { sha256Hex } from "./hash.ts";
import { writer } from "./writer.ts";

/** Parts of the memory mesh, and validators that hold each (domain.md, "Memory mesh"). */
export const SHARDS = 10;
export const REPLICAS = 3;

// Tells these hashes from every other one in the system.
const PURPOSE = "hmn shard placement 1\n";

/** The replicas of each shard (the index), as `replicasOfShard` has them. */
export const shardReplicas = (
  members: readonly number[],
  { shards, replicas }: { readonly shards: number; readonly replicas: number },
): readonly (readonly number[])[] =>
  Array.from({ length: shards }, (_, shard) => replicasOfShard(members, { shard, replicas }));

/**
 * The replicas of one shard, by id ascending: rendezvous hashing (Thaler & Ravishankar 1998). Per shard every member draws
 * SHA-256 (purpose, shard, member), and the highest draws hold it; all members, where there are fewer than `replicas`. When a
 * member leaves, only its own places move. Meshes place entries by it, and the chain checks who may attest one.
 */
export function replicasOfShard(
  members: readonly number[],
  { shard, replicas }: { readonly shard: number; readonly replicas: number },
): readonly number[] {
  assert(
    members.every((member, index) => index === 0 || member > (members[index - 1] ?? member)),
    "members are ascending, each once",
  );
  return members
    .map((member) => ({ member, draw: sha256Hex(writer().text(PURPOSE).u32(shard).u32(member).done()) }))
    .toSorted((a, b) => (a.draw < b.draw ? 1 : -1))
    .slice(0, replicas)
    .map(({ member }) => member)
    .toSorted((a, b) => a - b);
}
