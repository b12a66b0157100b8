import { isObserver, OBSERVER_IDS } from "./api/contract.ts";
import { unreachable } from "./base/assert.ts";
import { admitBatch, heightOf } from "./chain/chain.ts";
import { parseBatch } from "./codec/batch.ts";
import { parseRecord } from "./codec/block-record.ts";
import { encodePeerMessage, type PeerMessage, parsePeerMessage, type RangeItem } from "./codec/peer-message.ts";
import { isForConsensus } from "./consensus/message.ts";
import { receive } from "./consensus/receive.ts";
import { onRecord } from "./consensus/record.ts";
import { standing } from "./consensus/repeat.ts";
import { greeting } from "./lanes/lanes.ts";
import { addBatch, onAck } from "./lanes/own-lane.ts";
import { carsFor, onAvailability, onCar, onCars } from "./lanes/receive.ts";
import { observeMessage, onProbeAnswer } from "./node-observe.ts";
import { onSnapshotPart, snapshotPart } from "./node-snapshot.ts";
import type { Node, Step } from "./node-state.ts";
import { drain } from "./node-turn.ts";
import { isAwaited, rangeFrom, usefulAnswer, uselessAnswer } from "./sync/catch-up.ts";
import { mayAsk, mayProbe, served } from "./sync/serving.ts";
import { wantSnapshot } from "./sync/snapshot-sync.ts";

/** A new connection: the peer gets what it needs to stand where this node stands, and the end of this node's lane. */
export function onConnected(node: Node, peer: number, { effects }: Step): void {
  if (!isObserver(peer)) node.connected.add(peer);
  // Its announcement was about the connection's earlier life; one that still stops says so again.
  node.consensus.stoppingUntilMs.delete(peer);
  const stopping: PeerMessage[] = node.stopping ? [{ type: "stopping" }] : [];
  for (const message of [...standing(node.consensus), ...greeting(node.lanes), ...stopping]) {
    effects.push({ type: "send", peer, frame: encodePeerMessage(message) });
  }
}

export function onFrame(node: Node, peer: number, frame: Uint8Array, step: Step): void {
  const message = parsePeerMessage(frame);
  const heard = isObserver(peer) ? onObserver : onMessage;
  const dropped = message.ok ? heard(node, peer, message.value, step) : (message.detail ?? message.reason);
  if (dropped === undefined) return;
  step.effects.push({ type: "report", event: { type: "frame-dropped", peer, reason: dropped } });
}

/** All that a node answers which can execute no further block: what it has may be what another one lacks. */
const SERVED_WHEN_HALTED: ReadonlySet<PeerMessage["type"]> = new Set([
  "car-request",
  "range-request",
  "snapshot-request",
]);

/** An observer asks for what is final, or for what it missed of what everybody is told. */
const ANSWERED_TO_OBSERVERS: ReadonlySet<PeerMessage["type"]> = new Set([
  ...SERVED_WHEN_HALTED,
  "block-request",
  "certificates-request",
]);

/** Nothing else that an observer says is looked at: it has no vote, no lane and no part in what is measured. */
const onObserver = (node: Node, peer: number, message: PeerMessage, step: Step): string | undefined =>
  ANSWERED_TO_OBSERVERS.has(message.type) ? onMessage(node, peer, message, step) : undefined;

/** The answer says why the message was dropped, if it was. */
function onMessage(node: Node, peer: number, message: PeerMessage, step: Step): string | undefined {
  const { consensus, lanes } = node;
  const { turn, laneTurn, effects } = step;
  const [serving, debtor] = isObserver(peer) ? [node.observersServing, OBSERVER_IDS.first] : [node.serving, peer];
  /** Answers unless the peer has had its share. */
  const serve = (answer: () => PeerMessage | undefined): string | undefined => {
    if (!mayAsk(serving, debtor, turn.nowMs)) return `${message.type}: this peer has had its share for now`;
    const found = answer();
    if (found === undefined) return undefined;
    const frame = encodePeerMessage(found);
    served(serving, debtor, frame.length);
    effects.push({ type: "send", peer, frame });
    return undefined;
  };
  if (node.halted !== undefined && !SERVED_WHEN_HALTED.has(message.type)) return undefined;
  if (isForConsensus(message)) {
    observeMessage(node, peer, message, turn.nowMs);
    return receive(consensus, turn, { peer, message });
  }
  switch (message.type) {
    case "car":
      return onCar(lanes, laneTurn, message.car);
    case "ack":
      return onAck(lanes, laneTurn, message.ack);
    case "availability":
      return onAvailability(lanes, laneTurn, message.certificate);
    case "car-request":
      return serve(() => {
        const cars = carsFor(lanes, message);
        return cars.length > 0 ? { type: "cars", cars } : undefined;
      });
    case "cars":
      return onCars(lanes, laneTurn, peer, message.cars);
    case "batch":
      return onDutyBatch(node, message.batch, step);
    case "range-request":
      return serve(() => {
        const { blocks } = node.config;
        const items = rangeFrom(blocks, Math.max(1, message.from));
        return { type: "range", from: message.from, oldest: blocks.oldestHeight(), items };
      });
    case "range":
      return onRange(node, peer, message, step);
    case "snapshot-request":
      return serve(() => snapshotPart(node, message));
    case "snapshot-part":
      return onSnapshotPart(node, step, peer, message);
    case "probe":
      if (!mayProbe(node.serving, peer, turn.nowMs)) return "probe: more of them than anybody needs";
      effects.push({ type: "send", peer, frame: encodePeerMessage({ type: "probe-answer", round: message.round }) });
      return undefined;
    case "probe-answer":
      return onProbeAnswer(node, peer, message.round, turn.nowMs);
    default:
      return unreachable(message);
  }
}

/** A validator without a lane has its duties ordered here. Anything else comes from clients, who have their own door. */
function onDutyBatch(node: Node, batch: Uint8Array, { context }: Step): string | undefined {
  const parsed = parseBatch(batch);
  if (!parsed.ok || !["validator", "reports"].includes(parsed.value.type)) return "batch that is no validator's";
  const admitted = admitBatch(node.chain, batch, context.nowMs);
  if (!admitted.ok) return `batch: ${admitted.reason}`;
  if (admitted.value.executed !== undefined || node.stopping || node.consensus.self === undefined) return undefined;
  return addBatch(node.lanes, { id: admitted.value.id, batch }) ? undefined : "the pool is full";
}

/**
 * Finalized blocks from a peer that is further on: nothing of it is believed before its certificate is verified, and nothing
 * of the next epoch before the closing block is executed.
 */
function onRange(
  node: Node,
  peer: number,
  { from, oldest, items }: { from: number; oldest: number; items: readonly RangeItem[] },
  step: Step,
): string | undefined {
  const { catchUp, snapshotSync } = node;
  const { nowMs } = step.turn;
  if (!isAwaited(catchUp, { peer, from })) return undefined;
  const before = node.consensus.tip.height;
  let dropped: string | undefined;
  for (const item of items) {
    dropped = takeRecord(node, peer, item, step);
    if (dropped !== undefined || node.unexecuted.length > 0) break;
  }
  if (node.consensus.tip.height > before) {
    usefulAnswer(catchUp);
    return dropped;
  }
  uselessAnswer(catchUp, nowMs);
  if (items.length === 0 && oldest > from && node.config.snapshots !== undefined) wantSnapshot(snapshotSync);
  return dropped ?? (heightOf(node.chain) >= from || items.length === 0 ? undefined : "range: nothing new");
}

function takeRecord(node: Node, peer: number, { record, cars }: RangeItem, step: Step): string | undefined {
  const parsed = parseRecord(record);
  if (!parsed.ok) return `range: ${parsed.detail ?? parsed.reason}`;
  const { tip } = node.consensus;
  if (parsed.value.block.height > tip.height) {
    const problem = onRecord(node.consensus, step.turn, parsed.value);
    if (problem !== undefined) return `range: ${problem}`;
  }
  drain(node, step);
  if (node.unexecuted.length === 0) return undefined;
  // The block is final and its cars are looked for: these are they, from each tip downwards.
  const dropped = onCars(node.lanes, step.laneTurn, peer, cars);
  drain(node, step);
  return dropped;
}
