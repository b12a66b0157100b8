import { present, unreachable } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import type { Nanos } from "../base/units.ts";
import type { SealedBlock } from "../codec/block.ts";
import type { BlockRecord } from "../codec/block-record.ts";
import type { Evidence } from "../codec/evidence.ts";
import { sha256Hex } from "../codec/hash.ts";
import type { PeerMessage } from "../codec/peer-message.ts";
import { beginEpoch } from "./epoch.ts";
import { compactIfDue, settle } from "./machine.ts";
import { type ConsensusMessage, isForConsensus } from "./message.ts";
import type { SafetyRules } from "./rules.ts";
import type { ConsensusState } from "./state.ts";
import { committeeWith } from "./test-keys.ts";
import type { Timing } from "./timing.ts";
import type { Action, Branch, Turn } from "./turn.ts";

/** A network of consensus machines in memory, whose payloads are lines of text and whose chains are hashes. */
export type TestNetwork = {
  readonly options: Required<NetworkOptions>;
  readonly nodes: Map<number, TestNode>;
  readonly letters: Letter[];
  /** Pairs "from>to" whose letters are lost. */
  readonly cut: Set<string>;
  /** Letters that are lost all the same. */
  loses: (letter: Letter) => boolean;
  /** Letters that others overtake. */
  delays: (letter: Letter) => boolean;
  /** What a liar sends instead of a letter; the honest send what they mean. */
  bends: (letter: Letter) => readonly Letter[];
  nowMs: number;
};

export type Letter = { readonly from: number; readonly to: number; readonly message: ConsensusMessage };

export type TestNode = {
  readonly id: number;
  state: ConsensusState;
  up: boolean;
  /** Own journal and log: they survive a restart. */
  journal: Uint8Array[];
  readonly log: BlockRecord[];
  /** Executed blocks, and the results hash after each height; index 0 is genesis. */
  results: Hex[];
  closedAt: Nanos[];
  /** Lines that wait for a block. */
  readonly pool: string[];
  /** How many final blocks it may execute; the rest waits. */
  executes: number;
  /** Its execution goes wrong from this height on. */
  wrongFrom: number;
  durable: (block: SealedBlock) => boolean;
  readonly safety: string[];
  readonly dropped: string[];
  readonly sent: PeerMessage[];
};

export type NetworkOptions = {
  /** The members of an epoch with their weights. */
  readonly members: (epoch: number) => Readonly<Record<number, number>>;
  /** Nodes that run; by default the first epoch's members. */
  readonly ids?: readonly number[];
  readonly epochMs?: number;
  /** Blocks of an epoch that E must have seen before it closes. */
  readonly epochBlocks?: number;
  readonly rules?: SafetyRules;
  readonly timing?: Timing;
  readonly emptyBlockMs?: number;
  readonly fresh?: boolean;
  readonly compactEveryBlocks?: number;
};

/** The wall clock when a network starts. */
export const WALL_NS = 1_760_000_000_000_000_000n;

export const nodeOf = ({ nodes }: TestNetwork, id: number): TestNode => present(nodes.get(id), "the node is there");

/** What a node can look at in one step. */
export function turnOf(network: TestNetwork, node: TestNode): Turn {
  const height = (): number => node.results.length - 1;
  return {
    nowMs: network.nowMs,
    wallNs: wallNs(network),
    execution: {
      height,
      resultsHash: (at) => node.results[at],
      closing: (at) => closingAt(network, node, at),
      evidenceFault: (evidence) => (hasCounted(node, evidence) ? "evidence that was counted" : undefined),
    },
    payload: {
      waits: (branch) => linesFor(node, branch).length > 0,
      take: (branch) => new TextEncoder().encode(linesFor(node, branch).join("\n")),
      judge: (block) => {
        const text = textOf(block);
        return text.includes("wait") ? "wait" : text.includes("bad") ? { invalid: "a bad line" } : "valid";
      },
      durable: node.durable,
    },
    out: [],
  };
}

export const wallNs = ({ nowMs }: TestNetwork): bigint => WALL_NS + BigInt(Math.trunc(nowMs)) * 1_000_000n;
export const textOf = ({ payload }: SealedBlock): string => new TextDecoder().decode(payload);
export const linesOf = (blocks: readonly SealedBlock[]): string[] =>
  blocks.flatMap((block) => textOf(block).split("\n")).filter((line) => line !== "");

function linesFor({ pool, log }: TestNode, branch: Branch): string[] {
  if (pool.length === 0) return [];
  const taken = new Set(linesOf([...log.map(({ block }) => block), ...branch]));
  return pool.filter((line) => !taken.has(line));
}

const hasCounted = ({ log, results }: TestNode, { validator, epoch, view, kind }: Evidence): boolean =>
  log
    .slice(0, results.length - 1)
    .some(({ block }) =>
      block.evidence.some(
        (one) => one.validator === validator && one.epoch === epoch && one.view === view && one.kind === kind,
      ),
    );

function closingAt(
  { options }: TestNetwork,
  { log, closedAt, state }: TestNode,
  { executedHeight, time }: { executedHeight: number; time: Nanos },
): { next: Hex } | undefined {
  const before = log.filter(({ block }) => block.kind === "closing").at(-1)?.block;
  const startedAt = closedAt.at(-1) ?? log[0]?.block.time ?? time;
  const isLong = time - startedAt >= BigInt(options.epochMs) * 1_000_000n;
  if (!isLong || executedHeight < (before?.height ?? 0) + options.epochBlocks) return undefined;
  return { next: sha256Hex(new TextEncoder().encode(JSON.stringify(options.members(state.epoch + 1)))) };
}

/** Lets the node come to rest, and carries out what it wants. */
export function drain(network: TestNetwork, node: TestNode, turn: Turn): void {
  do {
    while (turn.out.length > 0) for (const action of turn.out.splice(0)) carryOut(network, node, action);
    execute(network, node, turn);
    if (turn.out.length === 0) settle(node.state, turn);
  } while (turn.out.length > 0);
}

function carryOut(network: TestNetwork, node: TestNode, action: Action): void {
  switch (action.type) {
    case "journal":
      node.journal.push(action.record);
      return;
    case "replace-journal":
      node.journal = [...action.records];
      return;
    case "broadcast":
      for (const peer of network.nodes.keys()) if (peer !== node.id) post(network, node, peer, action.message);
      return;
    case "send":
      post(network, node, action.peer, action.message);
      return;
    case "finalized":
      node.log.push(action.record);
      return;
    case "epoch-closed":
    case "view-entered":
      return;
    case "safety":
      node.safety.push(action.kind);
      return;
    default:
      unreachable(action);
  }
}

/** Order, then execute; a closing block that is executed begins the next epoch. */
function execute(network: TestNetwork, node: TestNode, turn: Turn): void {
  const { log, results, state } = node;
  while (results.length - 1 < Math.min(log.length, node.executes)) {
    const { block } = present(log[results.length - 1], "a final block waits");
    const wrong = block.height >= node.wrongFrom ? "wrong" : "";
    const before = present(results.at(-1), "genesis has results");
    results.push(sha256Hex(new TextEncoder().encode(`${before}${block.hash}${wrong}`)));
    if (block.kind === "closing") node.closedAt.push(block.time);
  }
  const { members, rules, emptyBlockMs } = network.options;
  if (!state.closed || results.length - 1 < log.length) return;
  const epoch = state.epoch + 1;
  const self = node.id in members(epoch) ? node.id : undefined;
  beginEpoch(state, turn, { epoch, committee: committeeWith(members(epoch), rules), self, emptyBlockMs });
}

/** Puts a letter under way, or loses it. */
export function post(network: TestNetwork, from: TestNode, to: number, message: PeerMessage): void {
  from.sent.push(message);
  if (network.cut.has(`${from.id}>${to}`)) return;
  if (!isForConsensus(message)) throw new Error(`consensus sends no ${message.type}`);
  network.letters.push(...network.bends({ from: from.id, to, message }));
}

/** One step of a node, whatever brings it about. */
export function stepNode(network: TestNetwork, node: TestNode, act: (turn: Turn) => void = () => {}): void {
  const turn = turnOf(network, node);
  compactIfDue(node.state, turn);
  act(turn);
  drain(network, node, turn);
}

export const blocksOf = (network: TestNetwork, id: number): readonly SealedBlock[] =>
  nodeOf(network, id).log.map(({ block }) => block);
