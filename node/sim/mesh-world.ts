import { present, unreachable } from "../base/assert.ts";
import { seededRandom } from "../base/random.ts";
import type { Chain } from "../chain/chain.ts";
import type { MeshEffect } from "../mesh/mesh.ts";
import type { MeshRules } from "../mesh/rules.ts";
import { meshMembers } from "../shell-mesh-core.ts";
import { witnessBlock } from "../shell-mesh-witness.ts";
import { createAuthors } from "./authors.ts";
import { type Anchored, createAnchorsChecker } from "./check-anchors.ts";
import type { Validator } from "./check-finality.ts";
import { createMeshChecker, EQUAL_MS } from "./check-mesh.ts";
import type { FaultCounts } from "./faults.ts";
import {
  crashMesh,
  createMeshHost,
  feedMesh,
  type MeshHost,
  type MeshSurroundings,
  startMesh,
  wipeMesh,
} from "./mesh-host.ts";
import { createMeshLiar } from "./mesh-liar.ts";
import { createNetwork, type Network } from "./network.ts";
import type { Scenario } from "./scenario.ts";
import { check } from "./violation.ts";

/** Questions that are asked once all replicas are equal. */
const QUESTIONS = 20;

/** The memory mesh of the whole network: every node's, on wires of its own, with authors who write to it. */
export type MeshWorld = {
  readonly network: Network;
  /** A node's process has begun, or ended. */
  start(id: number): void;
  crash(id: number): void;
  /** Of a node that does not run. */
  wipe(id: number): void;
  connect(a: number, b: number): void;
  /** A node has executed a block, and what it anchored. */
  onBlock(id: number, height: number, live: boolean): void;
  onAnchored(id: number, anchored: Anchored): void;
  heal(): void;
  /** One moment; authors write while `more`. */
  tick(more: boolean): void;
  /** What is still to be waited for once nobody writes any more; undefined: all is as it has to be. */
  awaited(): string | undefined;
};

export function createMeshWorld({
  scenario,
  chainId,
  rules,
  faults,
  ...world
}: {
  readonly scenario: Scenario;
  readonly chainId: string;
  readonly rules: MeshRules;
  readonly faults: FaultCounts;
  readonly nowMs: () => number;
  readonly wallMs: (id: number) => number;
  readonly chain: (id: number) => Chain;
  /** Whether a node is up and not just dying: its mesh goes a moment after it. */
  readonly runs: (id: number) => boolean;
  readonly later: (afterMs: number, work: () => void) => void;
  readonly note: (...parts: readonly (string | number | Uint8Array)[]) => void;
  readonly onExchanged: (id: number, peer: number, equal: boolean) => void;
  readonly order: (id: number, payload: Uint8Array) => void;
  readonly membersOf: (epoch: number) => readonly Validator[] | undefined;
}): MeshWorld {
  // A chance of its own: what the mesh does changes nothing of what consensus meets.
  const random = seededRandom(BigInt(scenario.seed) + (1n << 40n));
  const { byzantine } = scenario;
  const network = createNetwork(scenario, random, faults);
  const checker = createMeshChecker({ byzantine });
  const anchors = createAnchorsChecker({ membersOf: world.membersOf, wasHeld: checker.wasHeld });
  const authors = createAuthors({
    ...{ keys: scenario.clientKeys, chainId, random, faults, checker, liars: byzantine !== undefined },
  });
  const hosts = scenario.keys.map((_, id) => createMeshHost(id));
  const liar =
    byzantine === undefined
      ? undefined
      : createMeshLiar({
          keyPair: present(scenario.keys[byzantine], "a liar has a key"),
          ...{ chainId, random, faults, onSigned: checker.onSigned },
        });
  const isHonest = ({ id }: MeshHost): boolean => id !== byzantine;
  const hostOf = (id: number): MeshHost => present(hosts[id], "a mesh of a known node");
  const questions = new Map<number, string>();
  let [healedAtMs, quietAtMs, asked, hearsSync] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 0, false];
  const isWhole = (): boolean => world.nowMs() >= healedAtMs;

  const post = (from: MeshHost, to: number, frame: Uint8Array): void => {
    world.note("mesh", from.id, to, frame);
    const target = hostOf(to);
    const { life } = target;
    for (const atMs of network.deliveries(from.id, to, world.nowMs()))
      world.later(atMs - world.nowMs(), () => {
        if (target.life !== life) return;
        hearsSync = frame[0] === 0;
        feedMesh(target, { type: "peer-frame", peer: from.id, frame }, surroundings);
        hearsSync = false;
      });
  };

  const surroundings: MeshSurroundings = {
    ...{ chainId, rules, random, nowMs: world.nowMs, later: world.later },
    wallMs: ({ id }) => world.wallMs(id),
    chain: ({ id }) => world.chain(id),
    keyPair: ({ id }) => present(scenario.keys[id], "every validator has a key"),
    order: ({ id }, payload) => world.order(id, payload),
    carryOut: (host, effect) => carryOut(host, effect),
    onDropped: ({ id }, key) => checker.onDropped(id, key),
    onWritten: (host) => isHonest(host) && checker.onWritten(host.id),
    onRestored: (host, entries) => isHonest(host) && checker.onRestored(host.id, entries),
  };

  function carryOut(host: MeshHost, effect: Exclude<MeshEffect, { type: "persist" }>): void {
    switch (effect.type) {
      case "send": {
        const bent = isHonest(host) || liar === undefined ? [effect.frame] : liar(effect.frame, world.wallMs(host.id));
        for (const frame of bent) post(host, effect.peer, frame);
        return;
      }
      case "changed":
        if (!isHonest(host)) return;
        faults[hearsSync ? "entry by anti-entropy" : "entry by gossip"] += 1;
        checker.onChanged(host.id, effect.entry, world.wallMs(host.id));
        return;
      case "published": {
        const taken = authors.onAnswer(effect.request, effect.result, world.nowMs());
        if (taken !== undefined && isHonest(host) && taken.handedAtMs >= healedAtMs) checker.onTaken(taken);
        return;
      }
      case "found": {
        const key = present(questions.get(effect.request), "an answer is to a question");
        questions.delete(effect.request);
        check(effect.result.ok, "mesh answers", () => `nobody answers a question for ${key}`);
        checker.onFound(key, effect.result.value);
        return;
      }
      case "exchanged":
        if (isHonest(host)) faults[effect.equal ? "exchange equal" : "exchange unequal"] += 1;
        world.onExchanged(host.id, effect.peer, effect.equal);
        return;
      case "refused":
        if (isHonest(host)) faults["entry refused"] += 1;
        return;
      case "heard":
        if (isHonest(host)) faults[effect.message.type === "signal" ? "signal heard" : "attestation heard"] += 1;
        return;
      case "evicted":
        return;
      default:
        unreachable(effect);
    }
  }

  const isUp = ({ witness }: MeshHost): boolean => witness !== undefined;
  /** The validators of now; undefined while two nodes disagree about them. */
  const membersNow = (): readonly number[] | undefined => {
    const those = hosts.filter((host) => isUp(host) && isHonest(host)).map(({ id }) => meshMembers(world.chain(id)));
    return new Set(those.map(String)).size === 1 ? those[0] : undefined;
  };

  return {
    network,
    start: (id) => startMesh(hostOf(id), surroundings),
    crash: (id) => {
      const host = hostOf(id);
      faults["mesh write lost"] += crashMesh(host, surroundings);
      for (const other of hosts)
        if (world.runs(other.id)) feedMesh(other, { type: "peer-disconnected", peer: id }, surroundings);
    },
    wipe: (id) => {
      wipeMesh(hostOf(id));
      checker.onWiped(id);
    },
    connect: (a, b) => {
      feedMesh(hostOf(a), { type: "peer-connected", peer: b }, surroundings);
      feedMesh(hostOf(b), { type: "peer-connected", peer: a }, surroundings);
    },
    onBlock: (id, height, live) => {
      const { witness } = hostOf(id);
      if (witness !== undefined) witnessBlock(witness, { height, atMs: world.nowMs(), live });
    },
    onAnchored: (id, anchored) => {
      if (isHonest(hostOf(id)) && anchors.onAnchored(anchored)) faults["entry anchored"] += 1;
      feedMesh(hostOf(id), anchored, surroundings);
    },
    heal: () => {
      healedAtMs = world.nowMs();
      checker.onHealed(healedAtMs);
    },
    tick: (more) => {
      const nowMs = world.nowMs();
      authors.tick(nowMs, more, (request, entry) => {
        const up = hosts.filter(isUp);
        if (up.length === 0) return false;
        feedMesh(random.pick(up), { type: "publish", request, entry }, surroundings);
        return true;
      });
      if (isWhole()) checker.tick(nowMs, membersNow());
      if (!more && isWhole()) quietAtMs = Math.min(quietAtMs, nowMs);
    },
    awaited: () => {
      if (authors.outstanding() > 0) return `${authors.outstanding()} entries wait for an answer`;
      const members = membersNow();
      if (members === undefined) return "nodes disagree about the validators";
      const unequal = checker.unequalShards(members);
      const late = world.nowMs() > Math.max(quietAtMs, checker.movedAtMs()) + EQUAL_MS;
      check(!late || unequal.length === 0, "mesh convergence", () => `shards ${unequal} differ between replicas`);
      if (unequal.length > 0) return `shards ${unequal} differ`;
      if (asked === 0) ask();
      return questions.size > 0 ? `${questions.size} questions wait for an answer` : undefined;
    },
  };

  /** What is written on one node is read on another. */
  function ask(): void {
    const keys = checker.keys();
    const honest = hosts.filter(isHonest);
    for (; asked < QUESTIONS && keys.length > 0; asked++) {
      const key = random.pick(keys);
      questions.set(asked, key);
      const [author = "", id = ""] = key.split("/");
      feedMesh(random.pick(honest), { type: "look-up", request: asked, author, id }, surroundings);
    }
  }
}
