import { setTimeout as delay } from "node:timers/promises";
import type { Lookups } from "./lookups.ts";

/** What became of a transfer, for good. */
export type Settled = "applied" | "never";

/** Ids older than this are refused by every block (docs/ledger.md). */
const ID_WINDOW_NS = 600_000_000_000n;
const POLL_MS = 1_000;

/**
 * The last word about transfers whose sending ended `unknown`: applied, or, once a node's newest block is past an id's
 * window, never (domain.md, "Ledger"). It waits for that, up to ten minutes and a bit; the signal rejects.
 */
export async function settle(
  ids: readonly bigint[],
  {
    lookups,
    targets,
    signal,
    pollMs = POLL_MS,
  }: {
    readonly lookups: Lookups;
    readonly targets: number;
    readonly signal?: AbortSignal;
    readonly pollMs?: number;
  },
): Promise<ReadonlyMap<bigint, Settled>> {
  const settled = new Map<bigint, Settled>();
  for (let target = 0; ; target = (target + 1) % targets) {
    const how = { target, ...(signal === undefined ? {} : { signal }) };
    try {
      // Before the look-ups, and of the same node: what is not there then, and too old, will never be.
      const { lastBlockTime } = await lookups.status(how);
      for (const id of ids) {
        if (settled.has(id)) continue;
        if ((await lookups.transfer(id, how)) !== undefined) settled.set(id, "applied");
        else if (lastBlockTime > timeOf(id) + ID_WINDOW_NS) settled.set(id, "never");
      }
    } catch {
      // This node does not answer: the next one may.
      signal?.throwIfAborted();
    }
    if (ids.every((id) => settled.has(id))) return settled;
    await delay(pollMs, undefined, signal === undefined ? {} : { signal });
  }
}

/** The end of the millisecond that an id carries, in nanoseconds. */
const timeOf = (id: bigint): bigint => ((id >> 80n) + 1n) * 1_000_000n;
