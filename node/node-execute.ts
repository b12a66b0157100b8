import { assert } from "./base/assert.ts";
import { type Chain, chainId, closingAt, executeBlock, heightOf, resultsHashOf, versionFault } from "./chain/chain.ts";
import { anchorsOf } from "./chain/proof-anchor.ts";
import type { BlockOutcome, ExecutableBlock } from "./chain/types.ts";
import type { SealedBlock } from "./codec/block.ts";
import { type BlockRecord, encodeRecord } from "./codec/block-record.ts";
import type { Car } from "./codec/car.ts";
import { digestOf } from "./codec/memory-entry.ts";
import { EMPTY_PAYLOAD, type Payload, parsePayload } from "./codec/payload.ts";
import { beginEpoch } from "./consensus/epoch.ts";
import { wantAll } from "./lanes/judge.ts";
import { beginLanesEpoch, gatherCars } from "./lanes/lanes.ts";
import { batchExecuted } from "./lanes/own-lane.ts";
import { forgetExecuted } from "./lanes/positions.ts";
import { observeFinal, watchEpoch } from "./node-observe.ts";
import { type Executed, noteResults } from "./node-results.ts";
import { confirmState, noteExecuted, refuteState } from "./node-snapshot.ts";
import { epochStart, lanesEpoch } from "./node-stand.ts";
import type { Node, Step } from "./node-state.ts";
import { refuseWaiting, takeRequests } from "./node-waiting.ts";
import type { NodeEffect } from "./ports.ts";

/** Order, then execute: only here, only final blocks, each once, in order of height, as soon as all its cars are here. */
export function executeReady(node: Node, step: Step): void {
  for (let record = node.unexecuted[0]; record !== undefined; record = node.unexecuted[0]) {
    if (node.halted !== undefined) return;
    if (node.unproved && contradicts(node.chain, record.block)) {
      refuteState(node);
      return;
    }
    const payload = payloadOf(record.block);
    const cars = gatherCars(node.lanes, payload);
    if (cars === undefined) {
      wantAll(node.lanes, step.laneTurn, record.block, payload);
      return;
    }
    node.unexecuted.shift();
    execute(node, step, { record, payload, cars });
  }
}

function execute(
  node: Node,
  step: Step,
  { record, payload, cars }: { record: BlockRecord; payload: Payload; cars: readonly Car[] },
): void {
  const { effects, context } = step;
  const { block } = record;
  const { height } = block;
  const entry = { kind: "block", height, cars: cars.map(({ digest }) => digest), bytes: encodeRecord(record) } as const;
  effects.push({ type: "persist", stream: "log", entry });
  compareResults(node, step, block);
  const executing = executable(block, payload, cars);
  const { outcomes, applied, resultsHash, journal } = executeBlock(node.chain, executing);
  effects.push({ ...executed(height, journal), batches: executing.batches });
  observeFinal(node, block);
  node.lastBlockAtMs = context.nowMs;
  const batches: Executed[] = [];
  let index = 0;
  for (const { ids } of cars) {
    for (const id of ids) {
      batchExecuted(node.lanes, id);
      const outcome = outcomes[index++];
      if (outcome !== undefined) batches.push({ batch: id, outcome });
      if (outcome === undefined) continue;
      // Whoever waits took the batch before any block had it, and goes through every block: this is its first.
      for (const request of takeRequests(node.waiting, id))
        effects.push({ type: "answer", request, answer: { type: "committed", height, outcome } });
    }
  }
  assert(index === outcomes.length, "every batch has an outcome");
  noteResults(node.results, height, batches);
  for (const [place, batch] of executing.batches.entries()) {
    const outcome = outcomes[place];
    if (outcome === undefined) continue;
    for (const { index, record: anchor } of anchorsOf(batch, outcome)) {
      const { author, id } = anchor;
      const digest = digestOf(anchor, chainId(node.chain));
      effects.push({ type: "report", event: { type: "anchored", author, id, digest, height, index, batch } });
    }
  }
  forgetExecuted(node.lanes, payload.tips);
  effects.push({ type: "report", event: { type: "block-executed", height, applied, hash: resultsHash } });
  if (block.kind === "closing") enterEpoch(node, step);
  noteExecuted(node, step, { record, bytes: entry.bytes, cars });
}

/** What storage keeps of a block's execution. */
export const executed = (
  height: number,
  { first, count, note }: BlockOutcome["journal"],
): Extract<NodeEffect, { type: "executed" }> => ({ ...{ type: "executed", height, first, entries: count, note } });

/** The chain's view of a final block. */
export function executable(block: SealedBlock, { tips }: Payload, cars: readonly Car[]): ExecutableBlock {
  const { kind } = block;
  assert(kind !== "tail", "tail blocks are never executed");
  return { ...block, kind, tips, batches: cars.flatMap(({ batches }) => batches) };
}

/** A quorum voted for it, so it is well formed, or more than a third lie; then it orders nothing, on all nodes alike. */
export function payloadOf({ payload }: SealedBlock): Payload {
  const parsed = parsePayload(payload);
  return parsed.ok ? parsed.value : EMPTY_PAYLOAD;
}

/** A final block names results that a quorum has: where they are not this node's, its own state is wrong. */
function compareResults(node: Node, { turn }: Step, { height, executed }: SealedBlock): void {
  const own = resultsHashOf(node.chain, executed.height);
  if (own === executed.resultsHash) confirmState(node, executed.height);
  if (own === undefined || own === executed.resultsHash || node.safety.resultsMismatch > 0) return;
  const detail = `height ${height} is final with other results of height ${executed.height} than this node's`;
  turn.out.push({ type: "safety", kind: "results-mismatch", detail });
}

/** Whether a final block names other results, or another next epoch, than this state has: then a peer's state was a lie. */
export function contradicts(chain: Chain, { executed, time, kind, next }: SealedBlock): boolean {
  const own = resultsHashOf(chain, executed.height);
  if (own === undefined) return kind === "closing";
  if (own !== executed.resultsHash) return true;
  return kind === "closing" && closingAt(chain, { executedHeight: executed.height, time })?.next !== next;
}

/** Rule 5: with its closing block executed the next epoch begins. */
function enterEpoch(node: Node, { turn, effects }: Step): void {
  node.halted = versionFault(node.chain);
  const start = epochStart(node.chain, node.config, node.consensus.config.rules.quorum);
  assert(heightOf(node.chain) === node.consensus.tip.height, "nothing is final behind a closing block");
  beginEpoch(node.consensus, turn, start);
  beginLanesEpoch(node.lanes, lanesEpoch(node.chain, start.committee));
  watchEpoch(node);
  effects.push({
    type: "report",
    event: { type: "epoch-began", epoch: start.epoch, member: start.self !== undefined },
  });
  // Its lane is over: what no block has executed can be sent again, to a member.
  if (start.self === undefined) refuseWaiting(node.waiting, effects, "not_a_validator");
}
