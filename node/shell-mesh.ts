import { randomInt } from "node:crypto";
import { join } from "node:path";
import type { Logger } from "pino";
import type { MemorySource } from "./api/memory-source.ts";
import type { MeshMetrics } from "./api/mesh-metrics.ts";
import { unreachable } from "./base/assert.ts";
import type { Random } from "./base/random.ts";
import { type Result, refuse } from "./base/result.ts";
import type { Chain } from "./chain/chain.ts";
import { keyText, type MemoryEntry } from "./codec/memory-entry.ts";
import { encodeMeshRecord, type MeshRecord, parseMeshRecord } from "./codec/mesh-record.ts";
import type { KeyPair } from "./codec/signature.ts";
import {
  createMesh,
  MESH_LIMITS,
  type MeshEffect,
  type MeshInput,
  type MeshRefusal,
  type Published,
  pageOfAuthor,
  pageOfShard,
  recordsOf,
  restoreRecord,
  stepMesh,
  viewOfMesh,
} from "./mesh/mesh.ts";
import type { Held } from "./mesh/store.ts";
import { isFileDue, MESH_FLUSH_MS, MESH_TICK_MS, meshContext, meshGossipMs, meshMembers } from "./shell-mesh-core.ts";
import { createWitness, hearWitness, sayWitness, scoreIn, witnessBlock, witnessEntry } from "./shell-mesh-witness.ts";
import type { Disk } from "./storage/disk.ts";
import type { DiskExecutor } from "./storage/disk-executor.ts";
import { openMeshLog } from "./storage/mesh-log.ts";
import { openTransport, type Transport, type TransportOptions } from "./transport/transport.ts";

export type MeshOptions = {
  /** Of the mesh's own port; its peers are the validators'. */
  readonly transport: Omit<TransportOptions, "events">;
  readonly disk: Disk;
  readonly data: string;
  readonly executor: () => DiskExecutor;
  /** The committed state of now. */
  readonly chain: () => Chain;
  readonly metrics: MeshMetrics;
  readonly onRefused: (reason: string) => void;
  /** The vote key: it attests entries. */
  readonly keyPair: KeyPair;
  /** Has anchors ordered: a payload of type `anchors`. */
  readonly order: (payload: Uint8Array) => void;
  readonly onExchanged: (peer: number, equal: boolean) => void;
  readonly onChanged: (entry: MemoryEntry) => void;
  readonly log: Logger;
};

/** The memory mesh of a running node: its own connections, its own steps, its own file. Consensus waits for none of them. */
export type RunningMesh = MemorySource &
  Pick<Transport, "setPeers" | "port"> & {
    /** One tick of the service: what the metrics say, who the validators are, whether the file wants to be written anew. */
    upkeep(): { readonly reason: string };
    /** A block is executed; see `noteBlock`. */
    onBlock(height: number, live: boolean): void;
    onAnchored(anchored: Omit<Extract<MeshInput, { type: "anchored" }>, "type">): void;
    close(): Promise<void>;
  };

const STOPS = refuse<MeshRefusal>("unanswered", "this node stops");

const chance: Random = {
  below: (bound) => randomInt(bound),
  oneIn: (n) => randomInt(n) === 0,
  pick: (items) => {
    const item = items[randomInt(items.length)];
    if (item === undefined) throw new Error("pick from an empty list");
    return item;
  },
};

export async function startMesh(options: MeshOptions): Promise<RunningMesh> {
  const { metrics, log } = options;
  const { self, chainId } = options.transport;
  const mesh = createMesh({ self, chainId, limits: MESH_LIMITS });
  const file = openMeshLog(options.disk, join(options.data, "mesh.log"), options.executor);
  for (const finding of file.findings) log.warn({ finding }, "log of the mesh opened");
  for (const bytes of file.records) {
    const record = parseMeshRecord(bytes);
    if (!record.ok || !restoreRecord(mesh, record.value)) log.warn({}, "a record of the mesh not understood");
  }
  const witness = createWitness(mesh, options.keyPair);
  const scoreOf = (held: Held): number | undefined => scoreIn(witness, held);
  let closed = false;
  let unwritten: MeshRecord[] = [];
  let flushedAtMs = 0;
  let lastRequest = 0;
  let members = "";
  /** Who waits for the answer of each kind, by the number of the request. */
  const publications = new Map<number, (result: Result<Published, MeshRefusal>) => void>();
  const questions = new Map<number, (result: Result<MemoryEntry | undefined, MeshRefusal>) => void>();

  const feed = (input: MeshInput): void => {
    const moment = { wallMs: Date.now(), nowMs: performance.now(), random: chance, scoreOf };
    for (const effect of stepMesh(mesh, input, meshContext(mesh, options.chain(), moment))) carryOut(effect);
  };
  const carryOut = (effect: MeshEffect): void => {
    switch (effect.type) {
      case "send":
        send(effect.peer, effect.frame);
        return;
      case "persist":
        unwritten.push(effect.record);
        return;
      case "changed":
        witnessEntry(witness, effect.entry);
        options.onChanged(effect.entry);
        return;
      case "heard": {
        const refused = hearWitness(witness, effect, { chain: options.chain(), nowMs: performance.now() });
        if (refused !== undefined) metrics.refused(refused);
        return;
      }
      case "published":
        publications.get(effect.request)?.(effect.result);
        publications.delete(effect.request);
        return;
      case "found":
        questions.get(effect.request)?.(effect.result);
        questions.delete(effect.request);
        return;
      case "exchanged":
        metrics.exchanged(effect.equal);
        options.onExchanged(effect.peer, effect.equal);
        return;
      case "refused":
        metrics.refused(effect.reason);
        return;
      case "evicted":
        metrics.evicted(effect.entries);
        return;
      default:
        unreachable(effect);
    }
  };
  const send = (peer: number, frame: Uint8Array): void => {
    metrics.sent(frame.length);
    transport?.send(peer, frame);
  };
  const speak = (): void => {
    const said = sayWitness(witness, { chain: options.chain(), nowMs: performance.now() });
    for (const { peer, frame } of said.frames) send(peer, frame);
    for (let left = said.attested; left > 0; left--) metrics.attested();
    for (const payload of said.orders) options.order(payload);
  };
  const flush = (): void => {
    flushedAtMs = performance.now();
    file.append(unwritten.map(encodeMeshRecord));
    unwritten = [];
  };
  const followMembers = (): void => {
    const now = meshMembers(options.chain());
    if (now.join() === members) return;
    members = now.join();
    feed({ type: "members", members: now });
  };
  const ask = <T>(
    answers: Map<number, (result: Result<T, MeshRefusal>) => void>,
    input: (request: number) => MeshInput,
  ): Promise<Result<T, MeshRefusal>> =>
    new Promise((resolve) => {
      if (closed) {
        resolve(STOPS);
        return;
      }
      lastRequest += 1;
      answers.set(lastRequest, resolve);
      feed(input(lastRequest));
    });

  let transport: Transport | undefined;
  transport = await openTransport({
    ...options.transport,
    events: {
      onConnected: (peer) => feed({ type: "peer-connected", peer }),
      onDisconnected: (peer) => feed({ type: "peer-disconnected", peer }),
      onFrame: (peer, frame) => {
        metrics.received(frame.length);
        feed({ type: "peer-frame", peer, frame });
      },
      onRefused: options.onRefused,
    },
  });
  followMembers();
  const timer = setInterval(() => {
    followMembers();
    feed({ type: "tick" });
    if (unwritten.length > 0 && performance.now() - flushedAtMs >= MESH_FLUSH_MS) flush();
  }, MESH_TICK_MS);
  log.info({ entries: mesh.store.entries.size }, "mesh runs");

  return {
    chainId,
    port: transport.port,
    setPeers: transport.setPeers,
    publish: (entry) => ask(publications, (request) => ({ type: "publish", request, entry })),
    lookUp: (key) => ask(questions, (request) => ({ type: "look-up", request, ...key })),
    pageOfAuthor: (page) => pageOfAuthor(mesh, page),
    pageOfShard: (page) => pageOfShard(mesh, page),
    shards: () => viewOfMesh(mesh).shards,
    notesOf: (key) => {
      const held = mesh.store.entries.get(keyText(key));
      return held === undefined ? undefined : { ...held.notes, digest: held.entry.digest, resonancePpm: scoreOf(held) };
    },
    onBlock: (height, live) => witnessBlock(witness, { height, atMs: performance.now(), live }),
    onAnchored: (anchored) => {
      metrics.anchored();
      feed({ type: "anchored", ...anchored });
    },
    upkeep: () => {
      speak();
      const view = viewOfMesh(mesh);
      metrics.state({ ...view, gossipSeconds: meshGossipMs(mesh, options.chain()) / 1_000 });
      const failure = file.failure();
      if (failure !== undefined || isFileDue({ fileBytes: file.bytes(), heldBytes: view.bytes })) {
        unwritten = [];
        file.replace([...recordsOf(mesh)].map(encodeMeshRecord));
      }
      return { reason: failure === undefined ? "" : `entries are not written down: ${failure}` };
    },
    close: async () => {
      closed = true;
      clearInterval(timer);
      await transport.close();
      for (const answer of [...publications.values(), ...questions.values()]) answer(STOPS);
      flush();
      await file.close();
    },
  };
}
