import type { Logger } from "pino";
import { assert, unreachable } from "./base/assert.ts";
import { type Chain, lastBlockTimeOf } from "./chain/chain.ts";
import {
  certifiedHeightOf,
  chainOf,
  createNode,
  type Node,
  type NodeConfig,
  type NodeView,
  step,
  viewOf,
} from "./node.ts";
import type { BlockStore, ClientAnswer, NodeEffect, NodeEvent, NodeInput, PersistEffect } from "./ports.ts";
import type { Storage } from "./storage/storage.ts";

export type EngineOptions = {
  readonly config: Omit<NodeConfig, "blocks">;
  readonly storage: Storage;
  readonly log: Logger;
  readonly send: (peer: number, frame: Uint8Array) => void;
  readonly broadcast: (frame: Uint8Array) => void;
  readonly answer: (request: number, answer: ClientAnswer) => void;
  readonly connectedPeers: () => readonly number[];
  readonly onEvent: (event: NodeEvent) => void;
  /** The disk refused a write: what became of clients' batches is not known here any more. */
  readonly onReadOnly: (reason: string) => void;
};

/** Runs the deterministic node: one queue of inputs, one step after the other, effects in the order of the contract in `ports.ts`. */
export type Engine = {
  /** Dropped while the disk takes no writes. */
  push(input: NodeInput): void;
  view(): NodeView;
  chain(): Chain;
  /** Why the disk takes no writes; undefined: it does. */
  readOnly(): string | undefined;
  /** How far the newest executed block is behind the newest verified certificate, in milliseconds; 0 when it is not. */
  lagMs(): number;
  close(): void;
};

const PROBE_MS = 1_000;

export function startEngine(options: EngineOptions): Engine {
  const { storage, log } = options;
  const queue: NodeInput[] = [];
  const timers = new Map<string, NodeJS.Timeout>();
  let scheduled = false;
  let stopping = false;
  let closed = false;
  let readOnly: string | undefined;
  let probe: NodeJS.Timeout | undefined;
  let newestCertificate = { height: 0, seenAtMs: 0 };
  let view: NodeView | undefined;

  const written = overlayOf(storage);
  const build = (): { node: Node; effects: readonly NodeEffect[] } => {
    const config = { ...options.config, blocks: written.store };
    return createNode(config, storage.recovered(), { nowMs: Date.now() });
  };
  const built = build();
  let { node } = built;

  const push = (input: NodeInput): void => {
    if (input.type === "stop") stopping = true;
    if (readOnly !== undefined || closed) return;
    queue.push(input);
    if (!scheduled) setImmediate(turn);
    scheduled = true;
  };
  const turn = (): void => {
    scheduled = false;
    if (closed) return;
    // All that came since the last turn shares one sync. Sockets are read between turns only, so this is bounded by what one
    // round of reading takes from each of them.
    const effects: NodeEffect[] = [];
    for (const input of queue.splice(0)) {
      const more = step(node, input, { nowMs: Date.now() });
      written.add(more);
      for (const effect of more) effects.push(effect);
    }
    carryOut(effects);
  };
  const carryOut = (effects: readonly NodeEffect[]): void => {
    const persists = effects.filter((effect): effect is PersistEffect => isPersist(effect));
    const committed = storage.commit(persists);
    written.clear();
    if (!committed.ok) {
      goReadOnly(committed.detail ?? committed.reason);
      return;
    }
    for (const effect of effects) perform(effect);
    view = undefined;
    const certified = certifiedHeightOf(node);
    if (certified <= newestCertificate.height) return;
    newestCertificate = { height: certified, seenAtMs: Date.now() };
  };
  const perform = (effect: NodeEffect): void => {
    switch (effect.type) {
      case "persist":
      case "replace-votes":
        return;
      case "executed":
        // Queries are answered from memory until there is a history on disk.
        return;
      case "snapshot":
      case "release":
        // Asked for only where the node is given a way to make snapshots.
        return;
      case "send":
        options.send(effect.peer, effect.frame);
        return;
      case "broadcast":
        options.broadcast(effect.frame);
        return;
      case "set-timer":
        setTimer(effect.timer, effect.afterMs);
        return;
      case "clear-timer":
        clearTimeout(timers.get(effect.timer));
        timers.delete(effect.timer);
        return;
      case "answer":
        options.answer(effect.request, effect.answer);
        return;
      case "report":
        options.onEvent(effect.event);
        return;
      default:
        unreachable(effect);
    }
  };
  const setTimer = (timer: string, afterMs: number): void => {
    clearTimeout(timers.get(timer));
    timers.set(
      timer,
      setTimeout(() => {
        timers.delete(timer);
        push({ type: "timer", timer });
      }, afterMs),
    );
  };
  const clearTimers = (): void => {
    for (const timeout of timers.values()) clearTimeout(timeout);
    timers.clear();
  };

  /** Memory is ahead of the disk now, so the node is rebuilt from what is durable: to answer questions until the disk takes writes again. */
  const goReadOnly = (reason: string): void => {
    log.error({ reason }, "disk takes no writes: read-only");
    readOnly = `the disk takes no writes: ${reason}`;
    queue.length = 0;
    clearTimers();
    node = build().node;
    view = undefined;
    options.onReadOnly(readOnly);
    probe = setTimeout(tryDisk, PROBE_MS);
  };
  const tryDisk = (): void => {
    const probed = storage.probe();
    if (!probed.ok) {
      readOnly = `the disk takes no writes: ${probed.detail ?? probed.reason}`;
      probe = setTimeout(tryDisk, PROBE_MS);
      return;
    }
    log.info({}, "disk takes writes again");
    readOnly = undefined;
    const rebuilt = build();
    node = rebuilt.node;
    carryOut(rebuilt.effects);
    for (const peer of options.connectedPeers()) push({ type: "peer-connected", peer });
    if (stopping) push({ type: "stop" });
  };

  carryOut(built.effects);
  return {
    push,
    view: () => (view ??= viewOf(node)),
    chain: () => chainOf(node),
    readOnly: () => readOnly,
    lagMs: () => {
      const { height, certifiedHeight } = viewOf(node);
      if (height >= certifiedHeight) return 0;
      assert(newestCertificate.height >= certifiedHeight || readOnly !== undefined, "the newest certificate is noted");
      // The newest certificate came about when its block was made, so its arrival stands for that block's time.
      return Math.max(0, newestCertificate.seenAtMs - Number(lastBlockTimeOf(chainOf(node)) / 1_000_000n));
    },
    close: () => {
      closed = true;
      clearTimeout(probe);
      clearTimers();
    },
  };
}

/** The log as the node reads it back within one turn: with what earlier steps wrote and no sync has made durable yet. */
function overlayOf(storage: Storage): {
  readonly store: BlockStore;
  add(effects: readonly NodeEffect[]): void;
  clear(): void;
} {
  const blocks = new Map<number, Uint8Array>();
  const cars = new Map<string, Uint8Array>();
  return {
    store: {
      readBlock: (height) => blocks.get(height) ?? storage.readBlock(height),
      readCar: (digest) => cars.get(digest) ?? storage.readCar(digest),
      oldestHeight: storage.oldestHeight,
    },
    add: (effects) => {
      for (const effect of effects) {
        if (effect.type !== "persist" || effect.stream !== "log") continue;
        const { entry } = effect;
        if (entry.kind === "block") blocks.set(entry.height, entry.bytes);
        else cars.set(entry.digest, entry.bytes);
      }
    },
    clear: () => {
      blocks.clear();
      cars.clear();
    },
  };
}

const isPersist = (effect: NodeEffect): boolean => effect.type === "persist" || effect.type === "replace-votes";
