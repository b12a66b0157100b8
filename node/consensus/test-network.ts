import { assert } from "../base/assert.ts";
import { nanos } from "../base/units.ts";
import type { BlockRecord } from "../codec/block-record.ts";
import type { Committee } from "../codec/certificate.ts";
import { sha256Hex } from "../codec/hash.ts";
import { wakeAtMs } from "./pace.ts";
import { peersAhead, receive } from "./receive.ts";
import { onRecord } from "./record.ts";
import { standing } from "./repeat.ts";
import { type FoundJournal, restore } from "./restore.ts";
import { SOUND_RULES } from "./rules.ts";
import { type ConsensusState, certifiedHeight, createState, isVoter, type Position, type Tip, tipOf } from "./state.ts";
import { chainId, committeeWith, keyOf, signAs, verifyStub } from "./test-keys.ts";
import {
  drain,
  type NetworkOptions,
  nodeOf,
  post,
  stepNode,
  type TestNetwork,
  type TestNode,
  turnOf,
  WALL_NS,
} from "./test-node.ts";
import { DEFAULT_TIMING } from "./timing.ts";

const HOP_MS = 1;

export function createNetwork(given: NetworkOptions): TestNetwork {
  const options: Required<NetworkOptions> = {
    ids: Object.keys(given.members(1)).map(Number),
    epochMs: 1_000_000,
    epochBlocks: 8,
    rules: SOUND_RULES,
    timing: { ...DEFAULT_TIMING, viewTimeoutMs: 200 },
    emptyBlockMs: 100,
    fresh: true,
    compactEveryBlocks: 16,
    ...given,
  };
  const network: TestNetwork = {
    options,
    nodes: new Map(),
    letters: [],
    cut: new Set(),
    loses: () => false,
    delays: () => false,
    bends: (letter) => [letter],
    nowMs: 0,
  };
  for (const id of options.ids) network.nodes.set(id, newNode(network, id));
  for (const id of options.ids) start(network, id, { intact: true, fresh: options.fresh });
  return network;
}

const genesisTip: Tip = {
  hash: chainId,
  epoch: 0,
  view: 0,
  kind: "normal",
  height: 0,
  time: nanos(WALL_NS - 1n),
  executed: { height: 0 },
};

function newNode(network: TestNetwork, id: number): TestNode {
  return {
    id,
    state: createState(configOf(network, id), positionOf(network, { id, log: [] })),
    up: false,
    journal: [],
    log: [],
    results: [sha256Hex(keyOf(99))],
    closedAt: [],
    pool: [],
    executes: Number.POSITIVE_INFINITY,
    wrongFrom: Number.POSITIVE_INFINITY,
    durable: () => true,
    safety: [],
    dropped: [],
    sent: [],
  };
}

const configOf = ({ options }: TestNetwork, id: number): ConsensusState["config"] => ({
  validator: id,
  chainId,
  timing: options.timing,
  rules: options.rules,
  compactEveryBlocks: options.compactEveryBlocks,
  crypto: { sign: (message) => signAs(id, message), verify: verifyStub },
});

/** Where a log leaves a node, as the chain's replay would find out. */
function positionOf(network: TestNetwork, { id, log }: { id: number; log: readonly BlockRecord[] }): Position {
  const { members } = network.options;
  const last = log.at(-1);
  const closings = log.filter(({ block }) => block.kind === "closing");
  const epoch = closings.length + 1;
  const closing = closings.at(-1);
  const committee = (number: number): Committee => committeeWith(members(number), network.options.rules);
  const finality = last !== undefined && last.block.epoch === epoch ? last.certificate : undefined;
  return {
    epoch,
    committee: committee(epoch),
    self: id in members(epoch) ? id : undefined,
    emptyBlockMs: network.options.emptyBlockMs,
    ...(closing === undefined
      ? {}
      : { previous: { epoch: epoch - 1, committee: committee(epoch - 1), finality: closing.certificate } }),
    tip: last === undefined ? genesisTip : tipOf(last.block),
    ...(finality === undefined ? {} : { finality }),
    recent: log.slice(-8).map(({ block }) => block),
    nowMs: network.nowMs,
  };
}

/** Starts a node on its log and on the given journal, by default its own. */
export function start(network: TestNetwork, id: number, found: Partial<FoundJournal> = {}): void {
  const node = nodeOf(network, id);
  assert(!node.up, "a node runs once");
  node.state = createState(configOf(network, id), positionOf(network, node));
  node.up = true;
  const turn = turnOf(network, node);
  const restored = restore(node.state, turn, { records: node.journal, intact: true, fresh: false, ...found });
  assert(restored.ok, "the journal is this node's");
  drain(network, node, turn);
}

export function stop(network: TestNetwork, id: number): void {
  nodeOf(network, id).up = false;
}

/** No letters between the node and the others, in both directions. */
export function isolate(network: TestNetwork, id: number): void {
  for (const other of network.nodes.keys()) {
    network.cut.add(`${id}>${other}`);
    network.cut.add(`${other}>${id}`);
  }
}

export function heal(network: TestNetwork): void {
  network.cut.clear();
  for (const from of network.nodes.values()) {
    for (const to of network.nodes.keys()) for (const message of standing(from.state)) post(network, from, to, message);
  }
}

/** Delivers what is under way, in order; a millisecond later for the next hop. */
export function deliver(network: TestNetwork): void {
  const letters = network.letters.splice(0);
  network.nowMs += HOP_MS;
  for (const letter of letters) {
    const { from, to, message } = letter;
    const node = nodeOf(network, to);
    if (!node.up || from === to || network.loses(letter)) continue;
    if (network.delays(letter)) {
      network.letters.push(letter);
      continue;
    }
    stepNode(network, node, (turn) => {
      const dropped = receive(node.state, turn, { peer: from, message });
      if (dropped !== undefined) node.dropped.push(dropped);
    });
  }
}

/** Runs until the condition holds; fails after `forMs` of the network's time. */
export function runUntil(network: TestNetwork, condition: () => boolean, forMs = 60_000): void {
  const endMs = network.nowMs + forMs;
  while (!condition()) {
    assert(network.nowMs < endMs, `the network gets there: ${summary(network)}`);
    if (network.letters.length > 0) deliver(network);
    else advance(network);
  }
}

export function runFor(network: TestNetwork, forMs: number): void {
  const endMs = network.nowMs + forMs;
  runUntil(network, () => network.nowMs >= endMs, forMs + 1);
}

/** To the next moment that a node waits for; then whoever is behind copies final blocks from the others. */
function advance(network: TestNetwork): void {
  const running = [...network.nodes.values()].filter(({ up }) => up);
  const next = Math.min(...running.map(({ state }) => wakeAtMs(state, network.nowMs)));
  network.nowMs = Math.max(network.nowMs + HOP_MS, Math.min(next, network.nowMs + 50));
  for (const node of running) {
    stepNode(network, node);
    copyRecords(network, node);
  }
}

function copyRecords(network: TestNetwork, node: TestNode): void {
  if (certifiedHeight(node.state) <= node.log.length && peersAhead(node.state).length === 0) return;
  for (const other of network.nodes.values()) {
    if (!other.up || network.cut.has(`${other.id}>${node.id}`)) continue;
    for (let record = other.log[node.log.length]; record !== undefined; record = other.log[node.log.length]) {
      const height = node.log.length;
      const found = record;
      stepNode(network, node, (turn) => void onRecord(node.state, turn, found));
      if (node.log.length === height) break;
    }
  }
}

const summary = (network: TestNetwork): string =>
  [...network.nodes.values()]
    .map(({ id, state, log }) => {
      const vote = isVoter(state) ? "votes" : "follows";
      return `${id}: epoch ${state.epoch} view ${state.view} height ${log.length} ${vote}`;
    })
    .join("; ");
