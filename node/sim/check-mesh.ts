import { createHash } from "node:crypto";
import type { MemoryEntry } from "../codec/memory-entry.ts";
import type { Taken } from "./authors.ts";
import { EPOCH_MS } from "./scenario.ts";
import { holdersOf, shardOfKey } from "./shards.ts";
import { check } from "./violation.ts";

/** In a whole network a new entry is at all replicas of its shard within this time: pushed, or after it waited for a clock. */
const GOSSIP_MS = 1_000;
/** Once the network is whole all replicas are equal within this time: the silence that ends an older exchange, and a slow round of gossip. */
export const EQUAL_MS = 30_000;
/** An author's clock that is so far ahead of a node's makes its entry wait (docs/mesh.md). */
const DUE_MS = 1_000;
/** So far a node's clock may be behind. */
const CLOCK_SPREAD_MS = 700;

type Version = { readonly clock: bigint; readonly deleted: boolean; readonly content: string };
type Holdings = Map<string, Version>;
type Owed = { readonly key: string; readonly version: Version; byMs: number };

/** What an honest node's part of the mesh may become, and what all of them together have to be once the network is whole. */
export type MeshChecker = {
  /** An author has signed it: nothing else may ever be held. */
  onSigned(bytes: Uint8Array): void;
  /** Whether an honest node ever held a version of this digest. */
  wasHeld(digest: string): boolean;
  /** A node holds a new version; `wallMs`: its own clock. */
  onChanged(node: number, entry: MemoryEntry, wallMs: number): void;
  onDropped(node: number, key: string): void;
  /** All that a node holds is in its file now. */
  onWritten(node: number): void;
  onWiped(node: number): void;
  /** A process begins with this. */
  onRestored(node: number, entries: readonly MemoryEntry[]): void;
  /** A node in a whole network has taken a client's entry. */
  onTaken(taken: Taken): void;
  /** What any honest node holds from here on is nobody's to lose. */
  onHealed(nowMs: number): void;
  /** In a whole network: is anything overdue? `members`: the validators of now; undefined while two nodes disagree about them. */
  tick(nowMs: number, members: readonly number[] | undefined): void;
  /** When the validators changed last, and with them the places of the shards. */
  movedAtMs(): number;
  /** Shards of which two honest replicas hold different versions. */
  unequalShards(members: readonly number[]): readonly number[];
  /** A client's question in a whole network of equal replicas is answered with the newest version. */
  onFound(key: string, entry: MemoryEntry | undefined): void;
  keys(): readonly string[];
};

export function createMeshChecker({ byzantine }: { byzantine: number | undefined }): MeshChecker {
  const signed = new Set<string>();
  const digests = new Set<string>();
  const held = new Map<number, Holdings>();
  const written = new Map<number, Holdings>();
  let owed: Owed[] = [];
  let memberNames = "";
  let changedAtMs = Number.NEGATIVE_INFINITY;
  let healedAtMs = Number.POSITIVE_INFINITY;

  const holdingsOf = (node: number): Holdings => {
    const of = held.get(node) ?? new Map<string, Version>();
    held.set(node, of);
    return of;
  };
  const checkSigned = (node: number, { bytes, key }: MemoryEntry): void =>
    check(signed.has(sha256(bytes)), "mesh signatures", () => `node ${node} holds ${key} as nobody signed it`);
  const has = (node: number, { key, version }: Pick<Owed, "key" | "version">): boolean => {
    const found = holdingsOf(node).get(key);
    return found !== undefined && order(found, version) >= 0;
  };
  const honestHolders = (members: readonly number[]): readonly (readonly number[])[] =>
    holdersOf(members).map((holders) => [...holders].filter((node) => node !== byzantine));

  return {
    onSigned: (bytes) => void signed.add(sha256(bytes)),
    wasHeld: (digest) => digests.has(digest),
    onChanged: (node, entry, wallMs) => {
      checkSigned(node, entry);
      digests.add(entry.digest);
      const ahead = Number(entry.clock >> 16n) - wallMs;
      check(ahead < DUE_MS, "mesh clocks", () => `node ${node} takes ${entry.key}, which is ${ahead} ms ahead`);
      const before = holdingsOf(node).get(entry.key);
      const newer = before === undefined || order(versionOf(entry), before) > 0;
      const checker = before?.deleted === true ? "mesh tombstones" : "mesh order";
      check(newer, checker, () => `node ${node} goes back to an older version of ${entry.key}`);
      holdingsOf(node).set(entry.key, versionOf(entry));
    },
    onDropped: (node, key) => {
      holdingsOf(node).delete(key);
      // Its file may say so or not when the process ends.
      written.get(node)?.delete(key);
    },
    onWritten: (node) => void written.set(node, new Map(holdingsOf(node))),
    onWiped: (node) => void written.delete(node),
    onRestored: (node, entries) => {
      for (const entry of entries) checkSigned(node, entry);
      held.set(node, new Map(entries.map((entry) => [entry.key, versionOf(entry)])));
      for (const [key, version] of written.get(node) ?? [])
        check(has(node, { key, version }), "mesh restart", () => `node ${node} comes back without ${key} in its file`);
    },
    onTaken: ({ entry, firstAtMs, handedAtMs }) => {
      // Handed in once more, to a node that has it: nothing is pushed again, and what was owed already is owed then.
      const again = owed.some(({ key, version }) => key === entry.key && order(version, versionOf(entry)) === 0);
      if (again) return;
      const dueMs = Number(entry.clock >> 16n) - EPOCH_MS + CLOCK_SPREAD_MS - DUE_MS;
      const moves = handedAtMs < changedAtMs + GOSSIP_MS;
      // It may wait since before: who brought it first pushed it, into a network that was not whole.
      const mayWait = firstAtMs < healedAtMs;
      const byMs = Math.max(handedAtMs, dueMs) + (moves || mayWait ? EQUAL_MS : GOSSIP_MS);
      owed.push({ key: entry.key, version: versionOf(entry), byMs });
    },
    onHealed: (nowMs) => {
      healedAtMs = nowMs;
      for (const [node, holdings] of held)
        if (node !== byzantine)
          for (const [key, version] of holdings) owed.push({ key, version, byMs: nowMs + EQUAL_MS });
    },
    tick: (nowMs, members) => {
      // Shards move with the members, and what they hold goes after them by exchanges.
      if (members === undefined || memberNames !== members.join()) {
        changedAtMs = nowMs;
        for (const one of owed) one.byMs = Math.max(one.byMs, nowMs + EQUAL_MS);
      }
      if (members === undefined) return;
      memberNames = members.join();
      const holders = honestHolders(members);
      owed = owed.filter((one) => {
        const lacking = (holders[shardOfKey(one.key)] ?? []).filter((node) => !has(node, one));
        const what = (): string => `${one.key} of clock ${one.version.clock} is not at ${lacking} by ${nowMs} ms`;
        check(lacking.length === 0 || nowMs <= one.byMs, "mesh gossip", what);
        return lacking.length > 0;
      });
    },
    movedAtMs: () => changedAtMs,
    unequalShards: (members) =>
      honestHolders(members).flatMap((holders, shard) => {
        const contents = holders.map((node) => textOf(holdingsOf(node), shard));
        return new Set(contents).size > 1 ? [shard] : [];
      }),
    onFound: (key, entry) => {
      const newest = [...held].flatMap(([node, holdings]) => (node === byzantine ? [] : (holdings.get(key) ?? [])));
      const least = newest.toSorted(order).at(-1);
      const right = least === undefined || (entry !== undefined && order(versionOf(entry), least) >= 0);
      check(right, "mesh answers", () => `a question for ${key} is answered with an older version, or none`);
      if (entry !== undefined) checkSigned(-1, entry);
    },
    keys: () => [...new Set([...held.values()].flatMap((holdings) => [...holdings.keys()]))].toSorted(),
  };
}

/** Of two versions of a key the later one, by a reading of docs/mesh.md of its own: clock, then tombstone, then content. */
function order(a: Version, b: Version): number {
  if (a.clock !== b.clock) return a.clock < b.clock ? -1 : 1;
  if (a.deleted !== b.deleted) return a.deleted ? 1 : -1;
  return Buffer.compare(Buffer.from(a.content, "hex"), Buffer.from(b.content, "hex"));
}

const versionOf = ({ clock, deleted, content }: MemoryEntry): Version => ({ clock, deleted, content: sha256(content) });
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

function textOf(holdings: Holdings, shard: number): string {
  const those = [...holdings].filter(([key]) => shardOfKey(key) === shard);
  return those
    .map(([key, { clock, deleted, content }]) => `${key} ${clock} ${deleted} ${content}`)
    .toSorted()
    .join("\n");
}
