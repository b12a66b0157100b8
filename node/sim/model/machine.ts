import { assert, unreachable } from "../../base/assert.ts";
import type { Hex } from "../../base/bytes.ts";
import { nanos } from "../../base/units.ts";
import { type SealedBlock, sealBlock, ZERO_HASH } from "../../codec/block.ts";
import type { BlockRecord } from "../../codec/block-record.ts";
import { type Committee, committeeOf } from "../../codec/certificate.ts";
import { offenceKey } from "../../codec/evidence.ts";
import { sha256Hex } from "../../codec/hash.ts";
import { beginEpoch } from "../../consensus/epoch.ts";
import { encodeJournal } from "../../consensus/journal.ts";
import { leaderList, leaderOf } from "../../consensus/leaders.ts";
import { settle } from "../../consensus/machine.ts";
import { type ConsensusMessage, epochOfMessage, isForConsensus } from "../../consensus/message.ts";
import { receive } from "../../consensus/receive.ts";
import { onRecord } from "../../consensus/record.ts";
import { type FoundJournal, restore } from "../../consensus/restore.ts";
import {
  type ConsensusState,
  certifiedHeight,
  createState,
  mayVoteIn,
  type Tip,
  tipOf,
} from "../../consensus/state.ts";
import { DEFAULT_TIMING } from "../../consensus/timing.ts";
import type { Action, Turn } from "../../consensus/turn.ts";
import { closes, epochsOf, type Network, weightsIn } from "./network.ts";

/**
 * The one file of the checker that knows the production consensus: a machine is its state, and beside it what the rest of
 * a node would hold for it: the executed blocks and the vote journal. Signatures are blank; who may say what is the
 * explorer's business.
 */
export type Machine = { readonly state: ConsensusState; records: BlockRecord[]; journal: Uint8Array[] };

/** What a machine said in one step, and what it reported about others' safety. */
export type Said = { readonly messages: readonly ConsensusMessage[]; readonly reports: readonly string[] };

/** `time` lets the clock alone move it. */
export type Input =
  | { readonly type: "message"; readonly message: ConsensusMessage; readonly from: number }
  | { readonly type: "record"; readonly record: BlockRecord }
  | { readonly type: "time" };

export const BLANK_SIGNATURE = new Uint8Array(64);
/** Of every question: with blank signatures there is one. */
export const NONCE: Hex = sha256Hex(BLANK_SIGNATURE);
const WALL_NS = 1_760_000_000_000_000_000n;
const START_TIME_NS = WALL_NS - 1_000_000_000n;
/** One pace without doubling, so that a moment to propose and a later one to give up are the same in every view. */
const TIMING = { ...DEFAULT_TIMING, viewTimeoutMs: 5_000, maxTimeoutMs: 5_000 };
export const PROPOSE_MS = 1_000;
export const GIVE_UP_MS = 2 * (PROPOSE_MS + TIMING.maxTimeoutMs);
const NEXT_SET: Hex = sha256Hex(new TextEncoder().encode("the next set"));

/** Of the genesis, or of a final block with which all begin. */
const startHeight = ({ genesis }: Network): number => (genesis ? 0 : 1);
const startTip = (network: Network): Tip => ({
  hash: network.chainId,
  epoch: 1,
  view: 0,
  kind: "normal",
  height: startHeight(network),
  time: nanos(START_TIME_NS),
  executed: { height: 0 },
});

const committeeIn = (network: Network, epoch: number): Committee =>
  committeeOf(
    weightsIn(network, epoch).map((weight, id) => ({ id, weight, publicKey: String(id).padStart(64, "0") })),
    network.rules.quorum,
  );

/** The weights by which the nodes count in an epoch: its own, unless a canary's rule takes others. */
export function countedIn(network: Network, epoch: number): Committee {
  const next = committeeIn(network, epoch);
  return epoch === 1 ? next : network.rules.committeeFor({ previous: committeeIn(network, epoch - 1), next });
}

/** Who leads a view: everybody knows. */
export function scheduleOf(network: Network): (place: { epoch: number; view: number }) => number {
  const lists = epochsOf(network).map((epoch) => leaderList(committeeIn(network, epoch)));
  return ({ epoch, view }) => leaderOf(lists[epoch - 1] ?? [], view);
}

/** The block that a lying leader makes: as valid as can be, but one of several of its view. */
export function liarsBlock(
  network: Network,
  place: { proposer: number; epoch: number; view: number; parent: SealedBlock | undefined; lie: number },
): SealedBlock {
  const { proposer, epoch, view, parent, lie } = place;
  const height = parent?.executed.height ?? 0;
  const under = parent?.epoch === epoch ? parent.kind : "normal";
  const kind = under !== "normal" ? "tail" : closes(network, epoch) ? "closing" : "normal";
  return sealBlock({
    ...{ epoch, view, kind, proposer },
    height: (parent?.height ?? startHeight(network)) + (kind === "tail" ? 0 : 1),
    parent: parent?.hash ?? network.chainId,
    time: nanos((parent?.time ?? START_TIME_NS) + BigInt(lie)),
    executed: { height, resultsHash: network.resultsHash(height) },
    next: kind === "closing" ? NEXT_SET : ZERO_HASH,
    ...{ votes: [], evidence: [], payload: new Uint8Array(0) },
  });
}

/** A journal in which nothing was voted yet. */
export const openedJournal = ({ chainId }: Network, validator: number): Uint8Array =>
  encodeJournal({ type: "opened", chainId, validator, since: { epoch: 0, view: 0 } });

const configOf = (network: Network, validator: number): ConsensusState["config"] => ({
  validator,
  chainId: network.chainId,
  timing: TIMING,
  rules: network.rules,
  compactEveryBlocks: Number.MAX_SAFE_INTEGER,
  crypto: { sign: () => BLANK_SIGNATURE, verify: () => true },
});

export function createMachine(network: Network, self: number): Machine {
  const records = network.genesis ? [] : [openedJournal(network, self)];
  return started(network, self, [], { records, intact: true, fresh: network.genesis });
}

/** The node after a crash: its log with the final blocks is whole, its journal is the given one, or gone (rule 3). */
export function restart(network: Network, machine: Machine, journal: readonly Uint8Array[] | undefined): Machine {
  const found = { records: journal ?? [], intact: journal !== undefined, fresh: false };
  return started(network, machine.state.config.validator, machine.records, found);
}

function started(network: Network, self: number, records: readonly BlockRecord[], found: FoundJournal): Machine {
  const last = records.at(-1);
  const epoch = last === undefined ? 1 : last.block.epoch + (last.block.kind === "closing" ? 1 : 0);
  const closing = records.findLast(({ block }) => block.kind === "closing");
  const state = createState(configOf(network, self), {
    epoch,
    committee: countedIn(network, epoch),
    self,
    emptyBlockMs: PROPOSE_MS,
    ...(closing === undefined
      ? {}
      : {
          previous: {
            epoch: epoch - 1,
            committee: countedIn(network, epoch - 1),
            finality: closing.certificate,
          },
        }),
    tip: last === undefined ? startTip(network) : tipOf(last.block),
    ...(last?.block.epoch === epoch ? { finality: last.certificate } : {}),
    recent: records.map(({ block }) => block),
    nowMs: 0,
  });
  const machine: Machine = { state, records: [...records], journal: [...found.records] };
  const turn = turnOf(network, machine, 0);
  const restored = restore(state, turn, found);
  if (!restored.ok) throw new Error(`the own journal is refused: ${restored.detail ?? restored.reason}`);
  // A new key opens its journal.
  for (const action of turn.out) if (action.type === "journal") machine.journal.push(action.record);
  return machine;
}

/** Feeds one input to the production code at a moment of the node's clock, and lets it come to rest. */
export function apply(network: Network, machine: Machine, input: Input, nowMs: number): Said {
  const { state } = machine;
  const turn = turnOf(network, machine, nowMs);
  const said = { messages: [] as ConsensusMessage[], reports: [] as string[] };
  if (input.type === "message") receive(state, turn, { peer: input.from, message: input.message });
  if (input.type === "record") onRecord(state, turn, input.record);
  do {
    while (turn.out.length > 0) for (const action of turn.out.splice(0)) carryOut(network, machine, turn, action, said);
    settle(state, turn);
  } while (turn.out.length > 0);
  return said;
}

/**
 * Whether a machine takes an input now: what is said stays on offer, so what belongs to another epoch waits, instead of being
 * kept aside or answered. Nobody asks itself.
 */
export function takes({ state }: Machine, input: Input): boolean {
  if (input.type !== "message") return true;
  const { message, from } = input;
  if (message.type === "vote-query") return from !== state.config.validator;
  if (message.type !== "proposal" && message.type !== "vote" && message.type !== "certificate") return true;
  return epochOfMessage(message) === state.epoch;
}

function carryOut(
  network: Network,
  machine: Machine,
  turn: Turn,
  action: Action,
  said: { messages: ConsensusMessage[]; reports: string[] },
): void {
  switch (action.type) {
    case "journal":
      machine.journal.push(action.record);
      return;
    case "replace-journal":
      machine.journal = [...action.records];
      return;
    case "broadcast":
    case "send":
      assert(isForConsensus(action.message), "consensus speaks to consensus");
      said.messages.push(action.message);
      return;
    case "finalized":
      machine.records.push(action.record);
      return;
    case "epoch-closed": {
      const epoch = action.epoch + 1;
      beginEpoch(machine.state, turn, {
        epoch,
        committee: committeeIn(network, epoch),
        self: machine.state.config.validator,
        emptyBlockMs: PROPOSE_MS,
      });
      return;
    }
    case "safety":
      said.reports.push(`${action.kind}: ${action.detail}`);
      return;
    case "view-entered":
      return;
    default:
      unreachable(action);
  }
}

/**
 * Every final block is executed at once, and there is never anything to order: the clock alone makes blocks.
 */
const turnOf = (network: Network, { state, records }: Machine, nowMs: number): Turn => ({
  nowMs,
  wallNs: WALL_NS,
  execution: {
    height: () => startHeight(network) + records.length,
    resultsHash: (height) => network.resultsHash(height),
    closing: () => (closes(network, state.epoch) ? { next: NEXT_SET } : undefined),
    evidenceFault: (evidence) =>
      !network.evidence || countedEvidence(records).includes(offenceKey(evidence))
        ? "evidence that was counted"
        : undefined,
  },
  payload: { waits: () => false, take: () => new Uint8Array(0), judge: () => "valid", durable: () => true },
  out: [],
});

/** Offences that final blocks carry, each by its key, in the order of the blocks. */
const countedEvidence = (records: readonly BlockRecord[]): readonly string[] =>
  records.flatMap(({ block }) => block.evidence.map(offenceKey));

/**
 * Forgets how late it is: the explorer lets every clock be at every moment. And forgets whose votes a block could carry: they
 * measure, they decide nothing, and would make as many blocks as there are sets of voters. Without evidence to look for, what was
 * heard in decided views goes as well: it is in the key of a state only where it can matter.
 */
export function forgetTime({ evidence }: Network, { state }: Machine): void {
  state.enteredAtMs = 0;
  state.orderSinceMs = undefined;
  state.repeatedAtMs = 0;
  state.lastProposalAtMs = Number.NEGATIVE_INFINITY;
  state.nullifiedInRow = 0;
  if (state.inquiry !== undefined) state.inquiry = { ...state.inquiry, askedAtMs: 0 };
  for (const { votes } of state.attendances.values()) votes.clear();
  if (evidence) return;
  state.evidence.clear();
  state.past.clear();
  state.pastStatements = 0;
}

/** What the explorer looks at. `certifiedHeight`: of the newest block whose finality this node has proof of. `proofs`: of this epoch and the one before. */
export const lookAt = (network: Network, { state, records }: Machine) => ({
  epoch: state.epoch,
  view: state.view,
  mayVote: mayVoteIn(state, state.view),
  leads: leaderOf(state.leaders, state.view) === state.self,
  height: startHeight(network) + records.length,
  certifiedHeight: certifiedHeight(state),
  proofs: [state.finality, state.previous?.finality].filter((proof) => proof !== undefined),
});
