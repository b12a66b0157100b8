import { createHash } from "node:crypto";
import { present, unreachable } from "../base/assert.ts";
import { seededRandom } from "../base/random.ts";
import { chainId, createChain, headOf, resultsHashOf, validatorStates } from "../chain/chain.ts";
import { CHAIN_RULES } from "../chain/rules.ts";
import { committeeOf } from "../codec/certificate.ts";
import { leaderList, leaderOf } from "../consensus/leaders.ts";
import { SOUND_RULES } from "../consensus/rules.ts";
import { chainOf, viewOf } from "../node.ts";
import type { NodeEvent } from "../ports.ts";
import { createLiar } from "./byzantine.ts";
import { createCoherenceChecker } from "./check-coherence.ts";
import { createFinalityChecker, type MembersAt } from "./check-finality.ts";
import { createLanesChecker } from "./check-lanes.ts";
import { checkLedger } from "./check-ledger.ts";
import { createVotesChecker } from "./check-votes.ts";
import { createClients } from "./clients.ts";
import { addFaults, noFaults } from "./faults.ts";
import { crash, createHost, feed, type Host, start, type World } from "./host.ts";
import { createNetwork } from "./network.ts";
import { createQueue } from "./queue.ts";
import type { Event, RunOptions, RunReport } from "./run-options.ts";
import { EPOCH_LENGTH_NS, type Scenario, scenarioOf } from "./scenario.ts";
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
  const votes = createVotesChecker({ byzantine: scenario.byzantine });
  const lanes = createLanesChecker();
  const finality = createFinalityChecker({
    ...setting,
    epochLengthNs: EPOCH_LENGTH_NS,
    mayHaveNullified: votes.mayHaveNullified,
  });
  const coherence = createCoherenceChecker({ chain: finality.chain, byzantine: scenario.byzantine });
  const clients = createClients(scenario, setting.chainId, random, faults);
  const hosts = scenario.bonds.map((_, id) => createHost(id, random));
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
      if (isHonest(host)) {
        votes.onSent(host.id, frame, host.disk.votes);
        lanes.onSent(host.id, frame, host.disk);
      }
      const letters =
        isHonest(host) || liar === undefined ? peers.map((to) => ({ to, frame })) : liar.bend(frame, peers);
      for (const letter of letters) post(host.id, letter.to, letter.frame);
    },
    setTimer: (host, timer, number, afterMs) =>
      queue.add(nowMs + afterMs, { type: "timer", host: host.id, life: host.life, timer, number }),
    answer: (_, request, answer) => clients.onAnswer(request, answer),
    report: (host, event) => {
      note("report", host.id, JSON.stringify(event));
      if (isHonest(host)) onReport(host, event);
    },
    onDurable: (host, write) => {
      // Of a liar's log only the cars count: others fetch them.
      if (write.stream === "log" && (isHonest(host) || write.entry.kind === "car"))
        lanes.onLogged(host.id, write.entry, host.disk);
      if (!isHonest(host)) return;
      if (write.stream === "votes") {
        votes.onJournaled(host.id, write.record);
        lanes.onJournaled(write.record);
      } else if (write.entry.kind === "block") {
        finality.onRecord(host.id, write.entry.bytes, membersAt(host));
      }
    },
    onRestart: (host, resultsHash) => {
      note("start", host.id, resultsHash);
      if (host.life > 1) faults.restart += 1;
      for (const entry of host.disk.log) if (entry.kind === "car") lanes.onLogged(host.id, entry, host.disk);
      if (isHonest(host)) {
        for (const record of host.disk.votes) {
          votes.onJournaled(host.id, record);
          lanes.onJournaled(record);
        }
        finality.onRestart(host.id, host.disk, resultsHash, membersAt(host));
      }
      later(1, () => connect(host, host.life));
    },
    onAdopted: (host, height) => isHonest(host) && finality.onAdopted(host.id, height),
    later,
    onWiped: (host) => votes.onJournalLost(host.id),
    onCrash: (host) => {
      note("crash", host.id);
      for (const other of othersUp(host)) feed(other, world, { type: "peer-disconnected", peer: host.id });
      // In the storm a crash may strike in the middle of any step, so every crash brings its own restart.
      const { life } = host;
      later(200 + random.below(4000), () => {
        if (host.node === undefined && host.life === life) start(host, world);
      });
    },
  };

  /** The set of a height's epoch, as this node's chain has it. */
  function membersAt(host: Host): MembersAt {
    const chain = chainOf(present(host.node, "a node that writes runs"));
    return (height) => {
      const head = present(headOf(chain, height - 1), "a written block is executed");
      return head.governance.epoch.members;
    };
  }

  function connect(host: Host, life: number): void {
    if (host.life !== life || host.node === undefined) return;
    for (const other of othersUp(host)) {
      feed(host, world, { type: "peer-connected", peer: other.id });
      feed(other, world, { type: "peer-connected", peer: host.id });
    }
  }

  function onReport(host: Host, event: NodeEvent): void {
    switch (event.type) {
      case "block-executed":
        finality.onExecuted(host.id, event.height, event.hash);
        return;
      case "safety": {
        const where = `node ${host.id}: ${event.detail}`;
        check(event.kind !== "fork", "no fork", () => where);
        // Only a liar may be accused, and only a liar may name wrong results.
        const blames =
          event.kind === "equivocation" ? event.detail.startsWith(`validator ${scenario.byzantine}:`) : true;
        check(scenario.byzantine !== undefined && blames, "no false accusation", () => where);
        return;
      }
      case "epoch-began":
        faults["epoch closed"] += 1;
        coherence.onEpoch(host.id, chainOf(present(host.node, "a node that reports runs")));
        return;
      case "view-entered":
      case "frame-dropped":
      case "anchored":
        return;
      default:
        unreachable(event);
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
    if (stormy && random.oneIn(4)) storm(hosts, world, network, later);
    clients.tick(nowMs, nowMs < scenario.stormMs + CLIENTS_AFTER_MS, (request, batch) => {
      const up = hosts.filter((host) => host.node !== undefined);
      if (up.length === 0) return false;
      feed(random.pick(up), world, { type: "client-batch", request, batch });
      return true;
    });
    if (probes && nowMs % PROBE_MS === 0)
      for (const host of hosts) feed(host, world, { type: "probe", peers: othersUp(host).map(({ id }) => id) });
    if (nowMs >= scenario.stormMs + CLIENTS_AFTER_MS && allIsWell()) done = true;
    else queue.add(nowMs + TICK_MS, { type: "tick" });
    check(nowMs < scenario.stormMs + HEAL_MS + untilEpoch * EPOCH_MAX_MS, "liveness", () => standing());
  }

  /** The weather clears: all wires whole, all machines up, all clocks about right. Liars go on lying. */
  function heal(): void {
    stormy = false;
    network.heal();
    for (const host of hosts) {
      host.clock.jumpMs = 0;
      // A stopping node would be gone in any real network by now.
      if (host.node !== undefined && viewOf(host.node).state === "Stopping") crash(host, world);
    }
    for (const host of hosts) if (host.node === undefined) start(host, world);
    for (const host of hosts) connect(host, host.life);
  }

  function allIsWell(): boolean {
    if (clients.outstanding() > 0) return false;
    const views = honest.map((host) => host.node && viewOf(host.node));
    const height = finality.chain().length;
    const together = views.every((view) => view?.height === height && view.state === "Voting");
    return height > 0 && together && views.every((view) => (view?.epoch ?? 0) >= untilEpoch);
  }

  const standing = (): string =>
    `${clients.outstanding()} batches wait; ${honest
      .map(({ id, node }) => {
        const view = node && viewOf(node);
        return `node ${id} is ${view?.state} at height ${view?.height}, view ${view?.view}`;
      })
      .join("; ")}`;

  function run(): void {
    for (const host of hosts) start(host, world);
    queue.add(0, { type: "tick" });
    while (!done) {
      const next = present(queue.next(), "a network is never out of events");
      nowMs = next.atMs;
      handle(next.item);
    }
    for (const host of honest) {
      const node = present(host.node, "all are up at the end");
      const { idsOf } = lanes;
      checkLedger(host, chainOf(node), { blocks: finality.chain(), idsOf, history: clients.history });
      coherence.atEnd(host);
    }
    faults.mint += coherence.mints();
    faults["view nullified"] += finality.skippedViews();
    faults["tail block"] += lanes.tails();
    faults["vote regained"] += votes.regained();
    const liarState = validatorStates(chainOf(present(honest[0]?.node, "all are up at the end"))).get(
      scenario.byzantine ?? -1,
    );
    faults["liar slashed"] += liarState?.offences.length ?? 0;
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
