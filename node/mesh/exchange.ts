import { hybridTimeAt } from "../codec/hybrid-clock.ts";
import { encodeMeshMessage, type SyncMessage } from "../codec/mesh-message.ts";
import { answerTo, isSilent, rootSaying, type Sayings } from "./compare.ts";
import { EXCHANGE_MAX_MS, EXCHANGE_SILENT_MS, EXCHANGES_MAX, IDLE_WALKS_MAX, SETTLE_MS } from "./limits.ts";
import { noteLatency } from "./peers.ts";
import { type Exchange, holds, type Mesh, type MeshContext, type MeshEffect, nextNumber } from "./state.ts";
import { dropHeld, treeOf } from "./store.ts";

/** Begins to compare a shard with a peer, unless that is under way. */
export function beginExchange(
  mesh: Mesh,
  { peer, shard }: { readonly peer: number; readonly shard: number },
  { nowMs, wallMs }: MeshContext,
  effects: MeshEffect[],
): void {
  if (mesh.exchanges.size >= EXCHANGES_MAX) return;
  if ([...mesh.exchanges.values()].some((each) => each.peer === peer && each.shard === shard)) return;
  const number = nextNumber(mesh);
  const exchange: Exchange = {
    ...{ peer, shard, beganAtMs: nowMs, heardAtMs: nowMs },
    range: { from: mesh.store.watermark, to: hybridTimeAt(wallMs - SETTLE_MS) },
    ...{ sent: new Set<Uint8Array>(), heard: 0, moved: 0, idleWalks: 0 },
  };
  mesh.exchanges.set(number, exchange);
  say(
    effects,
    { exchange: number, shard, reply: false, peer },
    rootSaying(treeOf(mesh.store, exchange), exchange.range),
  );
}

/** A message of the side that was asked by this one; `moved` of its entries were new here. */
export function hearReply(
  mesh: Mesh,
  message: SyncMessage,
  { peer, moved, nowMs }: { readonly peer: number; readonly moved: number; readonly nowMs: number },
  effects: MeshEffect[],
): void {
  const exchange = mesh.exchanges.get(message.exchange);
  if (exchange === undefined || exchange.peer !== peer || exchange.shard !== message.shard) return;
  if (message.to !== exchange.range.to) return;
  const facts = mesh.peers.get(peer);
  if (facts !== undefined) noteLatency(facts, nowMs - exchange.heardAtMs);
  exchange.heardAtMs = nowMs;
  exchange.heard += 1;
  exchange.moved += moved;
  const to = { exchange: message.exchange, shard: exchange.shard, reply: false, peer };
  const tree = treeOf(mesh.store, exchange);
  if (isSilent(message) && exchange.heard === 1) {
    end(mesh, message.exchange, true, effects);
    return;
  }
  if (message.from > exchange.range.from) exchange.range.from = message.from;
  const answer = answerTo(tree, message, mesh.store.watermark);
  for (const entry of answer.entries) {
    // A peer that holds something newer, outside of the range, refuses it in every walk.
    if (!exchange.sent.has(entry)) exchange.moved += 1;
    exchange.sent.add(entry);
  }
  if (!isSilent(answer)) {
    say(effects, to, answer);
    return;
  }
  // This walk is over; the next one finds what did not fit into it, or that both are equal now.
  exchange.idleWalks = exchange.moved > 0 ? 0 : exchange.idleWalks + 1;
  if (exchange.idleWalks >= IDLE_WALKS_MAX) {
    end(mesh, message.exchange, false, effects);
    return;
  }
  exchange.heard = 0;
  exchange.moved = 0;
  say(effects, to, rootSaying(tree, exchange.range));
}

/** Answers a peer that asked; it is told also when there is nothing to say. */
export function answerPeer(mesh: Mesh, message: SyncMessage, peer: number, effects: MeshEffect[]): void {
  const answer = answerTo(treeOf(mesh.store, message), message, mesh.store.watermark);
  say(effects, { exchange: message.exchange, shard: message.shard, reply: true, peer }, answer);
}

/** Ends what nobody answers any more, or takes too long. */
export function endLateExchanges(mesh: Mesh, nowMs: number, effects: MeshEffect[]): void {
  for (const [number, { heardAtMs, beganAtMs }] of mesh.exchanges) {
    if (nowMs - heardAtMs > EXCHANGE_SILENT_MS || nowMs - beganAtMs > EXCHANGE_MAX_MS)
      end(mesh, number, false, effects);
  }
}

/** A connection that is gone says nothing about the peer's entries. */
export function forgetExchanges(mesh: Mesh, peer: number): void {
  for (const [number, exchange] of mesh.exchanges) if (exchange.peer === peer) mesh.exchanges.delete(number);
}

function end(mesh: Mesh, number: number, equal: boolean, effects: MeshEffect[]): void {
  const exchange = mesh.exchanges.get(number);
  if (exchange === undefined) return;
  mesh.exchanges.delete(number);
  const { peer, shard } = exchange;
  if (holds(mesh, shard)) effects.push({ type: "exchanged", peer, shard, equal });
  else if (equal) letGo(mesh, shard, effects);
}

/** A replica has everything of a shard that is no longer this node's. */
function letGo(mesh: Mesh, shard: number, effects: MeshEffect[]): void {
  mesh.leaving.delete(shard);
  for (const held of [...mesh.store.entries.values()]) {
    if (held.entry.shard !== shard) continue;
    dropHeld(mesh.store, held);
    const { author, id } = held.entry;
    effects.push({ type: "persist", record: { type: "dropped", author, id } });
  }
}

function say(
  effects: MeshEffect[],
  { peer, ...head }: Pick<SyncMessage, "exchange" | "shard" | "reply"> & { readonly peer: number },
  sayings: Sayings,
): void {
  effects.push({ type: "send", peer, frame: encodeMeshMessage({ type: "sync", ...head, ...sayings }) });
}
