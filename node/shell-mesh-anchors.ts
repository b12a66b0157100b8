import { present } from "./base/assert.ts";
import { type Hex, toHex } from "./base/bytes.ts";
import { accept, type Result, refuse } from "./base/result.ts";
import { type Chain, epochOf } from "./chain/chain.ts";
import { EPOCH_ANCHORS_MAX, isAnchored, replicasIn } from "./chain/execute-anchor.ts";
import { type AnchorRecord, attest, isAttested } from "./codec/anchor.ts";
import { keyText, type MemoryEntry } from "./codec/memory-entry.ts";
import type { AttestMessage } from "./codec/mesh-message.ts";
import { hashBytes } from "./codec/parse.ts";
import type { KeyPair } from "./codec/signature.ts";
import type { Mesh, MeshRefusal } from "./mesh/mesh.ts";
import type { Held } from "./mesh/store.ts";

/**
 * Which entries this node wants anchored (domain.md, "Memory mesh"): those that it holds with an RΦV of 0.9 or more. It attests
 * them to the other replicas, and once another one does too, the lower of both has the anchor ordered.
 */
export type Anchoring = {
  readonly self: number;
  readonly keyPair: KeyPair;
  /** By author and id, the oldest first. */
  readonly candidates: Map<string, Candidate>;
  /** Attestations count for one epoch. */
  epoch: number;
  /** Entries that this node has attested in it. */
  attested: number;
};

type Candidate = {
  readonly digest: Hex;
  /** Of the epoch under way, by replica. */
  readonly signatures: Map<number, Uint8Array>;
  /** When the own one was told last, and when the anchor was first possible, or ordered last. */
  toldAtMs: number;
  pairedAtMs: number | undefined;
};

/** An entry with this much is anchored (domain.md, "Memory mesh"). */
const ANCHOR_SCORE_PPM = 900_000;
/** Entries that wait to be anchored; more push out the oldest, which come back with their next version. */
const CANDIDATES_MAX = 4_096;
/** What nobody answered is told again, and what no block anchored ordered again; by then the higher replica does it too. */
const AGAIN_MS = 10_000;

export const createAnchoring = (self: number, keyPair: KeyPair): Anchoring => ({
  ...{ self, keyPair, candidates: new Map(), epoch: 0, attested: 0 },
});

/** A version is new here. */
export function considerAnchor({ candidates }: Anchoring, { key, digest, deleted }: MemoryEntry): void {
  const known = candidates.get(key);
  if (known?.digest === digest) return;
  candidates.delete(key);
  if (deleted) return;
  candidates.set(key, { digest, signatures: new Map(), toldAtMs: Number.NEGATIVE_INFINITY, pairedAtMs: undefined });
  if (candidates.size <= CANDIDATES_MAX) return;
  const [oldest] = candidates.keys();
  candidates.delete(present(oldest, "a full list has an oldest candidate"));
}

/** A peer's own attestation of a version that this node holds too. */
export function hearAttestation(
  anchoring: Anchoring,
  peer: number,
  { author, id, digest, epoch, signature }: AttestMessage,
  { mesh, chain }: { readonly mesh: Mesh; readonly chain: Chain },
): Result<undefined, MeshRefusal> {
  const key = keyText({ author, id });
  const held = mesh.store.entries.get(key);
  if (held === undefined) return refuse("not_held");
  if (held.entry.digest !== digest || epoch !== epochOf(chain).number) return refuse("stale");
  followEpoch(anchoring, epoch);
  const publicKey = replicasIn(chain.governance, { epoch, shard: held.entry.shard })?.find(
    ({ id: replica }) => replica === peer,
  )?.publicKey;
  if (publicKey === undefined || !isAttested({ digest, epoch, validator: peer }, signature, hashBytes(publicKey)))
    return refuse("attestation_invalid");
  if (held.notes.anchor === undefined && !isAnchored(chain.governance, digest)) considerAnchor(anchoring, held.entry);
  anchoring.candidates.get(key)?.signatures.set(peer, signature);
  return accept(undefined);
}

export type Proposals = {
  readonly attestations: readonly { readonly to: readonly number[]; readonly message: AttestMessage }[];
  readonly anchors: readonly AnchorRecord[];
};

/** What there is to attest, and to have ordered, now. */
export function proposeAnchors(
  anchoring: Anchoring,
  on: {
    readonly mesh: Mesh;
    readonly chain: Chain;
    readonly nowMs: number;
    readonly scoreOf: (held: Held) => number | undefined;
  },
): Proposals {
  const { mesh, chain } = on;
  const attestations: Proposals["attestations"][number][] = [];
  const anchors: AnchorRecord[] = [];
  followEpoch(anchoring, epochOf(chain).number);
  for (const [key, candidate] of anchoring.candidates) {
    const held = mesh.store.entries.get(key);
    const done = held?.notes.anchor !== undefined || isAnchored(chain.governance, candidate.digest);
    if (held?.entry.digest !== candidate.digest || done) {
      anchoring.candidates.delete(key);
      continue;
    }
    const told = attestHeld(anchoring, candidate, held, on);
    if (told !== undefined) attestations.push(told);
    const anchor = pairOf(anchoring, candidate, held.entry, on.nowMs);
    if (anchor !== undefined) anchors.push(anchor);
  }
  const { now } = chain.governance.anchors;
  return { attestations, anchors: anchors.slice(0, Math.max(0, EPOCH_ANCHORS_MAX - now.length)) };
}

/** A new epoch has other replicas and keys, and new room. */
function followEpoch(anchoring: Anchoring, epoch: number): void {
  if (anchoring.epoch === epoch) return;
  anchoring.epoch = epoch;
  anchoring.attested = 0;
  for (const candidate of anchoring.candidates.values()) {
    candidate.signatures.clear();
    candidate.toldAtMs = Number.NEGATIVE_INFINITY;
    candidate.pairedAtMs = undefined;
  }
}

function attestHeld(
  anchoring: Anchoring,
  candidate: Candidate,
  held: Held,
  { chain, nowMs, scoreOf }: { chain: Chain; nowMs: number; scoreOf: (held: Held) => number | undefined },
): Proposals["attestations"][number] | undefined {
  const { self, keyPair, epoch } = anchoring;
  const { author, id, digest, shard } = held.entry;
  if (nowMs - candidate.toldAtMs < AGAIN_MS) return undefined;
  let signature = candidate.signatures.get(self);
  const mayAttest = anchoring.attested < EPOCH_ANCHORS_MAX && (scoreOf(held) ?? 0) >= ANCHOR_SCORE_PPM;
  if (signature === undefined && !mayAttest) return undefined;
  const replicas = replicasIn(chain.governance, { epoch, shard }) ?? [];
  if (signature === undefined) {
    const own = replicas.find((replica) => replica.id === self);
    if (own?.publicKey !== toHex(keyPair.publicKey)) return undefined;
    signature = attest({ digest, epoch, validator: self }, keyPair);
    candidate.signatures.set(self, signature);
    anchoring.attested += 1;
  }
  candidate.toldAtMs = nowMs;
  const to = replicas.map((replica) => replica.id).filter((replica) => replica !== self);
  return { to, message: { type: "attest", author, id, digest, epoch, signature } };
}

/** The anchor that this node is to have ordered, if it is its turn. */
function pairOf(
  { self, epoch }: Anchoring,
  candidate: Candidate,
  { author, id, clock, contentHash }: MemoryEntry,
  nowMs: number,
): AnchorRecord | undefined {
  const own = candidate.signatures.get(self);
  const [other] = [...candidate.signatures].filter(([validator]) => validator !== self).toSorted(([a], [b]) => a - b);
  if (own === undefined || other === undefined) return undefined;
  const first = candidate.pairedAtMs === undefined;
  if (!first && nowMs - (candidate.pairedAtMs ?? 0) < AGAIN_MS) return undefined;
  candidate.pairedAtMs = nowMs;
  const [partner, signature] = other;
  if (first && partner < self) return undefined;
  const [low, high] = [
    { validator: self, signature: own },
    { validator: partner, signature },
  ].toSorted((a, b) => a.validator - b.validator);
  const attestations = [present(low, "two attest"), present(high, "two attest")] as const;
  return { author, id, clock, contentHash, epoch, attestations };
}
