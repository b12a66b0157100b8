import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type Random, seededRandom } from "../base/random.ts";
import { mutateJson } from "./json.ts";
import { Broken, mutate, type Target } from "./target.ts";

/** An input that breaks the product. */
export type Finding = { readonly target: string; readonly what: string; readonly input: Uint8Array };

export type FuzzReport = {
  readonly runs: number;
  /** Different things that happened, by the targets' own names for them. */
  readonly outcomes: number;
  readonly finding: Finding | undefined;
};

/** A parser that needs longer for one input is as good as stuck. */
const INPUT_MS_MAX = 2_000;
/** What one input may allocate, and what all inputs together may leave behind. */
const INPUT_BYTES_MAX = 128 * 2 ** 20;
const LEFT_BYTES_MAX = 64 * 2 ** 20;
/** Inputs that are changed further, and the length up to which they may grow. */
const POOL_MAX = 512;
const LENGTH_MAX = 1 << 16;
/** Pace of the looks at memory and of the reports. */
const LOOK_EVERY = 256;

/** Changes right inputs under a seed and looks what becomes of them. The same seed makes the same inputs. */
export function fuzz(
  target: Target,
  { runs, seed, onProgress }: { runs: number; seed: number; onProgress?: (runs: number, outcomes: number) => void },
): FuzzReport {
  const random = seededRandom(BigInt(seed));
  const pool = [...target.samples];
  const outcomes = new Set<string>();
  const report = (done: number, finding?: Finding): FuzzReport => ({ runs: done, outcomes: outcomes.size, finding });
  for (const sample of target.samples) {
    const finding = tryInput(target, sample, outcomes);
    if (finding !== undefined) return report(0, finding);
  }
  const left = heapAfterCollection();
  for (let run = 1; run <= runs; run++) {
    const input = nextInput(target, pool, random);
    const before = outcomes.size;
    const finding = tryInput(target, input, outcomes);
    if (finding !== undefined) return report(run, { ...finding, input: shrunk(target, finding) });
    // Something new happened: what led there may lead further.
    if (outcomes.size > before) {
      if (pool.length < POOL_MAX) pool.push(input);
      else pool[target.samples.length + random.below(POOL_MAX - target.samples.length)] = input;
    }
    if (run % LOOK_EVERY === 0) onProgress?.(run, outcomes.size);
  }
  const grown = heapAfterCollection() - left;
  if (grown <= LEFT_BYTES_MAX) return report(runs);
  return report(runs, { target: target.name, what: `${grown} bytes are left behind`, input: new Uint8Array() });
}

/** Runs one input; a finding if it breaks something. */
export function tryInput(target: Target, input: Uint8Array, outcomes = new Set<string>()): Finding | undefined {
  const finding = (what: string): Finding => ({ target: target.name, what, input });
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  const began = performance.now();
  try {
    outcomes.add(target.run(input));
  } catch (cause) {
    if (cause instanceof Broken) return finding(`broken: ${cause.message}`);
    return finding(`throws ${cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause)}`);
  }
  const took = performance.now() - began;
  if (took > INPUT_MS_MAX) return finding(`takes ${took.toFixed(0)} ms`);
  const after = process.memoryUsage();
  const taken = after.heapUsed - heapUsed + after.arrayBuffers - arrayBuffers;
  return taken > INPUT_BYTES_MAX ? finding(`takes ${taken} bytes`) : undefined;
}

function nextInput(target: Target, pool: readonly Uint8Array[], random: Random): Uint8Array {
  const from = random.pick(pool);
  const changed =
    target.json === true && !random.oneIn(4)
      ? new TextEncoder().encode(mutateJson(new TextDecoder().decode(from), random))
      : mutate(from, target.samples, random);
  return changed.length > LENGTH_MAX ? changed.slice(0, LENGTH_MAX) : changed.slice();
}

/** A shorter input that breaks the same: parts are left out as long as that helps. */
function shrunk(target: Target, { input, what }: Finding): Uint8Array {
  const same = (candidate: Uint8Array): boolean => tryInput(target, candidate)?.what === what;
  let best = input;
  for (let size = Math.ceil(best.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < best.length; ) {
      const candidate = new Uint8Array(Buffer.concat([best.subarray(0, at), best.subarray(at + size)]));
      if (same(candidate)) best = candidate;
      else at += size;
    }
  }
  return best;
}

const COLLECTIONS_MAX = 10;

/** Bytes that are still in use once collecting frees no more: buffers are let go a little after their last owner. */
function heapAfterCollection(): number {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  let left = Number.POSITIVE_INFINITY;
  for (let round = 0; round < COLLECTIONS_MAX; round++) {
    if (typeof collect === "function") collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    if (heapUsed + arrayBuffers >= left) break;
    left = heapUsed + arrayBuffers;
  }
  return left;
}
