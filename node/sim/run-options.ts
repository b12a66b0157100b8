import type { ChainRules } from "../chain/rules.ts";
import type { SafetyRules } from "../consensus/rules.ts";
import type { MeshRules } from "../mesh/rules.ts";
import type { FaultCounts } from "./faults.ts";
import type { BrokenShell } from "./host.ts";
import type { Shape } from "./scenario.ts";

export type RunOptions = {
  readonly seed: number;
  readonly stormMs: number;
  readonly shape?: Shape;
  readonly rules?: SafetyRules;
  readonly chainRules?: ChainRules;
  readonly meshRules?: MeshRules;
  readonly brokenShell?: BrokenShell;
  /** The run goes on, in calm weather, until all are in this epoch. */
  readonly untilEpoch?: number;
};

export type RunReport = {
  /** What a checker saw, or what the production code threw. */
  readonly violation: string | undefined;
  readonly traceHash: string;
  readonly faults: FaultCounts;
  readonly height: number;
  readonly acknowledged: number;
  readonly simulatedMs: number;
};

/** What happens next in a run. */
export type Event =
  | {
      readonly type: "frame";
      readonly from: number;
      readonly to: number;
      readonly life: number;
      readonly frame: Uint8Array;
    }
  | {
      readonly type: "timer";
      readonly host: number;
      readonly life: number;
      readonly timer: string;
      readonly number: number;
    }
  | { readonly type: "work"; readonly work: () => void }
  | { readonly type: "tick" };
