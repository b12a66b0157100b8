import { present } from "../../base/assert.ts";
import { nanos } from "../../base/units.ts";
import { type BlockRecord, isLinked } from "../../codec/block-record.ts";
import { type Committee, committeeOf } from "../../codec/certificate.ts";
import type { PeerMessage } from "../../codec/peer-message.ts";
import { keepCertificate, onCertificate } from "../../consensus/certificates.ts";
import { commit, onRecord } from "../../consensus/finality.ts";
import { encodeJournal } from "../../consensus/journal.ts";
import { leaderOf } from "../../consensus/leaders.ts";
import { certificatesOf, settle } from "../../consensus/machine.ts";
import { onBlock, onProposal } from "../../consensus/proposal.ts";
import { restore } from "../../consensus/restore.ts";
import { type ConsensusState, createState, type Tip, tipOf } from "../../consensus/state.ts";
import { DEFAULT_TIMING } from "../../consensus/timing.ts";
import type { Turn } from "../../consensus/turn.ts";
import { onVote } from "../../consensus/votes.ts";
import type { Input, Said, Spoken } from "./input.ts";
import type { Network } from "./network.ts";

/**
 * The one file of the checker that knows the production consensus: a machine is its state, and beside it what the rest of
 * a node would hold for it: the executed blocks and the vote journal. Signatures are blank; who may say what is the
 * explorer's business.
 */
export type Machine = { state: ConsensusState; records: BlockRecord[]; journal: Uint8Array[] };

export const BLANK_SIGNATURE = new Uint8Array(64);
const WALL_NS = 1_760_000_000_000_000_000n;
export const GENESIS_TIME_NS = WALL_NS - 1_000_000_000n;
/** One pace without doubling, so that a moment to propose and a later one to give up are the same in every view. */
const TIMING = { ...DEFAULT_TIMING, viewTimeoutMs: 5_000, maxTimeoutMs: 5_000 };
export const PROPOSE_MS = TIMING.idleBlockMs;
export const GIVE_UP_MS = 2 * (TIMING.idleBlockMs + TIMING.maxTimeoutMs);

const genesisTip = ({ chainId }: Network): Tip => ({
  hash: chainId,
  height: 0,
  view: 0,
  time: nanos(GENESIS_TIME_NS),
  executed: { height: 0 },
});

/** The validators, under the rule for quorums that is tried. */
export const committeeIn = ({ weights, rules }: Network): Committee =>
  committeeOf(
    weights.map((weight, id) => ({ id, weight, publicKey: String(id).padStart(64, "0") })),
    rules.quorum,
  );

/** A journal in which nothing was voted yet. */
export const openedJournal = ({ chainId }: Network, validator: number): Uint8Array =>
  encodeJournal({ type: "opened", chainId, validator });

const configOf = (network: Network, self: number): ConsensusState["config"] => ({
  self,
  chainId: network.chainId,
  epoch: 1,
  committee: committeeIn(network),
  timing: TIMING,
  rules: network.rules,
  compactEveryBlocks: Number.MAX_SAFE_INTEGER,
  crypto: { sign: () => BLANK_SIGNATURE, verify: () => true },
});

export function createMachine(network: Network, self: number): Machine {
  const state = createState(configOf(network, self), { tip: genesisTip(network), voting: true, nowMs: 0 });
  return { state, records: [], journal: [openedJournal(network, self)] };
}

/** The node after a crash: its log with the final blocks is whole, its journal is the given one, or gone (rule 3). */
export function restart(network: Network, machine: Machine, journal: readonly Uint8Array[] | undefined): Machine {
  const { records } = machine;
  const last = records.at(-1);
  const self = present(machine.state.config.self, "a machine is a member's");
  const state = createState(configOf(network, self), {
    tip: last === undefined ? genesisTip(network) : tipOf(last.block),
    ...(last === undefined ? {} : { finality: last.certificate }),
    voting: journal !== undefined,
    nowMs: 0,
  });
  const after: Machine = { state, records: [...records], journal: [...(journal ?? [])] };
  if (journal !== undefined) {
    const restored = restore(state, turnOf(network, after, 0), journal);
    if (!restored.ok) throw new Error(`the own journal is refused: ${restored.detail ?? restored.reason}`);
  }
  return after;
}

/** Feeds one input to the production code at a moment of the node's clock, and lets it come to rest. */
export function apply(network: Network, machine: Machine, input: Input, nowMs: number): Said {
  const { state } = machine;
  const turn = turnOf(network, machine, nowMs);
  const messages: Spoken[] = [];
  const reports: string[] = [];
  if (input.type === "message") {
    for (const message of receive(state, turn, input.message)) messages.push({ to: input.from, message });
  }
  if (input.type === "record" && isLinked(input.record)) {
    keepCertificate(state, turn, input.record.certificate);
    onRecord(state, turn, input.record);
    commit(state, turn);
  }
  do {
    for (const action of turn.out.splice(0)) {
      if (action.type === "journal") machine.journal.push(action.record);
      if (action.type === "replace-journal") machine.journal = [...action.records];
      if (action.type === "broadcast") messages.push({ to: undefined, message: action.message });
      if (action.type === "send") messages.push({ to: action.peer, message: action.message });
      if (action.type === "finalized") machine.records.push(action.record);
      if (action.type === "safety") reports.push(`${action.kind}: ${action.detail}`);
    }
    settle(state, turn);
  } while (turn.out.length > 0);
  return { messages, reports };
}

function receive(state: ConsensusState, turn: Turn, message: PeerMessage): readonly PeerMessage[] {
  switch (message.type) {
    case "proposal":
      onProposal(state, turn, message);
      return [];
    case "vote":
      onVote(state, turn, message.vote);
      return [];
    case "certificate":
      onCertificate(state, turn, message.certificate);
      return [];
    case "block":
      onBlock(state, message.block);
      return [];
    case "block-request": {
      const block = state.blocks.get(message.block);
      return block === undefined ? [] : [{ type: "block", block }];
    }
    case "certificates-request":
      return certificatesOf(state, message).map((certificate) => ({ type: "certificate", certificate }));
    default:
      return [];
  }
}

/** Every final block is executed at once, and there is never anything to order: the clock alone makes blocks. */
const turnOf = (network: Network, { records }: Machine, nowMs: number): Turn => ({
  nowMs,
  wallNs: WALL_NS,
  execution: { height: () => records.length, resultsHash: (height) => network.resultsHash(height) },
  payload: { waits: () => false, take: () => [] },
  out: [],
});

/** Forgets how late it is: the explorer lets every clock be at every moment. */
export function forgetTime({ state }: Machine): void {
  state.enteredAtMs = 0;
  state.orderSinceMs = undefined;
  state.repeatedAtMs = 0;
  state.lastProposalAtMs = Number.NEGATIVE_INFINITY;
  state.nullifiedInRow = 0;
}

/** What the explorer looks at. `certifiedHeight`: of the newest block whose finality this node has proof of. */
export const lookAt = (network: Network, { state, records }: Machine) => ({
  /** Its clock may still make it propose or give up. */
  acts: state.view <= network.views,
  votes: state.voting,
  leads: leaderOf(state.leaders, state.view) === state.config.self,
  height: records.length,
  certifiedHeight: state.finality?.ballot.height ?? 0,
});
