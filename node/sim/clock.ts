import type { Random } from "../base/random.ts";
import { EPOCH_MS } from "./scenario.ts";

/** A node's wall clock: set a little wrong, running a little wrong, and at times moved by someone. */
export type DriftingClock = { readonly offsetMs: number; readonly rate: number; jumpMs: number };

export const createClock = (random: Random): DriftingClock => ({
  offsetMs: random.below(1200) - 600,
  rate: 1 + (random.below(2001) - 1000) / 1_000_000,
  jumpMs: 0,
});

export const wallMs = (clock: DriftingClock, nowMs: number): number =>
  EPOCH_MS + clock.offsetMs + clock.jumpMs + Math.floor(nowMs * clock.rate);

/** A duration by the node's clock in simulated time. */
export const realMs = (clock: DriftingClock, afterMs: number): number => Math.max(1, Math.round(afterMs / clock.rate));
