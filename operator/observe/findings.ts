import type { NodeStatus } from "../../node/api/contract.ts";
import type { Millis } from "../../node/base/units.ts";
import type { Mark } from "./sample.ts";
import type { MeasuredEpoch, NodeReading, PeersWord, Sample } from "./snapshot.ts";

export const SAMPLES_KEPT_MS = 15 * 60_000;
/** 15 minutes of 100 nodes at one reading in two seconds. */
const SAMPLES_MAX = 45_000;

/** What is known of one cluster's nodes from themselves. */
export type ClusterFindings = {
  readonly readings: Map<number, NodeReading>;
  readonly marks: Map<number, Mark>;
  /** Those of the cluster's metric source. */
  readonly sourceMarks: Map<number, Mark>;
  /** Oldest first. */
  readonly samples: Sample[];
  readonly epochs: Map<number, MeasuredEpoch[]>;
  /** Of epochs whose beginning was seen: when the one before was last told. */
  readonly begunAt: Map<number, Millis>;
  /** The newest epoch under way that any node told, and when that was last. */
  newest: { readonly epoch: number; readonly at: Millis } | undefined;
};

export const emptyFindings = (): ClusterFindings => ({
  readings: new Map(),
  marks: new Map(),
  sourceMarks: new Map(),
  samples: [],
  epochs: new Map(),
  begunAt: new Map(),
  newest: undefined,
});

/** Adds a sample and lets go of those that nobody may ask for any more. */
export function keep(findings: ClusterFindings, sample: Sample, now: Millis): void {
  const { samples } = findings;
  samples.push(sample);
  let old = 0;
  while ((samples[old]?.to ?? now) < now - SAMPLES_KEPT_MS) old += 1;
  old = Math.max(old, samples.length - SAMPLES_MAX);
  // Not one by one: moving the rest of the array each time would cost more than the few kept too long.
  if (old >= 64 || old > samples.length / 2) samples.splice(0, old);
}

/** Twice what the tuner compares on one side. */
const EPOCHS_KEPT = 64;

/** Remembers what a node says of the epoch that was measured last, once, and when epochs begin. */
export function keepEpoch(findings: ClusterFindings, validator: number, told: NodeStatus, at: Millis): void {
  const { epochs, begunAt, newest } = findings;
  if (newest === undefined || told.epoch >= newest.epoch) {
    if (newest !== undefined && told.epoch > newest.epoch) begunAt.set(told.epoch, newest.at);
    findings.newest = { epoch: told.epoch, at };
  }
  for (const epoch of begunAt.keys()) if (epoch <= told.epoch - EPOCHS_KEPT) begunAt.delete(epoch);
  const { measured, epoch, coherencePpm, psi } = told.coherence;
  if (!measured || epoch === undefined || coherencePpm === undefined) return;
  const known = epochs.get(validator) ?? [];
  if (epoch <= (known.at(-1)?.epoch ?? -1)) return;
  const [began, peers] = [begunAt.get(epoch), wordsIn(psi)];
  const one: MeasuredEpoch = {
    ...{ epoch, coherencePpm },
    ...(began === undefined ? {} : { begunAt: began }),
    ...(peers === undefined ? {} : { peers: asTold(findings, epoch, peers) }),
  };
  epochs.set(validator, [...known, one].slice(-EPOCHS_KEPT));
}

function wordsIn(psi: NodeStatus["coherence"]["psi"]): readonly PeersWord[] | undefined {
  const words = (psi ?? []).flatMap(({ validator, voteDelayMs, availabilityPpm }) =>
    voteDelayMs === undefined || availabilityPpm === undefined ? [] : [{ validator, voteDelayMs, availabilityPpm }],
  );
  return words.length === 0 ? undefined : words;
}

/** The list of another node that told the same: of a hundred nodes that each tell of a hundred, one list is kept. */
function asTold({ epochs }: ClusterFindings, epoch: number, words: readonly PeersWord[]): readonly PeersWord[] {
  const text = JSON.stringify(words);
  for (const told of epochs.values()) {
    const peers = told.at(-1)?.epoch === epoch ? told.at(-1)?.peers : undefined;
    if (peers !== undefined && JSON.stringify(peers) === text) return peers;
  }
  return words;
}

/** Whether two readings differ in what decisions are made of; heights move all the time and count by their samples. */
export function changed(before: NodeReading | undefined, after: NodeReading): boolean {
  if (before === undefined || before.podUid !== after.podUid) return true;
  if (!("status" in before) || !("status" in after)) return "status" in before || "status" in after;
  const [a, b] = [before.status, after.status];
  return (
    a.state !== b.state ||
    a.ready !== b.ready ||
    a.reason !== b.reason ||
    a.version !== b.version ||
    a.role !== b.role ||
    a.chainId !== b.chainId ||
    a.publicKey !== b.publicKey ||
    a.storage.writable !== b.storage.writable ||
    a.validators.length !== b.validators.length
  );
}
