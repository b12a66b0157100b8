import { present, unreachable } from "../base/assert.ts";
import type { Random } from "../base/random.ts";
import type { Chain } from "../chain/chain.ts";
import type { MemoryEntry } from "../codec/memory-entry.ts";
import { encodeMeshRecord, parseMeshRecord } from "../codec/mesh-record.ts";
import type { KeyPair } from "../codec/signature.ts";
import {
  createMesh,
  MESH_LIMITS,
  type MeshEffect,
  type MeshInput,
  recordsOf,
  restoreRecord,
  stepMesh,
} from "../mesh/mesh.ts";
import type { MeshRules } from "../mesh/rules.ts";
import type { Held } from "../mesh/store.ts";
import { MESH_FLUSH_MS, MESH_TICK_MS, meshContext, meshMembers } from "../shell-mesh-core.ts";
import { createWitness, hearWitness, sayWitness, scoreIn, type Witness, witnessEntry } from "../shell-mesh-witness.ts";
import { crashFile, createMeshFile, flush, type MeshFile, replace } from "./mesh-file.ts";

/** In place of a size that no simulated file reaches: how often the file is written anew. */
const REPLACE_MS = 7_000;
const SPEAK_MS = 2_000;

/** The mesh of one host: its file outlives the process. */
export type MeshHost = {
  readonly id: number;
  readonly file: MeshFile;
  /** Of the process that runs, with its mesh. */
  witness: Witness | undefined;
  /** Counts processes: what was meant for an earlier one is dropped. */
  life: number;
  members: string;
  flushedAtMs: number;
  spokeAtMs: number;
  replacedAtMs: number;
};

/** What the world does for a mesh. */
export type MeshSurroundings = {
  readonly chainId: string;
  readonly rules: MeshRules;
  readonly random: Random;
  keyPair(host: MeshHost): KeyPair;
  nowMs(): number;
  wallMs(host: MeshHost): number;
  chain(host: MeshHost): Chain;
  later(afterMs: number, work: () => void): void;
  carryOut(host: MeshHost, effect: Exclude<MeshEffect, { type: "persist" }>): void;
  onRestored(host: MeshHost, entries: readonly MemoryEntry[]): void;
  onDropped(host: MeshHost, key: string): void;
  onWritten(host: MeshHost): void;
  /** Has anchors ordered: a payload of type `anchors`. */
  order(host: MeshHost, payload: Uint8Array): void;
};

export const createMeshHost = (id: number): MeshHost => ({
  ...{ id, file: createMeshFile(), witness: undefined, life: 0, members: "" },
  ...{ flushedAtMs: 0, spokeAtMs: 0, replacedAtMs: 0 },
});

/** The process begins with what its file holds, as `shell-mesh.ts` does it. */
export function startMesh(host: MeshHost, world: MeshSurroundings): void {
  const mesh = createMesh({ self: host.id, chainId: world.chainId, limits: MESH_LIMITS }, world.rules);
  for (const bytes of host.file.records) {
    const record = parseMeshRecord(bytes);
    const restored = record.ok && restoreRecord(mesh, record.value);
    present(restored || undefined, "a mesh reads what it wrote");
  }
  host.life += 1;
  host.witness = createWitness(mesh, world.keyPair(host));
  host.members = "";
  world.onRestored(
    host,
    [...mesh.store.entries.values()].map(({ entry }) => entry),
  );
  followMembers(host, world);
  tickLater(host, host.life, world);
}

export function feedMesh(host: MeshHost, input: MeshInput, world: MeshSurroundings): void {
  const { witness, life } = host;
  if (witness === undefined) return;
  const { mesh } = witness;
  const scoreOf = (held: Held): number | undefined => scoreIn(witness, held);
  const moment = { wallMs: world.wallMs(host), nowMs: world.nowMs(), random: world.random, scoreOf };
  for (const effect of stepMesh(mesh, input, meshContext(mesh, world.chain(host), moment))) {
    if (host.life !== life) return;
    if (effect.type === "persist") keep(host, effect, world);
    else world.carryOut(host, effect);
    if (effect.type === "changed") witnessEntry(witness, effect.entry);
    if (effect.type === "heard") hearWitness(witness, effect, { chain: world.chain(host), nowMs: world.nowMs() });
  }
}

/** Answers how many records the crash took. */
export function crashMesh(host: MeshHost, world: MeshSurroundings): number {
  host.witness = undefined;
  host.life += 1;
  return crashFile(host.file, world.random);
}

/** The volume is lost. */
export function wipeMesh(host: MeshHost): void {
  replace(host.file, []);
}

function keep(host: MeshHost, { record }: Extract<MeshEffect, { type: "persist" }>, world: MeshSurroundings): void {
  host.file.unwritten.push(encodeMeshRecord(record));
  switch (record.type) {
    case "dropped":
      world.onDropped(host, `${record.author}/${record.id}`);
      return;
    case "entry":
    case "published":
    case "anchored":
    case "watermark":
      return;
    default:
      unreachable(record);
  }
}

function tickLater(host: MeshHost, life: number, world: MeshSurroundings): void {
  world.later(MESH_TICK_MS, () => {
    if (host.life !== life || host.witness === undefined) return;
    followMembers(host, world);
    feedMesh(host, { type: "tick" }, world);
    const nowMs = world.nowMs();
    if (host.file.unwritten.length > 0 && nowMs - host.flushedAtMs >= MESH_FLUSH_MS) {
      host.flushedAtMs = nowMs;
      flush(host.file);
      world.onWritten(host);
    }
    if (nowMs - host.spokeAtMs >= SPEAK_MS) {
      host.spokeAtMs = nowMs;
      speak(host, world);
      if (host.life !== life) return;
    }
    if (nowMs - host.replacedAtMs >= REPLACE_MS) {
      host.replacedAtMs = nowMs;
      replace(host.file, [...recordsOf(host.witness.mesh)].map(encodeMeshRecord));
      world.onWritten(host);
    }
    tickLater(host, life, world);
  });
}

/** The service's tick, at a pace of its own here. */
function speak(host: MeshHost, world: MeshSurroundings): void {
  const { witness, life } = host;
  if (witness === undefined) return;
  const said = sayWitness(witness, { chain: world.chain(host), nowMs: world.nowMs() });
  for (const { peer, frame } of said.frames) world.carryOut(host, { type: "send", peer, frame });
  for (const payload of said.orders) if (host.life === life) world.order(host, payload);
}

function followMembers(host: MeshHost, world: MeshSurroundings): void {
  const members = meshMembers(world.chain(host));
  if (members.join() === host.members) return;
  host.members = members.join();
  feedMesh(host, { type: "members", members }, world);
}
