import { assert, present, unreachable } from "../base/assert.ts";
import { type Random, seededRandom } from "../base/random.ts";
import { heightOf, resultsHashOf } from "../chain/chain.ts";
import { STATE_VERSION_MAX } from "../chain/parameters.ts";
import type { ChainRules } from "../chain/rules.ts";
import { exportChain, importChain } from "../chain/snapshot.ts";
import type { SafetyRules } from "../consensus/rules.ts";
import { chainOf, createNode, type Node, step } from "../node.ts";
import type { ClientAnswer, NodeEffect, NodeEvent, NodeInput, PersistEffect } from "../ports.ts";
import { createClock, type DriftingClock, realMs, wallMs } from "./clock.ts";
import {
  beginAt,
  blockStore,
  crashDisk,
  createDisk,
  type Disk,
  type DiskSnapshot,
  dropSnapshot,
  heightOn,
  keepSnapshot,
  loseJournal,
  readPart,
  recovered,
  release,
  sync,
  write,
} from "./disk.ts";
import type { FaultCounts } from "./faults.ts";
import type { Scenario } from "./scenario.ts";

/** Between two parts of a snapshot, at most. */
const PULL_MS = 100;

/** Ways to run a sound node on a broken machine, for the canaries. */
export type BrokenShell = "sends-before-sync" | "forgets-votes";

/** One machine of the network: a clock, a disk, and while it is up the node process on them. */
export type Host = {
  readonly id: number;
  readonly clock: DriftingClock;
  readonly disk: Disk;
  node: Node | undefined;
  /** Counts starts: what was meant for an earlier life is dropped. */
  life: number;
  /** Timers that are set, by name, each with a number that makes an older one void. */
  readonly timers: Map<string, number>;
  timerCount: number;
  /** Parts of a peer's snapshot, as far as they came. */
  fetched: Uint8Array[];
  /** Of its disk's slow work: a chance of its own, so that more or fewer snapshots change nothing else. */
  readonly pace: Random;
};

/** What the world does for a host. */
export type World = {
  readonly scenario: Scenario;
  readonly random: Random;
  readonly faults: FaultCounts;
  readonly rules: SafetyRules;
  readonly chainRules: ChainRules;
  readonly brokenShell: BrokenShell | undefined;
  nowMs(): number;
  /** Whether a crash may strike in the middle of a step. */
  mayCrash(): boolean;
  send(host: Host, peer: number | "all", frame: Uint8Array): void;
  setTimer(host: Host, timer: string, number: number, afterMs: number): void;
  answer(host: Host, request: number, answer: ClientAnswer): void;
  report(host: Host, event: NodeEvent): void;
  onDurable(host: Host, write: Extract<PersistEffect, { type: "persist" }>): void;
  onRestart(host: Host, resultsHash: string): void;
  /** The node goes on from a peer's state. */
  onAdopted(host: Host, height: number): void;
  later(afterMs: number, work: () => void): void;
  onCrash(host: Host): void;
  /** The volume has lost its vote journal. */
  onWiped(host: Host, lost: { readonly logToo: boolean }): void;
};

export const createHost = (id: number, random: Random): Host => ({
  id,
  clock: createClock(random),
  disk: createDisk(),
  node: undefined,
  life: 0,
  timers: new Map(),
  timerCount: 0,
  fetched: [],
  pace: seededRandom(BigInt(id)),
});

export function start(host: Host, world: World): void {
  assert(host.node === undefined, "a host runs one process");
  host.life += 1;
  host.timers.clear();
  const { scenario } = world;
  const found = recovered(host.disk);
  const votes = world.brokenShell === "forgets-votes" ? found.votes.slice(0, 1) : found.votes;
  const { node, effects } = createNode(
    {
      self: host.id,
      keyPair: present(scenario.keys[host.id], "a validator has a key"),
      genesis: scenario.genesis,
      timing: scenario.timing,
      lanes: scenario.lanes,
      ...(scenario.orders ? { stateVersionMax: STATE_VERSION_MAX + 1 } : {}),
      blocks: blockStore(host.disk),
      snapshots: {
        exportChain,
        importChain: (file, parts, versionMax) => importChain(file, parts, versionMax, world.chainRules),
        readPart: (height, part) => readPart(host.disk, height, part),
      },
      snapshotPolicy: { everyBlocks: scenario.snapshotEveryBlocks, everyBytes: Number.POSITIVE_INFINITY },
    },
    { ...found, votes },
    { nowMs: wallMs(host.clock, world.nowMs()) },
    { rules: world.rules, chainRules: world.chainRules, compactEveryBlocks: scenario.compactEveryBlocks },
  );
  host.node = node;
  const chain = chainOf(node);
  const restored = found.snapshot?.height ?? 0;
  if (restored > heightOn(host.disk)) beginAt(host.disk, restored);
  const height = heightOn(host.disk);
  world.onRestart(host, present(resultsHashOf(chain, height), "replayed blocks have results"));
  assert(heightOf(chain) >= height, "replay executes every block of the log");
  carryOut(host, world, effects);
}

export function feed(host: Host, world: World, input: NodeInput): void {
  if (host.node === undefined) return;
  carryOut(host, world, step(host.node, input, { nowMs: wallMs(host.clock, world.nowMs()) }));
}

/** Part after part between other steps, as storage does; then the snapshot has its name, and the node hears of it. */
function pull(
  host: Host,
  world: World,
  { effect, parts, life }: { effect: Extract<NodeEffect, { type: "snapshot" }>; parts: Uint8Array[]; life: number },
): void {
  world.later(host.pace.below(PULL_MS), () => {
    if (host.node === undefined || host.life !== life) return;
    const part = effect.next();
    if (part !== undefined) {
      parts.push(part);
      pull(host, world, { effect, parts, life });
      return;
    }
    written(host, world, host.node, { ...effect, parts });
  });
}

/** A part of a peer's snapshot comes; the last one takes its time to the disk. */
function takePart(host: Host, world: World, effect: Extract<NodeEffect, { type: "snapshot-part" }>): void {
  if (effect.part === 0) host.fetched = [];
  host.fetched.push(effect.bytes);
  if (!effect.last) return;
  const { life, fetched: parts } = host;
  world.later(host.pace.below(PULL_MS), () => {
    if (host.node !== undefined && host.life === life) written(host, world, host.node, { ...effect, parts });
  });
}

/** The snapshot has its name, and the node hears of it. */
function written(host: Host, world: World, node: Node, { height, blockHash, parts }: DiskSnapshot): void {
  const before = heightOf(chainOf(node));
  keepSnapshot(host.disk, { height, blockHash, parts });
  world.faults["snapshot made"] += 1;
  const effects = step(node, { type: "snapshot-written", height }, { nowMs: wallMs(host.clock, world.nowMs()) });
  if (height > before && heightOf(chainOf(node)) >= height) {
    // Nothing of the log below is needed any more; nothing above was there.
    beginAt(host.disk, height);
    world.faults["snapshot synced"] += 1;
    world.onAdopted(host, height);
  }
  carryOut(host, world, effects);
}

/** The process dies where it stands, and what was not synced goes as the disk likes. */
export function crash(host: Host, world: World): void {
  if (host.node === undefined) return;
  host.node = undefined;
  world.faults.crash += 1;
  world.faults["write lost"] += crashDisk(host.disk, world.random);
  world.onCrash(host);
}

export function wipeJournal(host: Host, world: World): void {
  assert(host.node === undefined, "only a stopped host loses its journal");
  const logToo = world.random.oneIn(2);
  loseJournal(host.disk, { logToo });
  world.onWiped(host, { logToo });
}

/** The contract of `ports.ts`: every write, one sync, then the rest; a crash may come between any two of them. */
function carryOut(host: Host, world: World, effects: readonly NodeEffect[]): void {
  const writes = effects.filter((effect) => isWrite(effect));
  const others = effects.filter((effect) => !isWrite(effect));
  const moments = writes.length + others.length + 1;
  const strikes = writes.length > 0 && world.mayCrash() && world.random.oneIn(world.scenario.crashInSteps);
  let left = strikes ? world.random.below(moments) : Number.POSITIVE_INFINITY;
  const survives = (): boolean => {
    left -= 1;
    if (left >= 0) return true;
    crash(host, world);
    return false;
  };
  const speak = (): boolean => {
    for (const effect of others) {
      if (!survives()) return false;
      carryOutOne(host, world, effect);
    }
    return true;
  };
  if (world.brokenShell === "sends-before-sync" && !speak()) return;
  for (const effect of writes) {
    if (!survives()) return;
    write(host.disk, effect);
  }
  if (!survives()) return;
  sync(host.disk);
  for (const effect of writes) {
    if (effect.type === "persist") world.onDurable(host, effect);
    else world.faults["journal compacted"] += 1;
  }
  if (world.brokenShell !== "sends-before-sync") speak();
}

const isWrite = (effect: NodeEffect): effect is PersistEffect =>
  effect.type === "persist" || effect.type === "replace-votes";

function carryOutOne(host: Host, world: World, effect: NodeEffect): void {
  switch (effect.type) {
    case "send":
      world.send(host, effect.peer, effect.frame);
      break;
    case "broadcast":
      world.send(host, "all", effect.frame);
      break;
    case "set-timer":
      host.timerCount += 1;
      host.timers.set(effect.timer, host.timerCount);
      world.setTimer(host, effect.timer, host.timerCount, realMs(host.clock, effect.afterMs));
      break;
    case "clear-timer":
      host.timers.delete(effect.timer);
      break;
    case "answer":
      world.answer(host, effect.request, effect.answer);
      break;
    case "report":
      world.report(host, effect.event);
      break;
    case "executed":
      host.disk.notes.set(effect.height, { first: effect.first, count: effect.entries, note: effect.note });
      break;
    case "snapshot":
      pull(host, world, { effect, parts: [], life: host.life });
      break;
    case "snapshot-part":
      takePart(host, world, effect);
      break;
    case "drop-snapshot":
      dropSnapshot(host.disk, effect.height);
      break;
    case "release":
      release(host.disk, effect.belowHeight);
      world.faults["log released"] += 1;
      break;
    case "persist":
    case "replace-votes":
      assert(false, "writes come first");
      break;
    default:
      unreachable(effect);
  }
}
