import { seededRandom } from "../base/random.ts";
import { millis } from "../base/units.ts";
import { hybridTimeAt } from "../codec/hybrid-clock.ts";
import { isSigned, parseEntry, sealEntry, signEntry } from "../codec/memory-entry.ts";
import { encodeMeshMessage, type MeshMessage, parseMeshMessage } from "../codec/mesh-message.ts";
import { encodeMeshRecord, type MeshRecord, parseMeshRecord } from "../codec/mesh-record.ts";
import { createMesh, MESH_LIMITS, type Mesh, stepMesh } from "../mesh/mesh.ts";
import { CHAIN_ID, keyOf } from "./samples.ts";
import { canonical, hold, type Target } from "./target.ts";

const NOW_MS = 1_700_000_000_000;
const entryOf = (id: string, content: string | undefined) =>
  signEntry(
    { id, clock: hybridTimeAt(NOW_MS - 5_000), content: content === undefined ? undefined : Buffer.from(content) },
    { chainId: CHAIN_ID, author: keyOf("author") },
  );
const ENTRIES = [entryOf("a", "x"), entryOf("b.c~d_e-1", undefined), entryOf("long".repeat(16), "y".repeat(90))];
const bytes = ENTRIES.map((entry) => entry.bytes);
const hash = "ab".repeat(16);
const sync = { type: "sync", exchange: 7, shard: 3, from: 0n, to: hybridTimeAt(NOW_MS) } as const;
const nothing = { root: undefined, branches: [], lists: [], wants: [], entries: [] };
const key = { author: ENTRIES[0]?.author ?? "", id: "a" };
const MESSAGES: readonly MeshMessage[] = [
  { ...sync, ...nothing, reply: false, root: { count: 3, hash } },
  {
    ...{ ...sync, ...nothing, reply: true },
    branches: [
      { prefix: "", children: [{ digit: 0, count: 99, hash }] },
      { prefix: "018b", children: [0, 7, 15].map((digit) => ({ digit, count: 20, hash })) },
    ],
  },
  {
    ...{ ...sync, ...nothing, reply: false, entries: bytes },
    lists: [
      { prefix: "018bc", digests: [hash, hash] },
      { prefix: "0", digests: undefined },
    ],
    wants: [{ prefix: "0".repeat(48), digests: [hash] }],
  },
  { type: "push", entries: bytes },
  { type: "get", request: 1, ...key },
  { type: "got", request: 1, entry: bytes[0] },
  { type: "got", request: 2, entry: undefined },
  { type: "put", request: 3, entry: bytes[1] ?? new Uint8Array() },
  { type: "put-answer", request: 3, refusal: "stale" },
  { type: "signal", first: 9, intervalsUs: [1_000_000, 998_000], scores: [{ publisher: 2, scorePpm: 990_000 }] },
  { type: "attest", ...key, digest: ENTRIES[0]?.digest ?? "", epoch: 3, signature: new Uint8Array(64) },
];
const RECORDS: readonly MeshRecord[] = [
  { type: "entry", bytes: bytes[0] ?? new Uint8Array() },
  { type: "dropped", ...key },
  { type: "watermark", watermark: hybridTimeAt(NOW_MS) },
  { type: "published", ...key, publisher: 2 },
  { type: "anchored", ...key, height: 9, index: 0, batch: new Uint8Array(472) },
];

/** What comes in from other nodes of the mesh, from clients, and from the own disk. */
export const MESH_TARGETS: readonly Target[] = [
  {
    name: "memory-entry",
    samples: bytes,
    run: canonical(
      (input) => parseEntry(input, CHAIN_ID),
      (entry) =>
        sealEntry({ ...entry, content: entry.deleted ? undefined : entry.content }, CHAIN_ID, entry.signature).bytes,
      (entry) => `${isSigned(entry, CHAIN_ID)} ${entry.deleted}`,
    ),
  },
  {
    name: "mesh-message",
    samples: MESSAGES.map(encodeMeshMessage),
    run: canonical(parseMeshMessage, encodeMeshMessage, ({ type }) => type),
  },
  {
    name: "mesh-record",
    samples: RECORDS.map(encodeMeshRecord),
    run: canonical(parseMeshRecord, encodeMeshRecord, ({ type }) => type),
  },
  { name: "mesh-peer", samples: MESSAGES.map(encodeMeshMessage), run: hearPeer },
];

/** Whatever a peer says: this node holds only what its author signed, and answers within bounds. */
function hearPeer(frame: Uint8Array): string {
  const mesh: Mesh = createMesh({ self: 0, chainId: CHAIN_ID, limits: MESH_LIMITS });
  const context = {
    ...{ wallMs: NOW_MS, nowMs: 0, random: seededRandom(1n), gossipMs: millis(1_000), exchangeEveryMs: millis(1_000) },
    ...{ scoreOf: () => undefined, proximityOf: () => undefined },
  };
  stepMesh(mesh, { type: "members", members: [0, 1, 2] }, context);
  stepMesh(mesh, { type: "peer-connected", peer: 1 }, context);
  for (const entry of ENTRIES) stepMesh(mesh, { type: "publish", request: 1, entry: entry.bytes }, context);
  stepMesh(mesh, { type: "tick" }, context);
  const effects = stepMesh(mesh, { type: "peer-frame", peer: 1, frame }, context);
  for (const { entry } of mesh.store.entries.values()) hold(isSigned(entry, CHAIN_ID), "what is held is signed");
  hold(mesh.store.entries.size >= ENTRIES.length, "a peer deletes nothing");
  for (const effect of effects) {
    if (effect.type === "send") hold(effect.frame.length <= frame.length + 100_000, "an answer is bounded");
  }
  return effects
    .map((effect) => (effect.type === "refused" ? effect.reason : effect.type))
    .join()
    .slice(0, 60);
}
