import { unreachable } from "../base/assert.ts";
import { accept, type Refusal, refuse } from "../base/result.ts";
import { type EntryKey, keyText, parseEntry, shardOf } from "../codec/memory-entry.ts";
import { encodeMeshMessage, type MeshMessage } from "../codec/mesh-message.ts";
import { admit, checkEntry, pushEntry } from "./admit.ts";
import { REQUEST_MS, REQUESTS_MAX } from "./limits.ts";
import {
  holds,
  type Mesh,
  type MeshContext,
  type MeshEffect,
  type MeshRefusal,
  meshRefusals,
  nextNumber,
  type Published,
  type Request,
  replicasOf,
} from "./state.ts";
import { isOverQuota } from "./store.ts";

/** A client's entry: taken here, or handed to the replicas of its shard. */
export function publish(
  mesh: Mesh,
  { request, entry: bytes }: { readonly request: number; readonly entry: Uint8Array },
  context: MeshContext,
  effects: MeshEffect[],
): void {
  const answer = (refusal: Refusal<MeshRefusal>): void => {
    effects.push({ type: "refused", reason: refusal.reason, peer: undefined });
    effects.push({ type: "published", request, result: refusal });
  };
  const parsed = parseEntry(bytes, mesh.config.chainId);
  if (!parsed.ok) {
    answer(parsed);
    return;
  }
  const entry = parsed.value;
  if (!holds(mesh, entry.shard)) {
    const checked = checkEntry(mesh, entry, context);
    if (!checked.ok) {
      answer(checked);
      return;
    }
    const frame = (number: number) => encodeMeshMessage({ type: "put", request: number, entry: bytes });
    ask(mesh, { client: request, kind: "publish", key: entry, entry, frame }, context, effects);
    return;
  }
  // Replicas drop an author's oldest instead, whoever has seen what; here somebody waits for a clear answer.
  if (isOverQuota(mesh.store, entry)) {
    answer(refuse("author_quota", "delete something first"));
    return;
  }
  const taken = admit(mesh, { bytes, publisher: mesh.config.self }, context, effects);
  if (!taken.ok) {
    answer(taken);
    return;
  }
  if (taken.value.state === "merged") pushEntry(mesh, entry, undefined, context);
  effects.push({ type: "published", request, result: taken });
}

/** A client's question: answered from here, or by the replicas of the shard. */
export function lookUp(
  mesh: Mesh,
  { request, author, id }: EntryKey & { readonly request: number },
  context: MeshContext,
  effects: MeshEffect[],
): void {
  const shard = shardOf({ author, id });
  if (holds(mesh, shard)) {
    const found = mesh.store.entries.get(keyText({ author, id }))?.entry;
    effects.push({ type: "found", request, result: accept(found) });
    return;
  }
  const frame = (number: number) => encodeMeshMessage({ type: "get", request: number, author, id });
  ask(mesh, { client: request, kind: "look-up", key: { author, id }, entry: undefined, frame }, context, effects);
}

/** What other nodes ask, and what they answer. */
export function hearRequest(
  mesh: Mesh,
  peer: number,
  message: Exclude<MeshMessage, { type: "sync" | "push" | "signal" | "attest" }>,
  context: MeshContext,
  effects: MeshEffect[],
): void {
  const send = (answer: MeshMessage): void =>
    void effects.push({ type: "send", peer, frame: encodeMeshMessage(answer) });
  switch (message.type) {
    case "get": {
      const entry = mesh.store.entries.get(keyText(message))?.entry.bytes;
      send({ type: "got", request: message.request, entry });
      return;
    }
    case "put": {
      const taken = admit(mesh, { bytes: message.entry, publisher: peer }, context, effects);
      if (!taken.ok) effects.push({ type: "refused", reason: taken.reason, peer });
      // The asker tells the other replicas too: a push from here would be the second.
      send({ type: "put-answer", request: message.request, refusal: taken.ok ? "" : taken.reason });
      return;
    }
    case "got":
    case "put-answer":
      hearAnswer(mesh, peer, message, effects);
      return;
    default:
      unreachable(message);
      return;
  }
}

export function endLateRequests(mesh: Mesh, nowMs: number, effects: MeshEffect[]): void {
  for (const [number, request] of mesh.requests) if (nowMs >= request.untilMs) finish(mesh, number, request, effects);
}

/** A peer that is gone answers no more. */
export function forgetRequests(mesh: Mesh, peer: number, effects: MeshEffect[]): void {
  for (const [number, request] of mesh.requests) {
    if (request.waitsFor.delete(peer) && request.waitsFor.size === 0) finish(mesh, number, request, effects);
  }
}

function ask(
  mesh: Mesh,
  wanted: Pick<Request, "client" | "kind" | "key" | "entry"> & { readonly frame: (number: number) => Uint8Array },
  { nowMs }: MeshContext,
  effects: MeshEffect[],
): void {
  const { client, kind, key, entry } = wanted;
  const replicas = replicasOf(mesh, shardOf(key));
  const number = nextNumber(mesh);
  const request: Request = {
    ...{ client, kind, key, entry, refusal: undefined, answered: false },
    ...{ waitsFor: new Set(replicas), untilMs: nowMs + REQUEST_MS },
  };
  if (replicas.length === 0 || mesh.requests.size >= REQUESTS_MAX) {
    finish(mesh, number, request, effects);
    return;
  }
  mesh.requests.set(number, request);
  for (const peer of replicas) effects.push({ type: "send", peer, frame: wanted.frame(number) });
}

function hearAnswer(
  mesh: Mesh,
  peer: number,
  message: Extract<MeshMessage, { type: "got" | "put-answer" }>,
  effects: MeshEffect[],
): void {
  const request = mesh.requests.get(message.request);
  if (request === undefined || request.kind !== (message.type === "got" ? "look-up" : "publish")) return;
  if (!request.waitsFor.delete(peer)) return;
  if (message.type === "got") {
    const { rules } = mesh.store;
    request.answered = true;
    const parsed = message.entry === undefined ? undefined : parseEntry(message.entry, mesh.config.chainId);
    // One replica that lies is not believed: what it says is signed, and of what was asked for.
    if (
      parsed?.ok &&
      keyText(parsed.value) === keyText(request.key) &&
      rules.isSigned(parsed.value, mesh.config.chainId)
    ) {
      if (request.entry === undefined || rules.compare(parsed.value, request.entry) > 0) request.entry = parsed.value;
    }
  } else if (message.refusal === "") {
    request.answered = true;
    finish(mesh, message.request, request, effects);
    return;
  } else request.refusal = meshRefusals.find((reason) => reason === message.refusal) ?? "malformed";
  if (request.waitsFor.size === 0) finish(mesh, message.request, request, effects);
}

function finish(mesh: Mesh, number: number, request: Request, effects: MeshEffect[]): void {
  mesh.requests.delete(number);
  const { client, kind, entry, refusal } = request;
  const nobody = refuse<MeshRefusal>("unanswered", "no replica of its shard answers: try later, or another node");
  if (kind === "look-up") {
    effects.push({ type: "found", request: client, result: request.answered ? accept(entry) : nobody });
    return;
  }
  const taken = request.answered && entry !== undefined;
  const refused = refusal === undefined ? nobody : refuse(refusal, "the replicas of its shard refuse it");
  if (!taken) effects.push({ type: "refused", reason: refused.reason, peer: undefined });
  const result = taken ? accept<Published>({ state: "forwarded", entry }) : refused;
  effects.push({ type: "published", request: client, result });
}
