import type { Target } from "../client/connection.ts";
import type { Spread } from "../client/load-plan.ts";
import type { CpuUs } from "./machine.ts";

/** What the bench asks of its load generator, a process of its own, one command after another. */
export type Command =
  | {
      readonly type: "set-up";
      readonly targets: readonly Target[];
      readonly ca: string;
      /** Hexadecimal; of the treasury's key. */
      readonly seed: string;
      readonly treasury: string;
      readonly accounts: number;
      readonly owners: number;
    }
  | { readonly type: "run"; readonly run: LoadPlan }
  /** Commits one transfer every few milliseconds and tells when each was answered. */
  | { readonly type: "pulse"; readonly targets: readonly number[]; readonly forMs: number };

export type Answer =
  | { readonly type: "ready" }
  | { readonly type: "measured"; readonly measured: Measured }
  | { readonly type: "pulses"; readonly answeredAtMs: readonly number[] }
  | { readonly type: "failed"; readonly reason: string };

export type LoadPlan = {
  /** `outstanding`: so many batches always wait for an answer. `perSecond`: so many batches are due each second. */
  readonly pace: { readonly outstanding: number } | { readonly perSecond: number };
  readonly batch: number;
  readonly spread: Spread;
  /** Among good batches: wrong signatures, repeats, known ids, overdrafts. */
  readonly mixed: boolean;
  readonly warmMs: number;
  readonly measureMs: number;
  /** Processes whose CPU time is read at both ends of the window. */
  readonly pids: readonly number[];
};

export type Measured = {
  /** Transfers newly executed by batches that were answered within the window. */
  readonly transfers: number;
  readonly windowMs: number;
  /** Of batches due (open loop) or sent (closed loop) within the window, from then to their answer. */
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number; readonly max: number };
  /** How late the generator itself sent, at the worst percentile: 0 in a closed loop. */
  readonly lateMsP99: number;
  /** Of all batches sent, warm-up included: answers that were not what the batch had to get. */
  readonly errors: number;
  readonly firstError: string;
  readonly generatorCpu: CpuUs;
  readonly cpu: readonly CpuUs[];
};
