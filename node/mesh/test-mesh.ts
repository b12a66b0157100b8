import { present } from "../base/assert.ts";
import { toHex } from "../base/bytes.ts";
import { type Random, seededRandom } from "../base/random.ts";
import { millis } from "../base/units.ts";
import { hybridTimeAt } from "../codec/hybrid-clock.ts";
import { keyText, type MemoryEntry, sealEntry, signEntry } from "../codec/memory-entry.ts";
import { type KeyPair, keyPairFromSeed } from "../codec/signature.ts";
import type { MeshLimits } from "./limits.ts";
import { createMesh, MESH_LIMITS, type Mesh, type MeshEffect, type MeshInput, stepMesh } from "./mesh.ts";
import type { Held, Store } from "./store.ts";

export const CHAIN = "ab".repeat(32);
export const START_MS = 1_700_000_000_000;
export const TICK_MS = 250;
const text = new TextEncoder();

export const authorOf = (number: number): KeyPair => keyPairFromSeed(new Uint8Array(32).fill(number));

/** An entry with a right signature; without content a tombstone. */
export const signed = (
  author: number,
  id: string,
  { atMs = START_MS, counter = 0, content = "x" }: { atMs?: number; counter?: number; content?: string | null } = {},
): MemoryEntry =>
  signEntry(
    { id, clock: hybridTimeAt(atMs) + BigInt(counter), content: content === null ? undefined : text.encode(content) },
    { chainId: CHAIN, author: authorOf(author) },
  );

/** The same without one: for what comes after signatures are checked. */
export const unsigned = (author: number, id: string, clock: bigint, content: string | undefined): MemoryEntry =>
  sealEntry(
    {
      author: toHex(new Uint8Array(32).fill(author)),
      id,
      clock,
      content: content === undefined ? undefined : text.encode(content),
    },
    CHAIN,
    new Uint8Array(64),
  );

/** All that a store says, or a shard of it, as text: equal for equal stores. */
export const contentOf = (store: Store, shard?: number): string[] =>
  [...store.entries.values()]
    .filter(({ entry }) => shard === undefined || entry.shard === shard)
    .map(({ entry }) => `${keyText(entry)} ${entry.digest}`)
    .toSorted();

type Wire = { readonly from: number; readonly to: number; readonly frame: Uint8Array; readonly atMs: number };

/** What the weather does to frames between nodes: one in so many is lost, doubled, or comes late. */
export type Weather = { readonly lossOneIn?: number; readonly doubleOneIn?: number; readonly delayMs?: number };

/** Meshes in one process under one seed, with a network that may lose, double, delay and cut. */
export function testNetwork(
  count: number,
  {
    seed = 1n,
    weather = {},
    limitsOf = () => MESH_LIMITS,
    gossipMs = 500,
    validators = Array.from({ length: count }, (_, id) => id),
  }: {
    seed?: bigint;
    weather?: Weather;
    limitsOf?: (node: number) => MeshLimits;
    gossipMs?: number;
    validators?: readonly number[];
  } = {},
) {
  const random: Random = seededRandom(seed);
  let nowMs = 0;
  let wires: Wire[] = [];
  let cut: (a: number, b: number) => boolean = () => false;
  const connected = new Set<string>();
  const effects: (MeshEffect & { readonly node: number })[] = [];
  const scores = new Map<string, number>();
  const meshes = Array.from({ length: count }, (_, self) =>
    createMesh({ self, chainId: CHAIN, limits: limitsOf(self) }),
  );
  const traffic = { frames: 0, bytes: 0 };

  const feed = (node: number, input: MeshInput): readonly MeshEffect[] => {
    const context = {
      ...{ wallMs: START_MS + nowMs, nowMs, random, gossipMs: millis(gossipMs), exchangeEveryMs: millis(20_000) },
      ...{ scoreOf: ({ entry }: Held) => scores.get(entry.author), proximityOf: () => undefined },
    };
    const made = stepMesh(meshOf(node), input, context);
    for (const effect of made) {
      effects.push({ ...effect, node });
      if (effect.type === "send") post(node, effect.peer, effect.frame);
    }
    return made;
  };
  const post = (from: number, to: number, frame: Uint8Array): void => {
    traffic.frames += 1;
    traffic.bytes += frame.length;
    if (weather.lossOneIn !== undefined && random.oneIn(weather.lossOneIn)) return;
    const copies = weather.doubleOneIn !== undefined && random.oneIn(weather.doubleOneIn) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      wires.push({ from, to, frame, atMs: nowMs + 1 + random.below(weather.delayMs ?? 5) });
    }
  };
  const meshOf = (node: number): Mesh => present(meshes[node], "the test names a node");
  /** Tells both ends of each pair that the network between them came or went. */
  const reconnect = (): void => {
    for (let a = 0; a < count; a++) {
      for (let b = 0; b < count; b++) {
        if (a === b || connected.has(`${a} ${b}`) !== cut(a, b)) continue;
        if (cut(a, b)) connected.delete(`${a} ${b}`);
        else connected.add(`${a} ${b}`);
        feed(a, { type: cut(a, b) ? "peer-disconnected" : "peer-connected", peer: b });
      }
    }
  };
  const deliver = (untilMs: number): void => {
    for (;;) {
      const next = wires.toSorted((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined || next.atMs > untilMs) return;
      wires = wires.filter((wire) => wire !== next);
      nowMs = Math.max(nowMs, next.atMs);
      if (connected.has(`${next.from} ${next.to}`)) {
        feed(next.to, { type: "peer-frame", peer: next.from, frame: next.frame });
      }
    }
  };
  /** Lets time pass. */
  const run = (ms: number): void => {
    for (const endMs = nowMs + ms; nowMs < endMs; ) {
      const tickAtMs = Math.min(endMs, nowMs + TICK_MS);
      deliver(tickAtMs);
      nowMs = tickAtMs;
      for (let node = 0; node < count; node++) feed(node, { type: "tick" });
    }
  };
  const setMembers = (members: readonly number[]): void => {
    for (let node = 0; node < count; node++) feed(node, { type: "members", members });
  };
  setMembers(validators);
  reconnect();
  return {
    meshes,
    effects,
    scores,
    traffic,
    feed,
    run,
    setMembers,
    wallMs: () => START_MS + nowMs,
    /** From now on these pairs hear nothing of each other. */
    cutWhere: (severed: (a: number, b: number) => boolean) => {
      cut = (a, b) => severed(a, b) || severed(b, a);
      reconnect();
    },
    publish: (node: number, entry: MemoryEntry) =>
      feed(node, { type: "publish", request: 1, entry: entry.bytes }).find(({ type }) => type === "published"),
    /** Runs until it holds; fails after so much simulated time. */
    until: (holds: () => boolean, limitMs = 60_000): number => {
      const beganMs = nowMs;
      while (!holds()) {
        if (nowMs - beganMs > limitMs) throw new Error(`not within ${limitMs} ms of simulated time`);
        run(TICK_MS);
      }
      return nowMs - beganMs;
    },
    /** Of each shard its replicas hold the same. */
    isConverged: () =>
      meshOf(0).placement.every((replicas, shard) => {
        const contents = replicas.map((id) => contentOf(meshOf(id).store, shard).join());
        return new Set(contents).size === 1;
      }),
  };
}
