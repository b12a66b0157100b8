import { unreachable } from "./base/assert.ts";
import { admitBatch, type Chain, heightOf } from "./chain/chain.ts";
import { encodePeerMessage } from "./codec/peer-message.ts";
import { commit } from "./consensus/finality.ts";
import { compactIfDue } from "./consensus/machine.ts";
import { wakeAtMs as consensusWakeAtMs } from "./consensus/pace.ts";
import { PRODUCTION } from "./consensus/rules.ts";
import { onConnected, onFrame } from "./node-peer.ts";
import { addToPool } from "./node-pool.ts";
import { recover } from "./node-recover.ts";
import { type Node, type NodeConfig, WAITING_MAX } from "./node-state.ts";
import { drain, turnOf } from "./node-turn.ts";
import type { ClientAnswer, NodeEffect, NodeInput, Recovered, StepContext } from "./ports.ts";
import { ask, wakeAtMs as catchUpWakeAtMs } from "./sync/catch-up.ts";

export { DEFAULT_TIMING, type Timing } from "./consensus/timing.ts";
export type { Node, NodeConfig } from "./node-state.ts";
export { type NodeView, viewOf } from "./node-view.ts";

export const chainOf = (node: Node): Chain => node.chain;

/**
 * The node as its log leaves it. Throws only for a bug, a refused genesis or a corrupt log. `internals` is
 * for the simulator: production leaves it out.
 */
export function createNode(
  config: NodeConfig,
  recovered: Recovered,
  context: StepContext,
  internals = PRODUCTION,
): { node: Node; effects: readonly NodeEffect[] } {
  const { node, effects } = recover(config, recovered, context, internals);
  const turn = turnOf(node, context);
  // A crash may have taken the last blocks of a branch whose finality and bodies the log still has.
  commit(node.consensus, turn);
  drain(node, turn, context, effects);
  setTimers(node, effects);
  return { node, effects };
}

/** One input in, its effects out, in the order of `ports.ts`. The same inputs give the same effects. */
export function step(node: Node, input: NodeInput, context: StepContext): readonly NodeEffect[] {
  advanceClock(node, input, context);
  const effects: NodeEffect[] = [];
  const turn = turnOf(node, context);
  compactIfDue(node.consensus, turn);
  switch (input.type) {
    case "peer-connected":
      onConnected(node, input.peer, { turn, context, effects });
      break;
    case "peer-disconnected":
      node.catchUp.connected.delete(input.peer);
      break;
    case "peer-frame":
      onFrame(node, input.peer, input.frame, { turn, context, effects });
      break;
    case "client-batch": {
      const answer = takeBatch(node, input, context, effects);
      if (answer !== undefined) effects.push({ type: "answer", request: input.request, answer });
      break;
    }
    case "timer":
    case "snapshot-written":
      break;
    case "stop":
      node.stopping = true;
      node.consensus.stopping = true;
      effects.push({ type: "broadcast", frame: encodePeerMessage({ type: "stopping" }) });
      break;
    default:
      return unreachable(input);
  }
  drain(node, turn, context, effects);
  catchUp(node, effects);
  setTimers(node, effects);
  return effects;
}

/** A client's batch: answered at once if refused or known, else when the block that holds it is executed. */
function takeBatch(
  node: Node,
  { request, batch }: { request: number; batch: Uint8Array },
  context: StepContext,
  effects: NodeEffect[],
): ClientAnswer | undefined {
  if (node.stopping) return { type: "refused", reason: "stopping", retryable: true };
  const admitted = admitBatch(node.chain, batch, context.nowMs);
  if (!admitted.ok) {
    // Streams end when their batches expire; every other refusal is about the batch itself.
    return { type: "refused", reason: admitted.reason, retryable: admitted.reason === "too_many_streams" };
  }
  const { id, executed } = admitted.value;
  if (executed !== undefined) return { type: "committed", ...executed };
  const fits = node.waitingCount < WAITING_MAX && addToPool(node.pool, { id, batch, origin: node.config.self });
  if (!fits) return { type: "refused", reason: "busy", retryable: true };
  const requests = node.waiting.get(id) ?? [];
  requests.push(request);
  node.waiting.set(id, requests);
  node.waitingCount += 1;
  // To all, so that whoever leads next can order it; again with each retry, as a frame may have been lost.
  effects.push({ type: "broadcast", frame: encodePeerMessage({ type: "batch", batch }) });
  return undefined;
}

function catchUp(node: Node, effects: NodeEffect[]): void {
  const height = heightOf(node.chain);
  const certifiedHeight = node.consensus.finality?.ballot.height ?? 0;
  const question = ask(node.catchUp, { nowMs: node.clock.nowMs, height, certifiedHeight });
  if (question === undefined) return;
  const frame = encodePeerMessage({ type: "range-request", from: question.from });
  effects.push({ type: "send", peer: question.peer, frame });
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
  setTimer(node, effects, "catch-up", catchUpWakeAtMs(node.catchUp, nowMs));
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
