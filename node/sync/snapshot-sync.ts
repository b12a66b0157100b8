/** How long a peer may take for one part. */
const ANSWER_MAX_MS = 5_000;
/** Pause after a peer that could not help. */
const RETRY_MS = 1_000;
/** Parts of one snapshot together, on disk: more is nobody's honest state. */
export const SNAPSHOT_BYTES_MAX = 8 * 1024 * 1024 * 1024;

type Download = {
  readonly peer: number;
  /** 0 until the first part says it. */
  height: number;
  /** That came. */
  parts: number;
  bytes: number;
  untilMs: number;
  asked: boolean;
};

/** Fetching a peer's snapshot, one part after the other, when the peers' blocks begin above this node's height. */
export type SnapshotSync = {
  wanted: boolean;
  download: Download | undefined;
  /** The first peer to ask next. */
  next: number;
  quietUntilMs: number;
};

export const createSnapshotSync = (): SnapshotSync => ({
  wanted: false,
  download: undefined,
  next: 0,
  quietUntilMs: Number.NEGATIVE_INFINITY,
});

/** A peer has no block that this node could go on with. */
export function wantSnapshot(state: SnapshotSync): void {
  state.wanted = true;
}

/** The question that is due, if any. */
export function askForPart(
  state: SnapshotSync,
  { nowMs, connected }: { nowMs: number; connected: ReadonlySet<number> },
): { peer: number; height: number; part: number } | undefined {
  if (!state.wanted || nowMs < state.quietUntilMs) return undefined;
  const { download } = state;
  if (download !== undefined && (nowMs >= download.untilMs || !connected.has(download.peer))) giveUp(state, nowMs);
  if (nowMs < state.quietUntilMs) return undefined;
  if (state.download === undefined) {
    const peers = [...connected].toSorted((a, b) => a - b);
    const peer = peers.find((id) => id >= state.next) ?? peers[0];
    if (peer === undefined) return undefined;
    state.download = { peer, height: 0, parts: 0, bytes: 0, untilMs: 0, asked: false };
  }
  const current = state.download;
  if (current.asked) return undefined;
  current.asked = true;
  current.untilMs = nowMs + ANSWER_MAX_MS;
  return { peer: current.peer, height: current.height, part: current.parts };
}

export type Part = {
  readonly peer: number;
  readonly height: number;
  readonly part: number;
  readonly last: boolean;
  readonly bytes: Uint8Array;
};

/** Whether this is the part that was asked for. */
export function isAwaitedPart({ download }: SnapshotSync, { peer, height, part }: Part): boolean {
  if (download === undefined || !download.asked || download.peer !== peer || part !== download.parts) return false;
  return download.height === 0 || download.height === height;
}

/** Counts an awaited part; with the last one the download is over. False: there are more of them than an honest state has. */
export function takePart(state: SnapshotSync, part: Part, nowMs: number): boolean {
  const { download } = state;
  if (download === undefined) return false;
  download.bytes += part.bytes.length;
  if (download.bytes > SNAPSHOT_BYTES_MAX) {
    giveUp(state, nowMs);
    return false;
  }
  download.height = part.height;
  download.parts += 1;
  download.asked = false;
  if (!part.last) return true;
  state.download = undefined;
  state.wanted = false;
  state.next = part.peer;
  return true;
}

/** Nothing, something wrong, or no answer: the next peer is asked from the beginning, after a pause. */
export function giveUp(state: SnapshotSync, nowMs: number): void {
  if (state.download !== undefined) state.next = state.download.peer + 1;
  state.download = undefined;
  state.quietUntilMs = nowMs + RETRY_MS;
}

/** When to look again without an input. */
export function snapshotWakeAtMs({ wanted, download, quietUntilMs }: SnapshotSync, nowMs: number): number {
  if (!wanted) return Number.POSITIVE_INFINITY;
  if (download?.asked) return download.untilMs;
  return quietUntilMs > nowMs ? quietUntilMs : Number.POSITIVE_INFINITY;
}
