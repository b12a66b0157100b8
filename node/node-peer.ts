import { unreachable } from "./base/assert.ts";
import { admitBatch, heightOf } from "./chain/chain.ts";
import { parseRecord, verifyRecord } from "./codec/block-record.ts";
import { encodePeerMessage, type PeerMessage, parsePeerMessage } from "./codec/peer-message.ts";
import { keepCertificate, onCertificate } from "./consensus/certificates.ts";
import { commit, onRecord } from "./consensus/finality.ts";
import { certificatesOf } from "./consensus/machine.ts";
import { onBlock, onProposal } from "./consensus/proposal.ts";
import { standing } from "./consensus/repeat.ts";
import { STOPPING_MAX_MS } from "./consensus/timing.ts";
import type { Turn } from "./consensus/turn.ts";
import { onVote } from "./consensus/votes.ts";
import { addToPool, batchesOf } from "./node-pool.ts";
import type { Node } from "./node-state.ts";
import type { NodeEffect, StepContext } from "./ports.ts";
import { isAwaited, rangeFrom, usefulAnswer, uselessAnswer } from "./sync/catch-up.ts";

type Step = { readonly turn: Turn; readonly context: StepContext; readonly effects: NodeEffect[] };

/** A new connection: the peer gets what it needs to stand where this node stands, and this node's clients' batches. */
export function onConnected(node: Node, peer: number, { effects }: Step): void {
  node.catchUp.connected.add(peer);
  // Its announcement was about the connection's earlier life; one that still stops says so again.
  node.consensus.stoppingUntilMs.delete(peer);
  const batches = batchesOf(node.pool, node.config.self).map((batch): PeerMessage => ({ type: "batch", batch }));
  const stopping: PeerMessage[] = node.stopping ? [{ type: "stopping" }] : [];
  for (const message of [...standing(node.consensus), ...batches, ...stopping]) {
    effects.push({ type: "send", peer, frame: encodePeerMessage(message) });
  }
}

export function onFrame(node: Node, peer: number, frame: Uint8Array, step: Step): void {
  const message = parsePeerMessage(frame);
  const dropped = message.ok ? onMessage(node, peer, message.value, step) : (message.detail ?? message.reason);
  if (dropped === undefined) return;
  step.effects.push({ type: "report", event: { type: "frame-dropped", peer, reason: dropped } });
}

/** The answer says why the message was dropped, if it was. */
function onMessage(node: Node, peer: number, message: PeerMessage, step: Step): string | undefined {
  const { consensus } = node;
  const { turn, effects } = step;
  const reply = (answer: PeerMessage): void => {
    effects.push({ type: "send", peer, frame: encodePeerMessage(answer) });
  };
  switch (message.type) {
    case "proposal":
      return onProposal(consensus, turn, message);
    case "vote":
      return onVote(consensus, turn, message.vote);
    case "certificate":
      return onCertificate(consensus, turn, message.certificate);
    case "batch":
      return onPeerBatch(node, peer, message.batch, step);
    case "block-request": {
      const block = consensus.blocks.get(message.block);
      if (block !== undefined) reply({ type: "block", block });
      return undefined;
    }
    case "block":
      return onBlock(consensus, message.block);
    case "certificates-request":
      for (const certificate of certificatesOf(consensus, message)) reply({ type: "certificate", certificate });
      return undefined;
    case "range-request": {
      const records = rangeFrom(node.config.blocks.readBlock, Math.max(1, message.from));
      reply({ type: "range", from: message.from, records });
      return undefined;
    }
    case "range":
      return onRange(node, peer, message, step);
    case "stopping":
      consensus.stoppingUntilMs.set(peer, turn.nowMs + STOPPING_MAX_MS);
      return undefined;
    default:
      return unreachable(message);
  }
}

function onPeerBatch(node: Node, peer: number, batch: Uint8Array, { context }: Step): string | undefined {
  const admitted = admitBatch(node.chain, batch, context.nowMs);
  if (!admitted.ok) return `batch: ${admitted.reason}`;
  if (admitted.value.executed !== undefined) return undefined;
  return addToPool(node.pool, { id: admitted.value.id, batch, origin: peer }) ? undefined : "pool of the peer is full";
}

/** Finalized blocks from a peer that is further on: nothing of it is believed before its certificate is verified. */
function onRange(
  node: Node,
  peer: number,
  { from, records }: { from: number; records: readonly Uint8Array[] },
  { turn }: Step,
): string | undefined {
  const { consensus, catchUp } = node;
  if (!isAwaited(catchUp, { peer, from })) return undefined;
  const { chainId, committee, crypto } = consensus.config;
  const before = consensus.tip.height;
  let dropped: string | undefined;
  for (const bytes of records) {
    const record = parseRecord(bytes);
    const proved = record.ok ? verifyRecord(record.value, { chainId, committee, verify: crypto.verify }) : record;
    if (!proved.ok) {
      dropped = `range: ${proved.reason}`;
      break;
    }
    keepCertificate(consensus, turn, proved.value.certificate);
    onRecord(consensus, turn, proved.value);
  }
  commit(consensus, turn);
  if (consensus.tip.height > before) usefulAnswer(catchUp);
  else uselessAnswer(catchUp, turn.nowMs);
  return dropped ?? (consensus.tip.height > before || heightOf(node.chain) >= from ? undefined : "range: nothing new");
}
