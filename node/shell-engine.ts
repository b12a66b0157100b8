import type { Logger } from "pino";
import { assert, unreachable } from "./base/assert.ts";
import { type Chain, lastBlockTimeOf } from "./chain/chain.ts";
import type { ChainRules } from "./chain/rules.ts";
import { PRODUCTION } from "./consensus/rules.ts";
import {
  certifiedHeightOf,
  chainOf,
  createNode,
  isLive,
  type Node,
  type NodeConfig,
  type NodeView,
  PeerSnapshotRefused,
  proveExecuted,
  step,
  viewOf,
} from "./node.ts";
import type { ClientAnswer, NodeEffect, NodeEvent, NodeInput, PersistEffect } from "./ports.ts";
import type { Storage } from "./storage/storage.ts";

export type EngineOptions = {
  readonly config: Omit<NodeConfig, "blocks">;
  /** Of execution; others than production's only in an image that is built for tests. */
  readonly chainRules: ChainRules;
  readonly storage: Storage;
  /** Keeps the whole log: what two snapshots cover stays too. */
  readonly archive: boolean;
  readonly log: Logger;
  readonly send: (peer: number, frame: Uint8Array) => void;
  readonly broadcast: (frame: Uint8Array) => void;
  readonly answer: (request: number, answer: ClientAnswer) => void;
  readonly connectedPeers: () => readonly number[];
  readonly onEvent: (event: NodeEvent) => void;
  /** A block is executed, before the disk has it; `live`: its certificate came just now, it was not fetched. */
  readonly onBlock: (height: number, live: boolean) => void;
  /** The disk refused a write: what became of clients' batches is not known here any more. */
  readonly onReadOnly: (reason: string) => void;
};

/**
 * Runs the deterministic node: one queue of inputs, one step after the other, effects in the order of the contract in
 * `ports.ts`. Steps go on while the disk works on what they wrote; what a step says waits until its writes are durable.
 */
export type Engine = {
  /** Dropped while the disk takes no writes. */
  push(input: NodeInput): void;
  view(): NodeView;
  chain(): Chain;
  prove(asked: Parameters<typeof proveExecuted>[1]): ReturnType<typeof proveExecuted>;
  /** Why the disk takes no writes; undefined: it does. */
  readOnly(): string | undefined;
  /** How far the newest executed block is behind the newest verified certificate, in milliseconds; 0 when it is not. */
  lagMs(): number;
  close(): void;
};

const PROBE_MS = 1_000;
/** Bytes on their way to the disk above which no further step is taken: a slow disk slows the node instead of filling its memory. */
const PENDING_BYTES_MAX = 64 * 1024 * 1024;
/** Bytes of frames and batches that wait for a step. */
const QUEUE_BYTES_MAX = 64 * 1024 * 1024;
/** Time between two pieces of background work while the node is busy. */
const WORK_EVERY_MS = 10;

/** What the steps of one turn say, in order. */
type Speech = { readonly effects: readonly SpokenEffect[]; durable: boolean };
type NoteEffect = Extract<NodeEffect, { type: "executed" }>;
type SpokenEffect = Exclude<NodeEffect, PersistEffect | NoteEffect>;

export function startEngine(options: EngineOptions): Engine {
  const { storage, log, chainRules } = options;
  const queue: NodeInput[] = [];
  let queueBytes = 0;
  const timers = new Map<string, NodeJS.Timeout>();
  let scheduled = false;
  let stopping = false;
  let closed = false;
  let readOnly: string | undefined;
  let probe: NodeJS.Timeout | undefined;
  let newestCertificate = { height: 0, seenAtMs: 0 };
  let view: NodeView | undefined;
  /** Oldest first; only the first ones that are durable may be spoken. */
  let speeches: Speech[] = [];
  /** Whether anything was appended since the last flush. */
  let persists = false;
  let worker: NodeJS.Timeout | undefined;

  const build = (): { node: Node; effects: readonly NodeEffect[] } => {
    const config = { ...options.config, blocks: storage };
    for (;;) {
      try {
        return createNode(config, storage.recovered(), { nowMs: Date.now() }, { ...PRODUCTION, chainRules });
      } catch (cause) {
        if (!(cause instanceof PeerSnapshotRefused)) throw cause;
        log.warn({ err: cause, height: cause.height }, "a peer's snapshot is removed");
        storage.dropSnapshot(cause.height);
      }
    }
  };
  const built = build();
  let { node } = built;

  const push = (input: NodeInput): void => {
    if (input.type === "stop") stopping = true;
    if (readOnly !== undefined || closed) return;
    const bytes = bytesOf(input);
    if (bytes > 0 && queueBytes + bytes > QUEUE_BYTES_MAX) {
      shed(input);
      return;
    }
    queueBytes += bytes;
    queue.push(input);
    schedule();
  };
  /** This node is slower than the network: as if the wire had lost it. */
  const shed = (input: NodeInput): void => {
    if (input.type === "client-batch") {
      options.answer(input.request, { type: "refused", reason: "busy", retryable: true });
    } else if (input.type === "peer-frame") {
      options.onEvent({ type: "frame-dropped", peer: input.peer, reason: "this node is behind: its queue is full" });
    }
  };
  const schedule = (): void => {
    if (scheduled || queue.length === 0 || storage.pendingBytes() > PENDING_BYTES_MAX) return;
    scheduled = true;
    setImmediate(turn);
  };
  const turn = (): void => {
    scheduled = false;
    if (closed) return;
    // All that came since the last turn shares one flush. Sockets are read between turns only, so this is bounded by what one
    // round of reading takes from each of them.
    queueBytes = 0;
    const spoken = queue.splice(0).flatMap((input) => persisted(step(node, input, { nowMs: Date.now() })));
    carryOut(spoken);
  };
  /** Hands over what a step wants to be durable, so that the next one can read it; the rest is left to say. */
  const persisted = (effects: readonly NodeEffect[]): readonly SpokenEffect[] => {
    const writes = effects.filter(isPersist);
    persists ||= writes.length > 0;
    storage.append(writes);
    for (const note of effects.filter(isNote)) {
      storage.note(note);
      options.onBlock(note.height, isLive(node, note.height));
    }
    return effects.filter(isSpoken);
  };
  const carryOut = (effects: readonly SpokenEffect[]): void => {
    view = undefined;
    const certified = certifiedHeightOf(node);
    if (certified > newestCertificate.height) newestCertificate = { height: certified, seenAtMs: Date.now() };
    const speech: Speech = { effects, durable: !persists };
    speeches.push(speech);
    if (!persists) {
      speak();
      return;
    }
    persists = false;
    storage.flush((result) => {
      // The disk refused something before: this rests on it, and is forgotten already.
      if (closed || !speeches.includes(speech)) return;
      if (!result.ok) return goReadOnly(result.detail ?? result.reason);
      speech.durable = true;
      speak();
    });
  };
  const speak = (): void => {
    while (speeches[0]?.durable === true) for (const effect of speeches.shift()?.effects ?? []) perform(effect);
    schedule();
  };
  const engineView = (): NodeView => {
    view ??= viewOf(node);
    return view;
  };
  /** Background work of the storage: a piece in each turn while there is nothing else to do, else now and then. */
  const work = (): void => {
    if (worker !== undefined || closed) return;
    const busy = queue.length > 0 || speeches.length > 0;
    worker = setTimeout(workOn, busy ? WORK_EVERY_MS : 0);
  };
  const workOn = (): void => {
    worker = undefined;
    if (!closed && storage.work()) work();
    // It may have been the last of what inputs waited for.
    schedule();
  };
  storage.onWork(work);
  const perform = (effect: SpokenEffect): void => {
    switch (effect.type) {
      case "snapshot":
        storage.snapshot(effect, (height) => push({ type: "snapshot-written", height }));
        return;
      case "snapshot-part":
        storage.takeSnapshotPart(effect, (height) => push({ type: "snapshot-written", height }));
        return;
      case "drop-snapshot":
        storage.dropSnapshot(effect.height);
        return;
      case "release":
        if (!options.archive) storage.release(effect);
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
    queueBytes = 0;
    speeches = [];
    clearTimers();
    node = build().node;
    view = undefined;
    options.onReadOnly(readOnly);
    probe = setTimeout(tryDisk, PROBE_MS);
  };
  const tryDisk = (): void =>
    storage.probe((probed) => {
      if (closed) return;
      if (!probed.ok) {
        readOnly = `the disk takes no writes: ${probed.detail ?? probed.reason}`;
        probe = setTimeout(tryDisk, PROBE_MS);
        return;
      }
      log.info({}, "disk takes writes again");
      readOnly = undefined;
      const rebuilt = build();
      node = rebuilt.node;
      carryOut(persisted(rebuilt.effects));
      for (const peer of options.connectedPeers()) push({ type: "peer-connected", peer });
      if (stopping) push({ type: "stop" });
    });

  carryOut(persisted(built.effects));
  return {
    push,
    view: engineView,
    chain: () => chainOf(node),
    prove: (asked) => proveExecuted(node, asked),
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
      clearTimeout(worker);
      clearTimers();
    },
  };
}

function bytesOf(input: NodeInput): number {
  if (input.type === "peer-frame") return input.frame.length;
  return input.type === "client-batch" ? input.batch.length : 0;
}

const isPersist = (effect: NodeEffect): effect is PersistEffect =>
  effect.type === "persist" || effect.type === "replace-votes";
const isNote = (effect: NodeEffect): effect is NoteEffect => effect.type === "executed";
const isSpoken = (effect: NodeEffect): effect is SpokenEffect => !isPersist(effect) && !isNote(effect);
