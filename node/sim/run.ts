import { createHash } from "node:crypto";
import { present, unreachable } from "../base/assert.ts";
import { seededRandom } from "../base/random.ts";
import { type Chain, chainId, createChain, heightOf, resultsHashOf } from "../chain/chain.ts";
import { CHAIN_RULES } from "../chain/rules.ts";
import { committeeOf } from "../codec/certificate.ts";
import { leaderList, leaderOf } from "../consensus/leaders.ts";
import { SOUND_RULES } from "../consensus/rules.ts";
import { heldCars, laneOf } from "../lanes/state.ts";
import { MESH_RULES } from "../mesh/rules.ts";
import { chainOf, isLive, viewOf } from "../node.ts";
import { bendObservation, createLiar } from "./byzantine.ts";
import { createClients } from "./clients.ts";
import { wallMs } from "./clock.ts";
import { addFaults, noFaults } from "./faults.ts";
import { crash, createHost, feed, type Host, start, type World } from "./host.ts";
import { createMeshWorld } from "./mesh-world.ts";
import { createNetwork, together } from "./network.ts";
import { createOrders } from "./orders.ts";
import { createQueue } from "./queue.ts";
import { createReferee } from "./referee.ts";
import type { Event, RunOptions, RunReport } from "./run-options.ts";
import { type Scenario, scenarioOf } from "./scenario.ts";
import { storm } from "./storm.ts";
import { check, Violation } from "./violation.ts";

/** After the storm everything must come right within this time. */
const HEAL_MS = 60_000;
const TICK_MS = 250;
const PROBE_MS = 2_000;
/** Shorter storms are over before a report could move anything, so nobody probes in them. */
const PROBED_STORM_MS = 30_000;
/** Epochs of ten seconds, and what closing one may take. */
const EPOCH_MAX_MS = 15_000;
/** In calm weather an order comes true within so many epochs. */
const ORDER_EPOCHS_MAX = 3;
const CLIENTS_AFTER_MS = 2_000;

/** One network under one seed, from genesis through a storm until everything has come right. */
export function runSeed({ seed, stormMs, shape, ...options }: RunOptions): RunReport {
  const scenario = scenarioOf(seed, stormMs, shape);
  const simulation = createSimulation(scenario, options);
  let violation: string | undefined;
  try {
    simulation.run();
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    violation = cause instanceof Violation ? cause.message : `the node threw: ${cause.stack ?? cause.message}`;
  }
  return { violation, ...simulation.report() };
}

function createSimulation(
  scenario: Scenario,
  {
    rules = SOUND_RULES,
    chainRules = CHAIN_RULES,
    meshRules = MESH_RULES,
    brokenShell,
    untilEpoch = 1,
  }: Omit<RunOptions, "seed" | "stormMs" | "shape">,
) {
  const random = seededRandom(BigInt(scenario.seed));
  const faults = noFaults();
  const queue = createQueue<Event>();
  const trace = createHash("sha256");
  const network = createNetwork(scenario, random, faults);
  const first = createChain(scenario.genesis);
  if (!first.ok) throw new Error(`genesis of the scenario is refused: ${first.detail ?? first.reason}`);
  const setting = {
    chainId: chainId(first.value),
    genesisResultsHash: present(resultsHashOf(first.value, 0), "genesis has results"),
  };
  const referee = createReferee({ scenario, setting, faults });
  const { finality } = referee;
  const clients = createClients(scenario, setting.chainId, random, faults);
  const orders = createOrders(scenario, { chainId: setting.chainId, clients, faults });
  const hosts = scenario.keys.map((_, id) => createHost(id, random));
  const isHonest = (host: Host): boolean => host.id !== scenario.byzantine;
  const honest = hosts.filter(isHonest);
  const leads = ({ epoch, view }: { epoch: number; view: number }): boolean => {
    const members = finality.membersOf(epoch);
    return members !== undefined && leaderOf(leaderList(committeeOf(members)), view) === scenario.byzantine;
  };
  const liar =
    scenario.byzantine === undefined
      ? undefined
      : createLiar({
          self: scenario.byzantine,
          keyPair: present(scenario.keys[scenario.byzantine], "a liar has a key"),
          chainId: setting.chainId,
          random,
          faults,
          leads,
        });
  const probes = untilEpoch > 1 || scenario.stormMs >= PROBED_STORM_MS;
  const epochsMax = untilEpoch + orders.waiting() * ORDER_EPOCHS_MAX;
  let [nowMs, stormy, done] = [0, true, false];
  const later = (afterMs: number, work: () => void): void => queue.add(nowMs + afterMs, { type: "work", work });
  const note = (...parts: readonly (string | number | Uint8Array)[]): void => {
    for (const part of parts) trace.update(typeof part === "number" ? `${part} ` : part);
  };
  const othersUp = (of: Host): Host[] => hosts.filter((host) => host.id !== of.id && host.node !== undefined);

  const post = (from: number, to: number, frame: Uint8Array): void => {
    const target = present(hosts[to], "frames go to known nodes");
    for (const atMs of network.deliveries(from, to, nowMs)) {
      queue.add(atMs, { type: "frame", from, to, life: target.life, frame });
    }
  };

  const world: World = {
    scenario,
    random,
    faults,
    ...{ rules, chainRules, brokenShell },
    nowMs: () => nowMs,
    mayCrash: () => stormy,
    send: (host, peer, frame) => {
      note("send", host.id, frame);
      const peers = othersUp(host)
        .map(({ id }) => id)
        .filter((id) => peer === "all" || id === peer);
      referee.onSent(host, frame);
      const letters =
        isHonest(host) || liar === undefined ? peers.map((to) => ({ to, frame })) : liar.bend(frame, peers);
      for (const letter of letters) post(host.id, letter.to, letter.frame);
    },
    setTimer: (host, timer, number, afterMs) =>
      queue.add(nowMs + afterMs, { type: "timer", host: host.id, life: host.life, timer, number }),
    answer: (_, request, answer) => clients.onAnswer(request, answer),
    report: (host, event) => {
      note("report", host.id, JSON.stringify(event));
      referee.onReport(host, event);
      if (event.type === "block-executed")
        mesh.onBlock(host.id, event.height, host.node !== undefined && isLive(host.node, event.height));
      if (event.type === "anchored") mesh.onAnchored(host.id, event);
    },
    onDurable: referee.onDurable,
    onRestart: (host, resultsHash) => {
      note("start", host.id, resultsHash);
      if (host.life > 1) faults.restart += 1;
      referee.onRestart(host, resultsHash);
      mesh.start(host.id);
      later(1, () => connect(host, host.life));
    },
    onAdopted: referee.onAdopted,
    later,
    onWiped: (host, { logToo }) => {
      referee.onWiped(host);
      if (logToo) mesh.wipe(host.id);
    },
    onCrash: (host) => {
      note("crash", host.id);
      for (const other of othersUp(host)) feed(other, world, { type: "peer-disconnected", peer: host.id });
      mesh.crash(host.id);
      // In the storm a crash may strike in the middle of any step, so every crash brings its own restart.
      const { life } = host;
      later(200 + random.below(4000), () => {
        if (host.node === undefined && host.life === life) start(host, world);
      });
    },
  };

  const hostOf = (id: number): Host => present(hosts[id], "a host of a known node");
  const mesh = createMeshWorld({
    ...{ scenario, chainId: setting.chainId, rules: meshRules, faults, later, note, nowMs: () => nowMs },
    wallMs: (id) => wallMs(hostOf(id).clock, nowMs),
    runs: (id) => hostOf(id).node !== undefined,
    chain: (id) => chainOf(present(hostOf(id).node, "a mesh runs beside its node")),
    onExchanged: (id, peer, equal) => {
      referee.onExchange(hostOf(id), peer, equal);
      feed(hostOf(id), world, { type: "mesh-exchange", peer, equal });
    },
    order: (id, payload) => feed(hostOf(id), world, { type: "anchors", payload }),
    membersOf: finality.membersOf,
  });
  const networks = together([network, mesh.network]);

  function connect(host: Host, life: number): void {
    if (host.life !== life || host.node === undefined) return;
    for (const other of othersUp(host)) {
      feed(host, world, { type: "peer-connected", peer: other.id });
      feed(other, world, { type: "peer-connected", peer: host.id });
      mesh.connect(host.id, other.id);
    }
  }

  const handle = (event: Event): void => {
    switch (event.type) {
      case "frame": {
        const host = present(hosts[event.to], "frames go to known nodes");
        if (host.life !== event.life || host.node === undefined) return;
        note("frame", nowMs, event.from, event.to);
        if (!isHonest(host) && liar !== undefined) {
          const peers = othersUp(host).map(({ id }) => id);
          for (const letter of liar.overhear(event.frame, peers)) post(host.id, letter.to, letter.frame);
        }
        feed(host, world, { type: "peer-frame", peer: event.from, frame: event.frame });
        return;
      }
      case "timer": {
        const host = present(hosts[event.host], "timers are of known nodes");
        if (host.life !== event.life || host.timers.get(event.timer) !== event.number) return;
        host.timers.delete(event.timer);
        feed(host, world, { type: "timer", timer: event.timer });
        return;
      }
      case "work":
        event.work();
        return;
      case "tick":
        tick();
        return;
      default:
        unreachable(event);
    }
  };

  function tick(): void {
    if (stormy && nowMs >= scenario.stormMs) heal();
    if (stormy && random.oneIn(4)) storm(hosts, world, networks, later);
    const first = newest();
    if (first !== undefined) orders.tick(nowMs, first);
    clients.tick(nowMs, nowMs < scenario.stormMs + CLIENTS_AFTER_MS, (request, batch) => {
      const up = hosts.filter((host) => host.node !== undefined);
      if (up.length === 0) return false;
      feed(random.pick(up), world, { type: "client-batch", request, batch });
      return true;
    });
    mesh.tick(nowMs < scenario.stormMs + CLIENTS_AFTER_MS);
    for (const { id, node } of honest) {
      const waits = node !== undefined && node.lanes.own.pool.size > 0;
      if (waits && heldCars(laneOf(node.lanes, id)) >= scenario.lanes.laneCarsMax) faults["lane full"] += 1;
    }
    const liarsNode = hosts[scenario.byzantine ?? -1]?.node;
    if (liarsNode !== undefined) bendObservation(liarsNode, faults);
    if (probes && nowMs % PROBE_MS === 0)
      for (const host of hosts) feed(host, world, { type: "probe", peers: othersUp(host).map(({ id }) => id) });
    if (nowMs >= scenario.stormMs + CLIENTS_AFTER_MS && allIsWell()) done = true;
    else queue.add(nowMs + TICK_MS, { type: "tick" });
    check(nowMs < scenario.stormMs + HEAL_MS + epochsMax * EPOCH_MAX_MS, "liveness", () => standing());
  }

  /** The weather clears: all wires whole, all machines up, all clocks about right. Liars go on lying. */
  function heal(): void {
    stormy = false;
    networks.heal();
    for (const host of hosts) {
      host.clock.jumpMs = 0;
      // A stopping node would be gone in any real network by now.
      if (host.node !== undefined && viewOf(host.node).state === "Stopping") crash(host, world);
    }
    for (const host of hosts) if (host.node === undefined) start(host, world);
    for (const host of hosts) connect(host, host.life);
    mesh.heal();
  }

  function allIsWell(): boolean {
    if (clients.outstanding() > 0 || orders.waiting() > 0) return false;
    const views = honest.map((host) => host.node && viewOf(host.node));
    const height = finality.chain().length;
    const level = views.every(
      (view) => view?.height === height && view.state === (view.role === "Voter" ? "Voting" : "Following"),
    );
    const late = views.some((view) => (view?.epoch ?? 0) < untilEpoch);
    return height > 0 && level && !late && mesh.awaited() === undefined;
  }

  /** The chain of the honest node that is furthest on, of those that are up. */
  function newest(): Chain | undefined {
    const chains = honest.flatMap(({ node }) => (node === undefined ? [] : [chainOf(node)]));
    return chains.toSorted((a, b) => heightOf(b) - heightOf(a))[0];
  }

  const standing = (): string =>
    `${clients.outstanding()} batches and ${orders.waiting()} orders wait; mesh: ${mesh.awaited()}; ${honest
      .map(({ id, node }) => {
        const view = node && viewOf(node);
        return `node ${id} is ${view?.state} at height ${view?.height}, view ${view?.view}`;
      })
      .join("; ")}`;

  function run(): void {
    for (const host of hosts) {
      const isStranger = host.id === scenario.stranger;
      // It comes when there are blocks to catch up with.
      if (isStranger) later(random.below(scenario.stormMs / 2), () => host.node === undefined && start(host, world));
      else start(host, world);
    }
    queue.add(0, { type: "tick" });
    while (!done) {
      const next = present(queue.next(), "a network is never out of events");
      nowMs = next.atMs;
      handle(next.item);
    }
    referee.atEnd(honest, clients.history);
  }

  return {
    run,
    report: (): Omit<RunReport, "violation"> => {
      const totals = noFaults();
      addFaults(totals, faults);
      return {
        traceHash: trace.copy().digest("hex"),
        faults: totals,
        height: finality.chain().length,
        acknowledged: clients.history.acknowledged.size,
        simulatedMs: nowMs,
      };
    },
  };
}
