import { isObserver } from "./api/contract.ts";
import { unreachable } from "./base/assert.ts";
import { admitBatch, type Chain, heightOf } from "./chain/chain.ts";
import { encodePeerMessage } from "./codec/peer-message.ts";
import { commit } from "./consensus/finality.ts";
import { compactIfDue } from "./consensus/machine.ts";
import { wakeAtMs as consensusWakeAtMs } from "./consensus/pace.ts";
import { peersAhead } from "./consensus/receive.ts";
import { PRODUCTION } from "./consensus/rules.ts";
import { certifiedHeight } from "./consensus/state.ts";
import { lanesWakeAtMs } from "./lanes/lanes.ts";
import { addBatch } from "./lanes/own-lane.ts";
import { orderAnchors } from "./node-duties.ts";
import { noteExchange, probePeers } from "./node-observe.ts";
import { onConnected, onFrame } from "./node-peer.ts";
import { type NodeInternals, recover } from "./node-recover.ts";
import { onSnapshotWritten } from "./node-snapshot.ts";
import type { Node, NodeConfig } from "./node-state.ts";
import { drain, stepOf } from "./node-turn.ts";
import { addRequest, WAITING_MAX } from "./node-waiting.ts";
import type { ClientAnswer, NodeEffect, NodeInput, Recovered, StepContext } from "./ports.ts";
import { ask, wakeAtMs as catchUpWakeAtMs } from "./sync/catch-up.ts";
import { askForPart, snapshotWakeAtMs, wantSnapshot } from "./sync/snapshot-sync.ts";

export { DEFAULT_TIMING, type Timing } from "./consensus/timing.ts";
export { DEFAULT_LANE_PACE, type LanePace } from "./lanes/pace.ts";
export { type ProofFault, proveExecuted } from "./node-prove.ts";
export { DamagedData, PeerSnapshotRefused, ReleaseTooOld } from "./node-recover.ts";
export type { SnapshotPolicy, Snapshots } from "./node-snapshot.ts";
export type { Node, NodeConfig } from "./node-state.ts";
export { certifiedHeightOf, isLive, type NodeView, viewOf } from "./node-view.ts";

export const chainOf = (node: Node): Chain => node.chain;

/**
 * The node as its log leaves it. Throws only for a bug, a refused genesis or a corrupt log. `internals` is
 * for the simulator: production leaves it out.
 */
export function createNode(
  config: NodeConfig,
  recovered: Recovered,
  context: StepContext,
  internals: NodeInternals = PRODUCTION,
): { node: Node; effects: readonly NodeEffect[] } {
  const { node, effects } = recover(config, recovered, context, internals);
  const step = stepOf(node, context, effects);
  // A crash may have taken the last blocks of a branch whose finality and bodies the log still has.
  if (node.halted === undefined) {
    commit(node.consensus, step.turn);
    drain(node, step);
  }
  setTimers(node, effects);
  return { node, effects };
}

/** One input in, its effects out, in the order of `ports.ts`. The same inputs give the same effects. */
export function step(node: Node, input: NodeInput, context: StepContext): readonly NodeEffect[] {
  advanceClock(node, input, context);
  const effects: NodeEffect[] = [];
  const current = stepOf(node, context, effects);
  // What compaction drops is covered by final blocks, and those come into the log when they are executed.
  if (node.unexecuted.length === 0 && node.halted === undefined) compactIfDue(node.consensus, current.turn);
  switch (input.type) {
    case "peer-connected":
      onConnected(node, input.peer, current);
      break;
    case "peer-disconnected":
      node.connected.delete(input.peer);
      break;
    case "peer-frame":
      onFrame(node, input.peer, input.frame, current);
      break;
    case "client-batch": {
      const answer = takeBatch(node, input, context);
      if (answer !== undefined) effects.push({ type: "answer", request: input.request, answer });
      break;
    }
    case "timer":
      break;
    case "snapshot-written":
      onSnapshotWritten(node, current, input.height);
      break;
    case "probe":
      probePeers(node, input.peers, current);
      break;
    case "mesh-exchange":
      noteExchange(node, input);
      break;
    case "trust":
      node.trust = input.anchor;
      break;
    case "anchors":
      orderAnchors(node, current, input.payload);
      break;
    case "stop":
      node.stopping = true;
      node.consensus.stopping = true;
      effects.push({ type: "broadcast", frame: encodePeerMessage({ type: "stopping" }) });
      break;
    default:
      return unreachable(input);
  }
  if (node.halted === undefined) {
    drain(node, current);
    askPeers(node, effects);
  }
  setTimers(node, effects);
  return effects;
}

/** A client's batch: answered at once if refused or known, else when the block that orders it is executed. */
function takeBatch(
  node: Node,
  { request, batch }: { request: number; batch: Uint8Array },
  context: StepContext,
): ClientAnswer | undefined {
  const cannot = standingFault(node);
  if (cannot !== undefined) return { type: "refused", reason: cannot, retryable: true };
  const admitted = admitBatch(node.chain, batch, context.nowMs);
  if (!admitted.ok) {
    // Streams end when their batches expire; every other refusal is about the batch itself.
    return { type: "refused", reason: admitted.reason, retryable: admitted.reason === "too_many_streams" };
  }
  const { id, executed } = admitted.value;
  if (executed !== undefined) return { type: "committed", ...executed };
  if (node.waiting.count >= WAITING_MAX || !addBatch(node.lanes, { id, batch }))
    return { type: "refused", reason: "busy", retryable: true };
  addRequest(node.waiting, id, request);
  return undefined;
}

function standingFault(node: Node): string | undefined {
  if (node.stopping) return "stopping";
  if (node.halted !== undefined) return "release_too_old";
  if (node.consensus.self === undefined) return "not_a_validator";
  return node.unproved ? "catching_up" : undefined;
}

/** Final blocks that wait for cars while more are asked for: no further ahead than this. */
const UNEXECUTED_MAX = 64;

function askPeers(node: Node, effects: NodeEffect[]): void {
  const { consensus, connected, clock } = node;
  const { height } = consensus.tip;
  const first = prefersSnapshot(node, certifiedHeight(consensus) - height);
  const room = !first && node.unexecuted.length < UNEXECUTED_MAX && !(consensus.closed && node.unexecuted.length > 0);
  const behind = certifiedHeight(consensus) > height;
  const peers = behind ? [...connected] : peersAhead(consensus).filter((peer) => connected.has(peer));
  const question = ask(node.catchUp, { nowMs: clock.nowMs, height, peers: room ? peers : [] });
  if (question !== undefined) {
    const frame = encodePeerMessage({ type: "range-request", from: question.from });
    effects.push({ type: "send", peer: question.peer, frame });
  }
  const part = askForPart(node.snapshotSync, { nowMs: clock.nowMs, connected });
  if (part === undefined) return;
  const frame = encodePeerMessage({ type: "snapshot-request", height: part.height, part: part.part });
  effects.push({ type: "send", peer: part.peer, frame });
}

/**
 * An observer has no history to keep: one that has nothing begins from a peer's state where that is the shorter way, and asks
 * for blocks once a peer had none to give.
 */
function prefersSnapshot({ config, chain, snapshotSync, clock, unproved }: Node, missing: number): boolean {
  const { snapshots, snapshotPolicy, self } = config;
  if (!isObserver(self) || snapshots === undefined || snapshotPolicy === undefined) return false;
  const first = heightOf(chain) === 0 && missing > snapshotPolicy.everyBlocks;
  if (first) wantSnapshot(snapshotSync);
  else if (missing === 0 && !unproved) snapshotSync.wanted = false;
  return first && clock.nowMs >= snapshotSync.quietUntilMs;
}

/** A wall clock may jump back, or ahead of a timer: elapsed time counts forward only, and a timer that fires is due. */
function advanceClock({ clock, timers }: Node, input: NodeInput, { nowMs }: StepContext): void {
  clock.nowMs += Math.max(0, nowMs - clock.wallMs);
  clock.wallMs = nowMs;
  if (input.type !== "timer") return;
  clock.nowMs = Math.max(clock.nowMs, timers.get(input.timer) ?? 0);
  timers.delete(input.timer);
}

function setTimers(node: Node, effects: NodeEffect[]): void {
  const { nowMs } = node.clock;
  setTimer(node, effects, "consensus", consensusWakeAtMs(node.consensus, nowMs));
  setTimer(node, effects, "lanes", lanesWakeAtMs(node.lanes, nowMs));
  setTimer(node, effects, "catch-up", catchUpWakeAtMs(node.catchUp, nowMs));
  setTimer(node, effects, "snapshot", snapshotWakeAtMs(node.snapshotSync, nowMs));
}

function setTimer({ clock, timers }: Node, effects: NodeEffect[], timer: string, atMs: number): void {
  if (timers.get(timer) === atMs) return;
  if (Number.isFinite(atMs)) {
    timers.set(timer, atMs);
    effects.push({ type: "set-timer", timer, afterMs: Math.max(1, Math.ceil(atMs - clock.nowMs)) });
  } else if (timers.delete(timer)) {
    effects.push({ type: "clear-timer", timer });
  }
}
