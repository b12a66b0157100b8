import type { Random } from "../base/random.ts";
import { hybridTimeAt } from "../codec/hybrid-clock.ts";
import { parseEntry, sealEntry, signEntry } from "../codec/memory-entry.ts";
import { encodeMeshMessage, parseMeshMessage, SHORT_DIGITS } from "../codec/mesh-message.ts";
import type { KeyPair } from "../codec/signature.ts";
import type { FaultCounts } from "./faults.ts";

/** Frames of others that it keeps to say again. */
const KEPT_MAX = 100;
const FAR_AHEAD_MS = 600_000;

/** A replica that lies to the others: what leaves its mesh is bent here. Answers the frames that leave instead of one. */
export type MeshLiar = (frame: Uint8Array, nowWallMs: number) => readonly Uint8Array[];

export function createMeshLiar({
  keyPair,
  chainId,
  random,
  faults,
  onSigned,
}: {
  keyPair: KeyPair;
  chainId: string;
  random: Random;
  faults: FaultCounts;
  onSigned: (bytes: Uint8Array) => void;
}): MeshLiar {
  const kept: Uint8Array[] = [];

  /** An author's entry with other content, or newer than the author signed it, under the author's own signature. */
  const forge = (bytes: Uint8Array): Uint8Array => {
    const parsed = parseEntry(bytes, chainId);
    if (!parsed.ok) return bytes;
    const { value } = parsed;
    const content = random.oneIn(2) ? undefined : Uint8Array.of(random.below(256));
    return sealEntry({ ...value, clock: value.clock + 1n, content }, chainId, value.signature).bytes;
  };
  const fromTheFuture = (wallMs: number): Uint8Array => {
    const clock = hybridTimeAt(wallMs + FAR_AHEAD_MS);
    const fields = { id: `future-${random.below(20)}`, clock, content: Uint8Array.of(9) };
    const { bytes } = signEntry(fields, { chainId, author: keyPair });
    onSigned(bytes);
    return bytes;
  };

  return (frame, wallMs) => {
    if (kept.length < KEPT_MAX) kept.push(frame);
    else kept[random.below(KEPT_MAX)] = frame;
    const parsed = parseMeshMessage(frame);
    if (!parsed.ok) return [frame];
    const { value: message } = parsed;
    switch (random.below(8)) {
      case 0:
        faults["mesh lie: silence"] += 1;
        return [];
      case 1:
        faults["mesh lie: old frame"] += 1;
        return [frame, random.pick(kept)];
      case 2:
        faults["mesh lie: entry from the future"] += 1;
        return [frame, encodeMeshMessage({ type: "push", entries: [fromTheFuture(wallMs)] })];
      case 3: {
        if (message.type !== "sync" || message.root === undefined) return [frame];
        faults["mesh lie: digest"] += 1;
        const hash = random.below(10).toString().repeat(SHORT_DIGITS);
        return [encodeMeshMessage({ ...message, root: { ...message.root, hash } })];
      }
      case 4:
      case 5: {
        if ((message.type !== "sync" && message.type !== "push") || message.entries.length === 0) return [frame];
        faults["mesh lie: forged entry"] += 1;
        return [encodeMeshMessage({ ...message, entries: message.entries.map(forge) })];
      }
      case 6: {
        faults["mesh lie: garbage"] += 1;
        const garbage = frame.slice();
        garbage[random.below(garbage.length)] = random.below(256);
        return [garbage];
      }
      default:
        return [frame];
    }
  };
}
