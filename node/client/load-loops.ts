import { setTimeout as delay } from "node:timers/promises";

/** Below so many milliseconds between two sends a timer is too coarse, and waiting for the moment would cost a core. */
const SPIN_GAP_MS = 4;

/** Sends the batch of this turn, which was due at this moment of `performance.now()`; settles with its answer. */
export type Send = (turn: number, dueMs: number) => Promise<void>;

/** Each of `clients` sends its next batch when the last one is answered, until the moment `untilMs`. */
export async function closedLoop({
  clients,
  untilMs,
  send,
}: {
  readonly clients: number;
  readonly untilMs: number;
  readonly send: Send;
}): Promise<void> {
  const client = async (first: number): Promise<void> => {
    for (let turn = first; performance.now() < untilMs; turn += clients) await send(turn, performance.now());
  };
  await Promise.all(Array.from({ length: clients }, (_, first) => client(first)));
}

/** Sends by a schedule that is fixed beforehand, whatever the answers do, and waits for the last of them. */
export async function openLoop({
  perSecond,
  startedMs,
  untilMs,
  send,
}: {
  readonly perSecond: number;
  readonly startedMs: number;
  readonly untilMs: number;
  readonly send: Send;
}): Promise<void> {
  const running: Promise<void>[] = [];
  for (let turn = 0; ; turn++) {
    const due = startedMs + (turn * 1_000) / perSecond;
    if (due >= untilMs) break;
    await until(due, 1_000 / perSecond);
    running.push(send(turn, due));
  }
  await Promise.all(running);
}

async function until(due: number, gapMs: number): Promise<void> {
  const waitMs = due - performance.now();
  const spins = gapMs >= SPIN_GAP_MS;
  if (waitMs > 1) await delay(spins ? Math.floor(waitMs - 1) : waitMs);
  else if (!spins && waitMs > 0) await delay(waitMs);
  // A timer is up to a millisecond late: the last bit is waited out turn by turn, in which answers are read, too.
  while (spins && performance.now() < due) await new Promise(setImmediate);
}
