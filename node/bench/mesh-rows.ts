import { toHex } from "../base/bytes.ts";
import { seededRandom } from "../base/random.ts";
import { seconds } from "../base/units.ts";
import { hybridTimeAt } from "../codec/hybrid-clock.ts";
import { isSigned, type MemoryEntry, parseEntry, sealEntry, signEntry } from "../codec/memory-entry.ts";
import { keyPairFromSeed } from "../codec/signature.ts";
import { createMesh, type Mesh, stepMesh } from "../mesh/mesh.ts";
import { createStore, mergeEntry, type Store } from "../mesh/store.ts";
import { type CoherenceRow, rateRow } from "./coherence-row.ts";

const CHAIN = "ab".repeat(32);
const START_MS = 1_700_000_000_000;
/** No limit matters here. */
const LIMITS = { entries: 1e9, bytes: 1e12, authorEntries: 1e9, authorBytes: 1e12 };
const AUTHORS = 100;
const NO_SIGNATURE = new Uint8Array(64);
const authors = Array.from({ length: AUTHORS }, (_, author) => toHex(new Uint8Array(32).fill(author)));

/** Entries of many authors, spread over an hour; `round` makes newer versions of the same. */
const unsigned = (number: number, round = 0): MemoryEntry =>
  sealEntry(
    {
      ...{ author: authors[number % AUTHORS] ?? "", id: `entry-${number}` },
      clock: hybridTimeAt(START_MS + (number % 3_600_000) + 4_000_000 * round),
      content: Uint8Array.of(round, number),
    },
    CHAIN,
    NO_SIGNATURE,
  );

const INDEXED = 50_000;

const index = rateRow({
  name: "parity, unsigned, in process: mesh index",
  unit: "entries/s",
  earlierPerSecond: 178_000,
  prepare: () => {
    const entries = Array.from({ length: INDEXED }, (_, number) => unsigned(number));
    let store: Store = createStore(LIMITS);
    let next = 0;
    return () => {
      if (next === INDEXED) store = createStore(LIMITS);
      next = next === INDEXED ? 0 : next;
      const entry = entries[next++];
      if (entry !== undefined) mergeEntry(store, entry);
    };
  },
});

const UPDATES = 100;
const MESSAGES = 500;

const merge = rateRow({
  name: `parity, unsigned, in process: mesh message of ${UPDATES} updates merged`,
  unit: "messages/s",
  earlierPerSecond: 157_000 / UPDATES,
  prepare: () => {
    const messages = Array.from({ length: MESSAGES }, (_, round) =>
      Array.from({ length: UPDATES }, (_, number) => unsigned(number, round)),
    );
    let store: Store = createStore(LIMITS);
    let next = 0;
    return () => {
      if (next === MESSAGES) store = createStore(LIMITS);
      next = next === MESSAGES ? 0 : next;
      for (const entry of messages[next++] ?? []) mergeEntry(store, entry);
    };
  },
});

/** As a replica does it: bytes parsed, hashes computed, signature verified, merged. */
const signedMerge = rateRow({
  name: "real: signed entry parsed, verified and merged",
  unit: "entries/s",
  prepare: () => {
    const author = keyPairFromSeed(new Uint8Array(32).fill(1));
    const frames = Array.from({ length: 5_000 }, (_, number) => {
      const fields = { id: `entry-${number}`, clock: hybridTimeAt(START_MS + number), content: Uint8Array.of(1) };
      return signEntry(fields, { chainId: CHAIN, author }).bytes;
    });
    let store: Store = createStore(LIMITS);
    let next = 0;
    return () => {
      if (next === frames.length) store = createStore(LIMITS);
      next = next === frames.length ? 0 : next;
      const parsed = parseEntry(frames[next++] ?? new Uint8Array(), CHAIN);
      if (!parsed.ok || !isSigned(parsed.value, CHAIN)) throw new Error("every entry is signed");
      mergeEntry(store, parsed.value);
    };
  },
});

/** Two meshes in one process that hold the same but for some entries, and what they say to each other until they are equal. */
const sync = (entries: number, different: number): CoherenceRow => {
  const name = `real: sync of two nodes of ${entries} entries that differ in ${different}`;
  return {
    name,
    measure: () => {
      const meshes = [0, 1].map((self) => createMesh({ self, chainId: CHAIN, limits: LIMITS }));
      const author = keyPairFromSeed(new Uint8Array(32).fill(1));
      for (let number = 0; number < entries; number++) {
        const differs = number % (entries / different) === 0;
        const fields = { id: `entry-${number}`, clock: hybridTimeAt(START_MS + number), content: Uint8Array.of(1) };
        // Only what travels has to be signed.
        const entry = differs ? signEntry(fields, { chainId: CHAIN, author }) : unsigned(number);
        for (const [self, mesh] of meshes.entries()) {
          if (differs && (number / (entries / different)) % 2 === self) continue;
          // The same entry object in both: two million of them would not fit into a small machine.
          mergeEntry(mesh.store, entry);
        }
      }
      const first = exchange(meshes, entries);
      return [
        { name: `${name}: bytes`, figure: { unit: "bytes", better: "lower" }, value: first.bytes },
        { name: `${name}: time`, figure: { unit: "ms", better: "lower" }, value: first.elapsedMs },
      ];
    },
  };
};

/** Traffic grows with the difference, hardly with the size. */
const SYNCS = [sync(10_000, 100), sync(1_000_000, 100), sync(1_000_000, 1_000)];

/** Lets both talk until each holds all `entries`; the hashes of their trees are there, as on nodes that have compared before. */
function exchange(meshes: readonly Mesh[], entries: number): { readonly bytes: number; readonly elapsedMs: number } {
  const wallMs = START_MS + 4_000_000;
  const random = seededRandom(1n);
  const frames: { to: number; frame: Uint8Array }[] = [];
  let bytes = 0;
  let nowMs = 0;
  const feed = (self: number, input: Parameters<typeof stepMesh>[1]): void => {
    const mesh = meshes[self];
    if (mesh === undefined) return;
    const setting = { wallMs, nowMs, random, gossipMs: seconds(1), exchangeEveryMs: seconds(10) };
    const context = { ...setting, scoreOf: () => undefined, proximityOf: () => undefined };
    for (const effect of stepMesh(mesh, input, context)) {
      if (effect.type === "refused") throw new Error(`refused: ${effect.reason}`);
      if (effect.type !== "send") continue;
      bytes += effect.frame.length;
      frames.push({ to: effect.peer, frame: effect.frame });
    }
  };
  for (const self of [0, 1]) {
    feed(self, { type: "members", members: [0, 1] });
    feed(self, { type: "peer-connected", peer: 1 - self });
  }
  const isEqual = (): boolean => meshes.every(({ store }) => store.entries.size === entries);
  // The first round computes every hash of both trees; it is not what a sync costs.
  feed(0, { type: "tick" });
  const asked = frames.splice(0);
  for (const { to, frame } of asked) feed(to, { type: "peer-frame", peer: 1 - to, frame });
  const began = performance.now();
  while (!isEqual()) {
    const next = frames.shift();
    if (next !== undefined) {
      feed(next.to, { type: "peer-frame", peer: 1 - next.to, frame: next.frame });
      continue;
    }
    nowMs += 1_000;
    feed(0, { type: "tick" });
  }
  return { bytes, elapsedMs: performance.now() - began };
}

export const MESH_ROWS: readonly CoherenceRow[] = [index, merge, signedMerge, ...SYNCS];
