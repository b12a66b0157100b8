import { type SafetyRules, SOUND_RULES } from "../consensus/rules.ts";
import type { RunOptions } from "./run.ts";

/** A deliberately broken network, to show that the checkers would see it. */
export type Canary = {
  readonly name: string;
  readonly broken: Omit<RunOptions, "seed" | "stormMs">;
  /** What has to see it: the beginning of the violation. */
  readonly caughtBy: readonly string[];
  /** Within this many seeds, from 1 on. */
  readonly seeds: number;
};

const without = (rule: Partial<SafetyRules>): SafetyRules => ({ ...SOUND_RULES, ...rule });

export const CANARIES: readonly Canary[] = [
  {
    name: "a quorum counts heads, not weight",
    broken: {
      rules: without({ quorum: ({ heads, totalHeads }) => 3 * heads > 2 * totalHeads }),
      shape: { bonds: [300, 300, 80, 80, 80, 80, 80] },
    },
    caughtBy: ["certificates"],
    seeds: 5,
  },
  {
    name: "exactly two thirds are a quorum",
    broken: {
      rules: without({ quorum: ({ weight, totalWeight }) => 3 * weight >= 2 * totalWeight }),
      shape: { bonds: [100, 100, 100, 100, 100, 100] },
    },
    caughtBy: ["certificates"],
    seeds: 5,
  },
  {
    name: "a view that was given up is finalized all the same",
    broken: { rules: without({ mayFinalize: (own) => own.finalize === undefined }) },
    caughtBy: ["honest votes", "no false accusation"],
    seeds: 5,
  },
  {
    name: "a proposal may leave out views that were not nullified",
    broken: { rules: without({ mayFollow: ({ notarized }) => notarized }), shape: { nodes: 4, byzantine: true } },
    caughtBy: ["validity", "agreement", "no fork"],
    seeds: 12,
  },
  {
    name: "a vote is sent before it is durable",
    broken: { brokenShell: "sends-before-sync" },
    caughtBy: ["durable before sent"],
    seeds: 1,
  },
  {
    name: "a restart forgets the own votes",
    broken: { brokenShell: "forgets-votes" },
    caughtBy: ["honest votes", "no false accusation", "agreement", "no fork"],
    seeds: 10,
  },
];
