/** Another database that does the same bookkeeping on one node, measured beside ours. */
export type Baseline = {
  readonly name: string;
  /** With so many accounts; `missing` says why it cannot be measured here. */
  start(accounts: number): Promise<BaselineServer | { readonly missing: string }>;
};

export type BaselineServer = {
  readonly version: string;
  /** Committed transfers a second. */
  perSecond(batch: number, timing: Timing): Promise<number>;
  /** Throws if its books do not balance. */
  check(): Promise<void>;
  stop(): Promise<void>;
};

export type Timing = { readonly warmMs: number; readonly measureMs: number };

/** Bytes of batches that are made before a run, so that making them takes nothing from the server. */
const READY_BYTES = 64 * 1024 * 1024;
const READY_MAX = 2_000;

/** Closed loop: each of `slots` clients sends its next batch when the last one is committed. */
export async function commitFor<T>(
  { warmMs, measureMs }: Timing,
  batch: number,
  slots: number,
  { make, send }: { make: () => T; send: (made: T, slot: number) => Promise<void> },
): Promise<number> {
  const most = Math.max(slots, Math.min(READY_MAX, Math.floor(READY_BYTES / (batch * 64))));
  const ready = Array.from({ length: most }, make);
  const fromMs = performance.now() + warmMs;
  const untilMs = fromMs + measureMs;
  let committed = 0;
  const client = async (slot: number): Promise<void> => {
    while (performance.now() < untilMs) {
      await send(ready.pop() ?? make(), slot);
      const now = performance.now();
      if (now >= fromMs && now < untilMs) committed += batch;
    }
  };
  await Promise.all(Array.from({ length: slots }, (_, slot) => client(slot)));
  return (committed * 1_000) / measureMs;
}
