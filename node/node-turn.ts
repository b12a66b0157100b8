import { assert, unreachable } from "./base/assert.ts";
import { closingAt, heightOf, offenceFault, resultsHashOf } from "./chain/chain.ts";
import type { BlockRecord } from "./codec/block-record.ts";
import { encodePeerMessage } from "./codec/peer-message.ts";
import { settle } from "./consensus/machine.ts";
import type { Action, Turn } from "./consensus/turn.ts";
import { isDurable, judgePayload } from "./lanes/judge.ts";
import { settleLanes } from "./lanes/lanes.ts";
import { orderTips } from "./lanes/positions.ts";
import type { LaneAction, LaneTurn } from "./lanes/state.ts";
import { take, waits } from "./lanes/take.ts";
import { signDuties } from "./node-duties.ts";
import { executeReady } from "./node-execute.ts";
import { observeMessage } from "./node-observe.ts";
import type { Node, Step } from "./node-state.ts";
import type { NodeEffect, StepContext } from "./ports.ts";

/** What the rest of the node is to consensus and to the lanes during one step. */
export function stepOf(node: Node, context: StepContext, effects: NodeEffect[]): Step {
  const { nowMs } = node.clock;
  const wallNs = BigInt(Math.trunc(context.nowMs)) * 1_000_000n;
  const laneTurn: LaneTurn = { nowMs, wallNs, connected: node.connected, out: [] };
  const ordered = (): void => orderFinal(node, turn);
  const turn: Turn = {
    nowMs,
    wallNs,
    execution: {
      height: () => heightOf(node.chain),
      resultsHash: (height) => resultsHashOf(node.chain, height),
      closing: (at) => closingAt(node.chain, at),
      evidenceFault: (evidence) => offenceFault(node.chain, evidence),
    },
    payload: {
      waits: (branch) => {
        ordered();
        return waits(node.lanes, branch);
      },
      take: (branch, options) => {
        ordered();
        return take(node.lanes, branch, options);
      },
      judge: (block, branch) => {
        ordered();
        return judgePayload(node.lanes, laneTurn, block, branch);
      },
      durable: (block) => {
        ordered();
        return isDurable(node.lanes, laneTurn, block);
      },
    },
    out: [],
  };
  return { context, effects, turn, laneTurn };
}

/** Lets consensus, lanes and execution come to rest and carries out what they want: each may give the others more to do. */
export function drain(node: Node, step: Step): void {
  const { turn, laneTurn } = step;
  do {
    while (turn.out.length > 0) {
      for (const action of turn.out.splice(0)) carryOut(node, action, step);
    }
    // Cars come into the log before a block that orders them.
    flushLanes(step);
    executeReady(node, step);
    signDuties(node, step);
    settleLanes(node.lanes, laneTurn);
    settle(node.consensus, turn);
    flushLanes(step);
  } while (turn.out.length > 0);
}

function flushLanes(step: Step): void {
  for (const action of step.laneTurn.out.splice(0)) carryOutOfLanes(action, step);
}

/** What consensus has made final but not handed over yet is ordered all the same: no payload may order it again. */
function orderFinal(node: Node, turn: Turn): void {
  for (const action of turn.out) if (action.type === "finalized") order(node, action.record);
}

function order(node: Node, { block }: BlockRecord): void {
  if (block.height <= node.orderedHeight) return;
  assert(block.height === node.orderedHeight + 1, "blocks are ordered one after the other");
  node.orderedHeight = block.height;
  orderTips(node.lanes, block.payload);
}

function carryOut(node: Node, action: Action, { effects, turn }: Step): void {
  switch (action.type) {
    case "journal":
      effects.push({ type: "persist", stream: "votes", record: action.record });
      return;
    case "replace-journal":
      effects.push({ type: "replace-votes", records: action.records });
      return;
    case "broadcast":
      observeMessage(node, node.config.self, action.message, turn.nowMs);
      effects.push({ type: "broadcast", frame: encodePeerMessage(action.message) });
      return;
    case "send":
      effects.push({ type: "send", peer: action.peer, frame: encodePeerMessage(action.message) });
      return;
    case "finalized":
      order(node, action.record);
      node.unexecuted.push(action.record);
      return;
    case "epoch-closed":
      // The next one begins where its closing block is executed.
      return;
    case "view-entered":
      effects.push({ type: "report", event: { type: "view-entered", view: action.view } });
      return;
    case "safety": {
      const counter = action.kind === "results-mismatch" ? "resultsMismatch" : action.kind;
      node.safety[counter] += 1;
      effects.push({ type: "report", event: action });
      return;
    }
    default:
      unreachable(action);
  }
}

function carryOutOfLanes(action: LaneAction, { effects }: Step): void {
  switch (action.type) {
    case "keep": {
      const { digest, validator, incarnation, number, bytes } = action.car;
      const entry = { kind: "car", digest, validator, incarnation, number, bytes } as const;
      effects.push({ type: "persist", stream: "log", entry });
      return;
    }
    case "broadcast":
      effects.push({ type: "broadcast", frame: encodePeerMessage(action.message) });
      return;
    case "send":
      effects.push({ type: "send", peer: action.peer, frame: encodePeerMessage(action.message) });
      return;
    default:
      unreachable(action);
  }
}
