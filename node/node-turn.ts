import { unreachable } from "./base/assert.ts";
import { executeBlock, heightOf, resultsHashOf } from "./chain/chain.ts";
import { type BlockRecord, encodeRecord } from "./codec/block-record.ts";
import { encodePeerMessage } from "./codec/peer-message.ts";
import { settle } from "./consensus/machine.ts";
import type { Action, Turn } from "./consensus/turn.ts";
import { poolWaits, removeFromPool, takeFromPool } from "./node-pool.ts";
import type { Node } from "./node-state.ts";
import type { NodeEffect, StepContext } from "./ports.ts";

/** What consensus sees of the rest of the node during one step. */
export function turnOf(node: Node, context: StepContext): Turn {
  return {
    nowMs: node.clock.nowMs,
    wallNs: BigInt(Math.trunc(context.nowMs)) * 1_000_000n,
    execution: {
      height: () => heightOf(node.chain),
      resultsHash: (height) => resultsHashOf(node.chain, height),
    },
    payload: {
      waits: (without) => poolWaits(node.pool, without),
      take: (without) => takeFromPool(node.pool, without, node.config.timing),
    },
    out: [],
  };
}

/** Lets consensus come to rest and carries out what it wants: executions may give it more to do. */
export function drain(node: Node, turn: Turn, context: StepContext, effects: NodeEffect[]): void {
  do {
    while (turn.out.length > 0) {
      for (const action of turn.out.splice(0)) carryOut(node, action, context, effects);
    }
    settle(node.consensus, turn);
  } while (turn.out.length > 0);
}

function carryOut(node: Node, action: Action, context: StepContext, effects: NodeEffect[]): void {
  switch (action.type) {
    case "journal":
      effects.push({ type: "persist", stream: "votes", record: action.record });
      return;
    case "replace-journal":
      effects.push({ type: "replace-votes", records: action.records });
      return;
    case "broadcast":
      effects.push({ type: "broadcast", frame: encodePeerMessage(action.message) });
      return;
    case "send":
      effects.push({ type: "send", peer: action.peer, frame: encodePeerMessage(action.message) });
      return;
    case "finalized":
      execute(node, action.record, context, effects);
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

/** Order, then execute: only here, only final blocks, each once, in order of height. */
function execute(node: Node, record: BlockRecord, context: StepContext, effects: NodeEffect[]): void {
  const { block } = record;
  const entry = { kind: "block", height: block.height, cars: [], bytes: encodeRecord(record) } as const;
  effects.push({ type: "persist", stream: "log", entry });
  const { outcomes, applied, resultsHash } = executeBlock(node.chain, block);
  node.lastBlockAtMs = context.nowMs;
  block.ids.forEach((id, index) => {
    removeFromPool(node.pool, id);
    const outcome = outcomes[index];
    const requests = node.waiting.get(id);
    if (outcome === undefined || requests === undefined) return;
    node.waiting.delete(id);
    node.waitingCount -= requests.length;
    for (const request of requests) {
      effects.push({ type: "answer", request, answer: { type: "committed", height: block.height, outcome } });
    }
  });
  effects.push({
    type: "report",
    event: { type: "block-executed", height: block.height, applied, hash: resultsHash },
  });
}
