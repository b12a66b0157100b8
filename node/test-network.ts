import { expect } from "vitest";
import type { GenesisFile } from "./api/contract.ts";
import { present } from "./base/assert.ts";
import { toHex } from "./base/bytes.ts";
import type { Chain } from "./chain/chain.ts";
import { parseGenesis } from "./chain/genesis.ts";
import { CHAIN_RULES, type ChainRules } from "./chain/rules.ts";
import { exportChain, importChain } from "./chain/snapshot.ts";
import type { TrustAnchor } from "./chain/types.ts";
import { type BatchType, encodeBatch } from "./codec/batch.ts";
import { type KeyPair, keyPairFromSeed } from "./codec/signature.ts";
import { encodeTransfers, newTransfer } from "./codec/transfer.ts";
import { PRODUCTION } from "./consensus/rules.ts";
import {
  chainOf,
  createNode,
  DEFAULT_LANE_PACE,
  DEFAULT_TIMING,
  type Node,
  type SnapshotPolicy,
  type Snapshots,
  step,
  viewOf,
} from "./node.ts";
import type { BlockStore, CarHead, ClientAnswer, NodeEffect, NodeInput, Recovered } from "./ports.ts";

export const START_MS = 1_760_000_000_000;
export const NODES = [0, 1, 2, 3];
export const keyOf = (n: number): KeyPair => keyPairFromSeed(new Uint8Array(32).fill(n));
export const account = (n: number): bigint => (1n << 64n) + BigInt(n);
const genesisOf = (parameters: NonNullable<GenesisFile["parameters"]>, startMs: number): GenesisFile => ({
  network: "payments",
  parameters,
  timeNs: `${startMs}000000`,
  authority: { publicKeys: [toHex(keyOf(99).publicKey)], threshold: 1 },
  validators: NODES.map((id) => ({
    id,
    consensusKey: toHex(keyOf(id + 1).publicKey),
    ownerKey: toHex(keyOf(50).publicKey),
    bond: "100000000",
  })),
  accounts: [
    { ledger: 1, n: 1 },
    { ledger: 1, n: 2 },
    // Stake for who joins.
    { ledger: 3, n: 3 },
  ].map(({ ledger, n }) => ({
    id: String(account(n)),
    ownerKey: toHex(keyOf(60).publicKey),
    ledger,
    balance: "1000000000",
  })),
});

type Peer = {
  node: Node | undefined;
  votes: Uint8Array[];
  blocks: Map<number, Uint8Array>;
  cars: Map<string, Uint8Array>;
  heads: CarHead[];
  snapshots: { readonly height: number; readonly blockHash: string; readonly parts: readonly Uint8Array[] }[];
  timers: Map<string, number>;
};

const emptyPeer = (): Peer => ({
  ...{ node: undefined, votes: [], blocks: new Map(), cars: new Map(), heads: [], snapshots: [], timers: new Map() },
});

export type CalmSetting = {
  /** On the wall clock; some moment long ago without. */
  readonly startMs?: number;
  readonly parameters?: NonNullable<GenesisFile["parameters"]>;
  /** Another genesis than that of `parameters`; with the state that it begins with. */
  readonly genesis?: GenesisFile;
  readonly restored?: Iterable<Uint8Array>;
  readonly snapshotPolicy?: SnapshotPolicy;
  /** Sees every effect of every node, as its storage would. */
  readonly watch?: (id: number, effect: NodeEffect) => void;
  /** How often each node is told to probe its peers; never, if it is not given. */
  readonly probeEveryMs?: number;
  /** How long a frame of this node is under way now. */
  readonly delayMs?: (from: number) => number;
};

/** What a start may find or be told besides what its volume holds. */
export type StartSetting = Partial<Recovered> & {
  readonly keyPair?: KeyPair;
  readonly trust?: TrustAnchor;
  /** What another release would run up to. */
  readonly stateVersionMax?: number;
  readonly chainRules?: ChainRules;
  /** Sees each chain that comes out of a snapshot. */
  readonly onImport?: (chain: Chain) => void;
};

/** Four nodes, wires that lose nothing, and a clock that moves when the test says so. */
export function calmNetwork({
  parameters = { epochLengthMs: 3_600_000 },
  startMs = START_MS,
  genesis = genesisOf(parameters, startMs),
  restored,
  snapshotPolicy,
  watch,
  probeEveryMs = Number.POSITIVE_INFINITY,
  delayMs = () => 0,
}: CalmSetting = {}) {
  const parsed = parseGenesis(genesis);
  const { chainId } = present(parsed.ok ? parsed.value : undefined, "the genesis is good");
  let nowMs = startMs;
  const peers = new Map<number, Peer>();
  type Wire = { readonly from: number; readonly to: number; readonly frame: Uint8Array };
  const wires: Wire[] = [];
  const delayed: (Wire & { readonly atMs: number })[] = [];
  const post = (wire: Wire): void => {
    const delay = delayMs(wire.from);
    if (delay === 0) wires.push(wire);
    else delayed.push({ ...wire, atMs: nowMs + delay });
  };
  const answers = new Map<number, ClientAnswer>();
  /** How wrong a node's wall clock is. */
  const skews = new Map<number, number>();
  const wallMs = (id: number): number => nowMs + (skews.get(id) ?? 0);
  const apply = (id: number, peer: Peer, effects: readonly NodeEffect[]): void => {
    for (const effect of effects) {
      watch?.(id, effect);
      if (effect.type === "persist" && effect.stream === "votes") peer.votes.push(effect.record);
      if (effect.type === "persist" && effect.stream === "log") {
        const { entry } = effect;
        if (entry.kind === "block") peer.blocks.set(entry.height, entry.bytes);
        else {
          peer.cars.set(entry.digest, entry.bytes);
          peer.heads.push(entry);
        }
      }
      if (effect.type === "replace-votes") peer.votes = [...effect.records];
      if (effect.type === "set-timer") peer.timers.set(effect.timer, nowMs + effect.afterMs);
      if (effect.type === "clear-timer") peer.timers.delete(effect.timer);
      if (effect.type === "answer") answers.set(effect.request, effect.answer);
      if (effect.type === "send") post({ from: id, to: effect.peer, frame: effect.frame });
      if (effect.type === "snapshot") {
        const { height, blockHash, next } = effect;
        unwritten.push({ id, height, blockHash, next });
      }
      if (effect.type === "snapshot-part") {
        const { height, blockHash, part, last, bytes } = effect;
        if (part === 0) fetched.set(id, []);
        fetched.get(id)?.push(bytes);
        const parts = fetched.get(id)?.values();
        if (last) unwritten.push({ id, height, blockHash, next: () => parts?.next().value });
      }
      if (effect.type === "drop-snapshot")
        peer.snapshots = peer.snapshots.filter(({ height }) => height !== effect.height);
      if (effect.type === "release") {
        for (const height of peer.blocks.keys()) if (height < effect.belowHeight) peer.blocks.delete(height);
      }
      if (effect.type !== "broadcast") continue;
      for (const to of peers.keys()) if (to !== id) post({ from: id, to, frame: effect.frame });
    }
  };
  /** Parts of peers' snapshots, as far as they came. */
  const fetched = new Map<number, Uint8Array[]>();
  const unwritten: { id: number; height: number; blockHash: string; next: () => Uint8Array | undefined }[] = [];
  /** Pulls the parts of snapshots that have begun, as storage does between steps. */
  const writeSnapshots = (): void => {
    for (const { id, height, blockHash, next } of unwritten.splice(0)) {
      const parts: Uint8Array[] = [];
      for (let part = next(); part !== undefined; part = next()) parts.push(part);
      const peer = present(peers.get(id), "a node that writes is known");
      if (peer.node === undefined) continue;
      peer.snapshots = [...peer.snapshots, { height, blockHash, parts }].slice(-2);
      feed(id, { type: "snapshot-written", height });
    }
  };
  const feed = (id: number, input: NodeInput): void => {
    const peer = present(peers.get(id), "the test names a node");
    if (peer.node !== undefined) apply(id, peer, step(peer.node, input, { nowMs: wallMs(id) }));
  };
  const settle = (): void => {
    for (let wire = wires.shift(); wire !== undefined; wire = wires.shift()) {
      feed(wire.to, { type: "peer-frame", peer: wire.from, frame: wire.frame });
      if (unwritten.length > 0) writeSnapshots();
    }
  };
  const storeOf = (peer: Peer): BlockStore => ({
    readBlock: (height) => peer.blocks.get(height),
    readCar: (digest) => peer.cars.get(digest),
    oldestHeight: () => Math.min(...peer.blocks.keys(), (peer.snapshots.at(-1)?.height ?? 0) + 1),
  });
  const snapshotsOf = (peer: Peer, rules: ChainRules, onImport: (chain: Chain) => void): Snapshots => ({
    exportChain,
    importChain: (file, parts, stateVersionMax) => {
      const imported = importChain(file, parts, stateVersionMax, rules);
      if (imported.ok) onImport(imported.value);
      return imported;
    },
    readPart: (height, part) => {
      const { snapshots } = peer;
      const found = height === 0 ? snapshots.at(-1) : snapshots.find((one) => one.height === height);
      const bytes = found?.parts[part];
      if (found === undefined || bytes === undefined) return undefined;
      return { height: found.height, bytes, last: part === found.parts.length - 1 };
    },
  });
  const start = (
    id: number,
    {
      keyPair = keyOf(id + 1),
      trust,
      stateVersionMax,
      chainRules = CHAIN_RULES,
      onImport = () => {},
      ...recovered
    }: StartSetting = {},
  ): void => {
    const before = peers.get(id) ?? emptyPeer();
    const peer: Peer = { ...before, votes: [...before.votes], blocks: new Map(before.blocks), timers: new Map() };
    peers.set(id, peer);
    const config = {
      ...{ self: id, keyPair, genesis, timing: DEFAULT_TIMING, lanes: DEFAULT_LANE_PACE, blocks: storeOf(peer) },
      snapshots: snapshotsOf(peer, chainRules, onImport),
      ...(snapshotPolicy === undefined ? {} : { snapshotPolicy }),
      ...(restored === undefined ? {} : { restored }),
      ...(trust === undefined ? {} : { trust }),
      ...(stateVersionMax === undefined ? {} : { stateVersionMax }),
    };
    const snapshot = peer.snapshots.at(-1);
    const blocks = [...peer.blocks].filter(([height]) => height > (snapshot?.height ?? 0)).map(([, bytes]) => bytes);
    const found: Recovered = {
      ...{ votes: peer.votes, votesIntact: true, blocks, cars: [...peer.heads] },
      ...(snapshot === undefined ? {} : { snapshot }),
      ...recovered,
    };
    const created = createNode(config, found, { nowMs: wallMs(id) }, { ...PRODUCTION, chainRules });
    peer.node = created.node;
    apply(id, peer, created.effects);
    for (const [other, { node }] of peers) {
      if (other === id || node === undefined) continue;
      feed(id, { type: "peer-connected", peer: other });
      feed(other, { type: "peer-connected", peer: id });
    }
    settle();
  };
  const stop = (id: number): void => {
    present(peers.get(id), "the test names a node").node = undefined;
    for (const other of peers.keys()) if (other !== id) feed(other, { type: "peer-disconnected", peer: id });
  };
  let probeAtMs = nowMs + probeEveryMs;
  const probe = (): void => {
    for (const id of peers.keys()) feed(id, { type: "probe", peers: [...peers.keys()].filter((to) => to !== id) });
    probeAtMs += probeEveryMs;
  };
  /** Whatever is due first: a frame that took its time, a probe, or a node's timer. */
  const fireNext = (): void => {
    const due = [...peers].flatMap(([id, { node, timers }]) =>
      node === undefined ? [] : [...timers].map(([timer, atMs]) => ({ id, timer, atMs })),
    );
    const next = present(due.toSorted((a, b) => a.atMs - b.atMs)[0], "a live network has timers");
    const [late] = delayed.toSorted((a, b) => a.atMs - b.atMs);
    nowMs = Math.max(nowMs, Math.min(next.atMs, late?.atMs ?? next.atMs, probeAtMs));
    if (late !== undefined && late.atMs <= nowMs) wires.push(...delayed.splice(delayed.indexOf(late), 1));
    else if (probeAtMs <= nowMs) probe();
    else {
      peers.get(next.id)?.timers.delete(next.timer);
      feed(next.id, { type: "timer", timer: next.timer });
    }
    settle();
  };
  /** Fires timers in order until `done`, or fails after so much simulated time. */
  const until = (done: () => boolean, limitMs = 60_000): number => {
    const began = nowMs;
    settle();
    while (!done()) {
      fireNext();
      expect(nowMs - began, "simulated time that this may take").toBeLessThan(limitMs);
    }
    return nowMs - began;
  };
  const view = (id: number) => viewOf(present(peers.get(id)?.node, "the node runs"));
  const chain = (id: number) => chainOf(present(peers.get(id)?.node, "the node runs"));
  return { chainId, genesis, peers, answers, feed, start, stop, until, settle, view, chain, skews, nowMs: () => nowMs };
}

/** All four of them. */
export function running(setting: CalmSetting = {}) {
  const network = calmNetwork(setting);
  for (const id of NODES) network.start(id);
  return network;
}

/** A batch of the client who owns all accounts: one transfer, or what is given. */
export const batchOf = (
  network: ReturnType<typeof running>,
  sequence: bigint,
  content: { type: BatchType; payload: Uint8Array } = { type: "transfers", payload: transferOf(sequence) },
): Uint8Array =>
  encodeBatch({
    ...content,
    chainId: network.chainId,
    keyPair: keyOf(60),
    stream: 1n,
    sequence,
    expiryMs: START_MS + 500_000,
  });

const transferOf = (sequence: bigint): Uint8Array =>
  encodeTransfers([
    newTransfer({
      id: (BigInt(START_MS) << 80n) | sequence,
      debit: account(1),
      credit: account(2),
      amount: 1n,
      ledger: 1,
      code: 1,
    }),
  ]);
export const applied = { failures: [], count: 1 };
