import type { SealedBlock } from "../codec/block.ts";

/** Every kind of fault, and of rare event, that a run is there to survive. A run in which one never happened proves nothing about it. */
export const FAULTS = [
  "frame lost",
  "frame doubled",
  "frame overtaken",
  "partition",
  "crash",
  "crash of all",
  "write lost",
  "restart",
  "stop",
  "lane full",
  "journal compacted",
  "journal lost",
  "snapshot made",
  "log released",
  "snapshot synced",
  "clock jump",
  "view nullified",
  "client retry",
  "pending posted",
  "pending posted too late",
  "pending expired",
  "bad batch",
  "epoch closed",
  "mint",
  "tail block",
  "vote regained",
  "validator left",
  "validator joined",
  "stranger joined",
  "validator jailed",
  "version raised",
  "liar slashed",
  "entry written",
  "entry deleted",
  "entry tried again",
  "entry merged",
  "entry known",
  "entry waits",
  "entry forwarded",
  "entry refused",
  "entry by gossip",
  "entry by anti-entropy",
  "exchange equal",
  "exchange unequal",
  "bad entry",
  "signal heard",
  "attestation heard",
  "entry anchored",
  "mesh write lost",
  "mesh lie: silence",
  "mesh lie: old frame",
  "mesh lie: entry from the future",
  "mesh lie: digest",
  "mesh lie: forged entry",
  "mesh lie: garbage",
  "lie: two proposals",
  "lie: proposal on an old parent",
  "lie: wrong results",
  "lie: forged vote carried",
  "lie: contradicting votes",
  "lie: forked lane",
  "lie: car withheld",
  "lie: acknowledgement withheld",
  "lie: report",
  "mesh agreement proved",
  "frame denied",
  "lie: replay",
  "lie: garbage",
  "lie: silence",
] as const;

export type Fault = (typeof FAULTS)[number];
export type FaultCounts = Record<Fault, number>;

export const noFaults = (): FaultCounts => Object.fromEntries(FAULTS.map((fault) => [fault, 0])) as FaultCounts;

export function addFaults(total: FaultCounts, more: FaultCounts): void {
  for (const fault of FAULTS) total[fault] += more[fault];
}

/** Views of final blocks' epochs that no block came of. */
export function skippedViews(chain: readonly SealedBlock[]): number {
  let skipped = 0;
  for (const [index, block] of chain.entries()) {
    const parent = chain[index - 1];
    skipped += block.view - (parent?.epoch === block.epoch ? parent.view : 0) - 1;
  }
  return skipped;
}
