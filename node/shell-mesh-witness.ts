import { noteBlock } from "./cal/signal.ts";
import type { Chain } from "./chain/chain.ts";
import { encodeAnchors } from "./codec/anchor.ts";
import type { MemoryEntry } from "./codec/memory-entry.ts";
import { type AttestMessage, encodeMeshMessage, type SignalMessage } from "./codec/mesh-message.ts";
import type { KeyPair } from "./codec/signature.ts";
import type { Mesh, MeshRefusal } from "./mesh/mesh.ts";
import type { Held } from "./mesh/store.ts";
import {
  type Anchoring,
  considerAnchor,
  createAnchoring,
  hearAttestation,
  proposeAnchors,
} from "./shell-mesh-anchors.ts";
import {
  createResonances,
  hearSignal,
  type Resonances,
  resonancePpm,
  SIGNAL_EVERY_MS,
  saySignal,
} from "./shell-mesh-resonance.ts";

/**
 * What a node sees of the entries that it holds: how its own series agrees with their publishers', and which it wants anchored.
 * Decided here for the running node (`shell-mesh.ts`) and the simulator alike.
 */
export type Witness = {
  readonly mesh: Mesh;
  readonly resonances: Resonances;
  readonly anchoring: Anchoring;
  signalAtMs: number;
};

export type Said = {
  readonly frames: readonly { readonly peer: number; readonly frame: Uint8Array }[];
  /** Versions that this node attests for the first time, or again. */
  readonly attested: number;
  /** Payloads of type `anchors` to be ordered. */
  readonly orders: readonly Uint8Array[];
};

/** Of a mesh as its file left it. */
export function createWitness(mesh: Mesh, keyPair: KeyPair): Witness {
  const { self } = mesh.config;
  const anchoring = createAnchoring(self, keyPair);
  for (const { entry } of mesh.store.entries.values()) considerAnchor(anchoring, entry);
  return { mesh, resonances: createResonances(self), anchoring, signalAtMs: Number.NEGATIVE_INFINITY };
}

/** RΦV in millionths; undefined: not known. */
export const scoreIn = (
  { mesh, resonances }: Witness,
  { entry: { shard }, notes: { publisher } }: Held,
): number | undefined => resonancePpm(resonances, { publisher, replicas: mesh.placement[shard] ?? [] });

/** A version is new here. */
export const witnessEntry = ({ anchoring }: Witness, entry: MemoryEntry): void => considerAnchor(anchoring, entry);

/** A block is executed here; `live` as in `noteBlock`. */
export const witnessBlock = (
  { resonances }: Witness,
  block: { readonly height: number; readonly atMs: number; readonly live: boolean },
): void => noteBlock(resonances.own, block);

/** What a peer measured, or attests; the answer says why it counts for nothing, if so. */
export function hearWitness(
  { mesh, resonances, anchoring }: Witness,
  { peer, message }: { readonly peer: number; readonly message: SignalMessage | AttestMessage },
  { chain, nowMs }: { readonly chain: Chain; readonly nowMs: number },
): MeshRefusal | undefined {
  if (message.type === "signal") return hearSignal(resonances, peer, message, nowMs) ? undefined : "over_rate";
  const heard = hearAttestation(anchoring, peer, message, { mesh, chain });
  return heard.ok ? undefined : heard.reason;
}

/** What was measured goes to everybody, what is attested to the other replicas, and what two attest is ordered. */
export function sayWitness(
  witness: Witness,
  { chain, nowMs }: { readonly chain: Chain; readonly nowMs: number },
): Said {
  const { mesh, resonances, anchoring } = witness;
  const frames: { peer: number; frame: Uint8Array }[] = [];
  if (nowMs - witness.signalAtMs >= SIGNAL_EVERY_MS) {
    witness.signalAtMs = nowMs;
    const frame = encodeMeshMessage(saySignal(resonances, nowMs));
    for (const peer of mesh.peers.keys()) frames.push({ peer, frame });
  }
  const scoreOf = (held: Held) => scoreIn(witness, held);
  const { attestations, anchors } = proposeAnchors(anchoring, { mesh, chain, nowMs, scoreOf });
  for (const { to, message } of attestations)
    for (const peer of to) if (mesh.peers.has(peer)) frames.push({ peer, frame: encodeMeshMessage(message) });
  // One to a batch, so that the note beside an entry is short.
  return { frames, attested: attestations.length, orders: anchors.map((anchor) => encodeAnchors([anchor])) };
}
