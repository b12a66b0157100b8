import { present } from "../base/assert.ts";
import { toHex } from "../base/bytes.ts";
import type { Random } from "../base/random.ts";
import type { Result } from "../base/result.ts";
import { type HybridTime, hybridTimeAt, nextHybridTime } from "../codec/hybrid-clock.ts";
import { CONTENT_BYTES_MAX, type MemoryEntry, sealEntry, signEntry } from "../codec/memory-entry.ts";
import type { KeyPair } from "../codec/signature.ts";
import type { MeshRefusal, Published } from "../mesh/mesh.ts";
import type { MeshChecker } from "./check-mesh.ts";
import { createClock, wallMs } from "./clock.ts";
import type { FaultCounts } from "./faults.ts";
import { check } from "./violation.ts";

const RETRY_MS = 2_500;
/** Ids that an author writes again and again, and all that it writes. */
const HOT_IDS = 6;
const IDS = 150;
/** Ahead of everybody, but not so far that it would be refused. */
const AHEAD_MS = 6_000;
const TOO_FAR_MS = 120_000;

/** An entry that a node took, and when it was handed to it, and to anybody for the first time. */
export type Taken = { readonly entry: MemoryEntry; readonly firstAtMs: number; readonly handedAtMs: number };
type Pending = Pick<Taken, "entry" | "firstAtMs"> & { retryAtMs: number };
/** Hands an entry to some node; false: none is up. */
type Submit = (request: number, entry: Uint8Array) => boolean;

/** Authors who write, overwrite and delete, and hand the same bytes to any node until one takes them. */
export type Authors = {
  /** Hands in what is due. New entries come only while `more`. */
  tick(nowMs: number, more: boolean, submit: Submit): void;
  /** Undefined: it was not taken. */
  onAnswer(request: number, result: Result<Published, MeshRefusal>, nowMs: number): Taken | undefined;
  outstanding(): number;
};

export function createAuthors({
  keys,
  chainId,
  random,
  faults,
  checker,
  liars,
}: {
  keys: readonly KeyPair[];
  chainId: string;
  random: Random;
  faults: FaultCounts;
  checker: MeshChecker;
  liars: boolean;
}): Authors {
  const authors = keys.map((keyPair) => ({ keyPair, clock: createClock(random), last: 0n }));
  const pending = new Map<string, Pending>();
  const requests = new Map<number, Taken & { readonly bad: MeshRefusal | undefined }>();
  let requestCount = 0;

  const hand = (taken: Taken, bad: MeshRefusal | undefined, submit: Submit): void => {
    requestCount += 1;
    requests.set(requestCount, { ...taken, bad });
    if (!submit(requestCount, taken.entry.bytes)) requests.delete(requestCount);
  };

  const version = (author: (typeof authors)[number], clock: HybridTime): MemoryEntry => {
    const id = `entry-${random.oneIn(2) ? random.below(HOT_IDS) : random.below(IDS)}`;
    const deletes = random.oneIn(4);
    const content = Uint8Array.from({ length: random.below(40) }, () => random.below(256));
    faults[deletes ? "entry deleted" : "entry written"] += 1;
    return signEntry({ id, clock, content: deletes ? undefined : content }, { chainId, author: author.keyPair });
  };

  /** What no node may take, and why not. */
  const badEntry = (author: KeyPair, clock: HybridTime): { entry: MemoryEntry; bad: MeshRefusal } => {
    faults["bad entry"] += 1;
    const id = `entry-${random.below(HOT_IDS)}`;
    const entry = signEntry({ id, clock, content: Uint8Array.of(1) }, { chainId, author });
    if (random.oneIn(3)) {
      const late = signEntry({ ...entry, clock: clock + hybridTimeAt(TOO_FAR_MS) }, { chainId, author });
      checker.onSigned(late.bytes);
      return { entry: late, bad: "clock_ahead" };
    }
    const fields = { author: toHex(author.publicKey), id, clock, content: Uint8Array.of(2) };
    if (random.oneIn(2)) return { entry: sealEntry(fields, chainId, entry.signature), bad: "signature_invalid" };
    const content = new Uint8Array(2 * CONTENT_BYTES_MAX);
    return { entry: sealEntry({ ...fields, content }, chainId, entry.signature), bad: "too_large" };
  };

  const begin = (author: (typeof authors)[number], nowMs: number, submit: Submit): void => {
    const wall = wallMs(author.clock, nowMs);
    // Somebody with two devices, of which one does not know what the other wrote.
    const again = author.last > 0n && random.oneIn(12);
    const clock = again ? author.last : nextHybridTime(author.last, wall + (random.oneIn(15) ? AHEAD_MS : 0));
    if (clock < hybridTimeAt(wall + AHEAD_MS / 2)) author.last = clock;
    const entry = version(author, clock);
    checker.onSigned(entry.bytes);
    pending.set(entry.digest, { entry, firstAtMs: nowMs, retryAtMs: nowMs + RETRY_MS });
    hand({ entry, firstAtMs: nowMs, handedAtMs: nowMs }, undefined, submit);
    if (!random.oneIn(10)) return;
    const { entry: worse, bad } = badEntry(author.keyPair, clock);
    hand({ entry: worse, firstAtMs: nowMs, handedAtMs: nowMs }, bad, submit);
  };

  return {
    outstanding: () => pending.size,
    tick: (nowMs, more, submit) => {
      for (const waiting of pending.values()) {
        if (waiting.retryAtMs > nowMs) continue;
        waiting.retryAtMs = nowMs + RETRY_MS + random.below(1_000);
        faults["entry tried again"] += 1;
        hand({ entry: waiting.entry, firstAtMs: waiting.firstAtMs, handedAtMs: nowMs }, undefined, submit);
      }
      if (more) for (const author of authors) if (random.oneIn(2)) begin(author, nowMs, submit);
    },
    onAnswer: (request, result, nowMs) => {
      const { entry, firstAtMs, handedAtMs, bad } = present(requests.get(request), "an answer is to a question");
      requests.delete(request);
      if (bad !== undefined) {
        check(!result.ok, "mesh answers", () => `${entry.key} is taken, and should be refused: ${bad}`);
        return undefined;
      }
      const waiting = pending.get(entry.digest);
      if (result.ok || result.reason === "stale") {
        pending.delete(entry.digest);
        if (result.ok) faults[`entry ${result.value.state}`] += 1;
        return result.ok ? { entry, firstAtMs, handedAtMs } : undefined;
      }
      // A replica that lies may refuse anything.
      const forNow = liars || ["unanswered", "not_held", "too_many_waiting"].includes(result.reason);
      check(forNow, "mesh answers", () => `a right version of ${entry.key} is refused: ${result.reason}`);
      if (waiting !== undefined) waiting.retryAtMs = nowMs + random.below(RETRY_MS);
      return undefined;
    },
  };
}
