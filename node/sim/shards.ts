import { createHash } from "node:crypto";

const SHARDS = 10;
const REPLICAS = 3;

/** Who holds each shard (the index), by the checkers' own rendezvous hashing (docs/mesh.md): the three highest draws. */
export function holdersOf(members: readonly number[]): readonly ReadonlySet<number>[] {
  return Array.from({ length: SHARDS }, (_, shard) => {
    const draws = members.map((member) => ({ member, draw: drawOf(shard, member) }));
    const highest = draws.toSorted((a, b) => Buffer.compare(b.draw, a.draw)).slice(0, REPLICAS);
    return new Set(highest.map(({ member }) => member));
  });
}

function drawOf(shard: number, member: number): Buffer {
  const purpose = Buffer.from("hmn shard placement 1\n");
  const bytes = Buffer.alloc(4 + purpose.length + 8);
  bytes.writeUInt32LE(purpose.length, 0);
  purpose.copy(bytes, 4);
  bytes.writeUInt32LE(shard, 4 + purpose.length);
  bytes.writeUInt32LE(member, 8 + purpose.length);
  return createHash("sha256").update(bytes).digest();
}

/** The shard of a key, its author and id in one text. */
export const shardOfKey = (key: string): number => createHash("sha256").update(key).digest().readUInt32LE(0) % SHARDS;
