import { seconds } from "../base/units.ts";
import { CHAIN_RULES, type ChainRules } from "../chain/rules.ts";
import { type Contradiction, contradiction } from "../codec/evidence.ts";
import { compareVersions } from "../codec/memory-entry.ts";
import { type SafetyRules, SOUND_RULES } from "../consensus/rules.ts";
import { MESH_RULES, type MeshRules } from "../mesh/rules.ts";
import type { RunOptions } from "./run-options.ts";

/** A deliberately broken network, to show that the checkers would see it. */
export type Canary = {
  readonly name: string;
  readonly broken: Omit<RunOptions, "seed" | "stormMs">;
  /** What has to see it: the beginning of the violation. */
  readonly caughtBy: readonly string[];
  /** Within this many seeds, from 1 on. */
  readonly seeds: number;
};

const twice: ChainRules["mint"] = (...boundary) => {
  CHAIN_RULES.mint(...boundary);
  return CHAIN_RULES.mint(...boundary);
};

const replayed: ChainRules["standing"] = (...of) => {
  const standing = CHAIN_RULES.standing(...of);
  return standing.type === "repeat" ? { type: "new" } : standing;
};

const withoutTimers: ChainRules["restored"] = (ledger) => {
  ledger.pending.timers.heap.length = 0;
  return ledger;
};

const without = (rule: Partial<SafetyRules>): SafetyRules => ({ ...SOUND_RULES, ...rule });

const meshWithout = (rule: Partial<MeshRules>): MeshRules => ({ ...MESH_RULES, ...rule });

export const accusesNullify: Contradiction = (one, other) => {
  if (one.type !== "vote" || other.type !== "vote") return contradiction(one, other);
  const [a, b] = [one.ballot, other.ballot];
  const legal = a.kind !== b.kind && [a.kind, b.kind].every((kind) => kind !== "finalize");
  return legal && a.epoch === b.epoch && a.view === b.view ? "finalize-and-nullify" : contradiction(one, other);
};

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
    name: "more than half of the weight is a quorum",
    broken: { rules: without({ quorum: ({ weight, totalWeight }) => 2 * weight > totalWeight }) },
    caughtBy: ["certificates"],
    seeds: 2,
  },
  {
    name: "a view that was given up is finalized all the same",
    broken: { rules: without({ mayFinalize: (own) => own.finalize === undefined }) },
    caughtBy: ["honest votes", "no false accusation"],
    seeds: 5,
  },
  {
    name: "a proposal may leave out views that were not nullified",
    broken: { rules: without({ mayFollow: ({ notarized }) => notarized }), shape: { nodes: 5, byzantine: true } },
    caughtBy: ["validity"],
    seeds: 3,
  },
  {
    name: "a block is final although its batches are not in the log",
    broken: { rules: without({ mayMakeFinal: () => true }) },
    caughtBy: ["durable before final"],
    seeds: 3,
  },
  {
    name: "a block is final before a quorum says so",
    broken: { rules: without({ provesFinality: () => true }) },
    caughtBy: ["certificates"],
    seeds: 2,
  },
  {
    name: "an epoch begins without the proof that the one before is over",
    broken: { rules: without({ provesFinality: ({ quorum, closes }) => quorum || closes }) },
    caughtBy: ["certificates"],
    seeds: 2,
  },
  {
    name: "an epoch is never closed",
    broken: { rules: without({ kindOf: ({ parent }) => (parent === "normal" ? "normal" : "tail") }) },
    caughtBy: ["epochs"],
    seeds: 2,
  },
  {
    name: "what follows a closing block in its epoch is a block like any other",
    broken: { rules: without({ kindOf: ({ closes }) => (closes ? "closing" : "normal") }) },
    caughtBy: ["epochs"],
    seeds: 4,
  },
  {
    name: "what follows a closing block carries votes and batches",
    broken: { rules: without({ mayCarry: () => true }) },
    caughtBy: ["epochs"],
    seeds: 6,
  },
  {
    name: "certificates are verified with the weights of the epoch before",
    broken: { rules: without({ committeeFor: ({ previous }) => previous }), shape: { nodes: 5, byzantine: true } },
    caughtBy: ["certificates"],
    seeds: 4,
  },
  {
    name: "to notarize and then to nullify is an offence",
    broken: { rules: without({ contradicts: accusesNullify }) },
    caughtBy: ["no false accusation"],
    seeds: 3,
  },
  {
    name: "votes that a block carries are believed unseen",
    broken: { rules: without({ mayBeCarried: () => true }), shape: { nodes: 4, byzantine: true } },
    caughtBy: ["carried votes"],
    seeds: 5,
  },
  {
    name: "a node without its journal votes at once",
    // Where a third is cut off no view passes without it, so it comes back to one that it voted in.
    broken: {
      rules: without({ mayVoteAgain: () => true }),
      shape: { bonds: [100, 100, 100, 100], amnesiac: true, denied: true },
    },
    caughtBy: ["amnesia", "honest votes", "no false accusation"],
    seeds: 3,
  },
  {
    name: "a second proposal of a view is voted for too",
    broken: { rules: without({ mayNotarize: () => true }), shape: { nodes: 4, byzantine: true } },
    caughtBy: ["honest votes", "no false accusation"],
    seeds: 4,
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
    caughtBy: ["honest votes", "no false accusation", "agreement", "no fork", "liveness"],
    seeds: 4,
  },
  {
    name: "weights follow live values instead of the epoch that was measured",
    broken: {
      chainRules: { ...CHAIN_RULES, measured: (counts) => counts.at(-1) },
      shape: { byzantine: false },
      untilEpoch: 4,
    },
    caughtBy: ["coherence", "equal coherence", "liveness"],
    seeds: 3,
  },
  {
    name: "a mint is executed twice",
    broken: { chainRules: { ...CHAIN_RULES, mint: twice }, shape: { nodes: 4, byzantine: false }, untilEpoch: 8 },
    caughtBy: ["one mint"],
    seeds: 3,
  },
  {
    name: "a batch that was executed is executed again when it is replayed",
    broken: { chainRules: { ...CHAIN_RULES, standing: replayed } },
    caughtBy: ["answers", "acknowledged"],
    seeds: 3,
  },
  {
    name: "a snapshot comes back without the timers of pending transfers",
    broken: { chainRules: { ...CHAIN_RULES, restored: withoutTimers }, shape: { byzantine: false } },
    caughtBy: ["equal results", "no false accusation", "restart", "exactly once"],
    seeds: 8,
  },
  {
    name: "of two versions of an entry the one that comes last stays",
    broken: { meshRules: meshWithout({ compare: (a, b) => (a.digest === b.digest ? 0 : 1) }) },
    caughtBy: ["mesh order", "mesh tombstones"],
    seeds: 2,
  },
  {
    name: "a tombstone is forgotten when something older comes",
    broken: {
      meshRules: meshWithout({ compare: (a, b) => (b.deleted && !a.deleted ? 1 : compareVersions(a, b)) }),
    },
    caughtBy: ["mesh tombstones"],
    seeds: 2,
  },
  {
    name: "digests leave tombstones out",
    broken: { meshRules: meshWithout({ isCompared: ({ deleted }) => !deleted }) },
    caughtBy: ["mesh convergence", "mesh gossip"],
    seeds: 3,
  },
  {
    name: "entries are taken whoever signed them",
    broken: { meshRules: meshWithout({ isSigned: () => true }) },
    caughtBy: ["mesh signatures", "mesh answers"],
    seeds: 2,
  },
  {
    name: "a clock far ahead is believed",
    broken: { meshRules: meshWithout({ aheadMaxMs: seconds(3_600) }) },
    caughtBy: ["mesh answers", "mesh clocks"],
    seeds: 3,
  },
];
