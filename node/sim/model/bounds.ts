import { type SafetyRules, SOUND_RULES } from "../../consensus/rules.ts";
import { accusesNullify } from "../canaries.ts";
import { type Bounds, type Network, networkOf, type Restarts } from "./network.ts";

/** Four validators of unequal weight, each under a third; a quorum is all honest ones, or the liar with any two of them. */
const UNEQUAL = [30, 27, 23, 20];
const BOTH = { kept: 1, lost: 1 };
const PLAIN: Bounds = {
  weights: UNEQUAL,
  byzantine: 0,
  views: 2,
  crashes: { kept: 0, lost: 0 },
  singleVotes: false,
  evidence: false,
  genesis: false,
  records: false,
};

/** The first block closes its epoch, what follows in it is its tail, and the weights of the next epoch are others. */
const EPOCHS: Partial<Bounds> = { views: 1, next: { weights: [20, 30, 23, 27], views: 1 } };

export type Search = { readonly name: string; readonly bounds: Bounds };

/** What `npm run sim -- model` explores, the smaller searches first. Leaders by view: 0, 1, 2, 3. */
export const SEARCHES: readonly Search[] = [
  { name: "two views, the liar leads the first", bounds: PLAIN },
  { name: "two views, the liar leads the second", bounds: { ...PLAIN, byzantine: 1 } },
  { name: "one view, a crash with the journal and one without", bounds: { ...PLAIN, views: 1, crashes: BOTH } },
  { name: "one view, every vote by itself", bounds: { ...PLAIN, byzantine: 3, views: 1, singleVotes: true } },
  { name: "three views, the liar votes and never leads", bounds: { ...PLAIN, byzantine: 3, views: 3 } },
  { name: "two views, nodes catch up by records", bounds: { ...PLAIN, records: true } },
  { name: "two views, a crash with the journal", bounds: { ...PLAIN, crashes: { kept: 1, lost: 0 } } },
  { name: "two views, a crash without the journal", bounds: { ...PLAIN, crashes: { kept: 0, lost: 1 } } },
  { name: "an epoch of one view and the next", bounds: { ...PLAIN, ...EPOCHS } },
  {
    name: "an epoch of two views and the next, a crash with the journal",
    bounds: { ...PLAIN, ...EPOCHS, views: 2, crashes: { kept: 1, lost: 0 } },
  },
  {
    name: "three views, the liar leads the second, both crashes",
    bounds: { ...PLAIN, byzantine: 1, views: 3, crashes: BOTH },
  },
  {
    name: "from genesis, two views with evidence",
    bounds: { ...PLAIN, genesis: true, evidence: true },
  },
  {
    name: "from genesis, three views with evidence, a crash with the journal",
    bounds: { ...PLAIN, genesis: true, evidence: true, views: 3, crashes: { kept: 1, lost: 0 } },
  },
  {
    name: "an epoch of three views and three of the next, evidence, both crashes",
    bounds: { ...PLAIN, evidence: true, views: 3, next: { weights: [20, 30, 23, 27], views: 3 }, crashes: BOTH },
  },
];

export type ModelCanary = {
  readonly name: string;
  readonly network: Network;
  /** The check that has to see it. */
  readonly caughtBy: readonly string[];
  /** Takes the search many seconds: for the long run only. */
  readonly slow?: true;
};

const broken = (rule: Partial<SafetyRules>, bounds: Partial<Bounds> = {}): Network =>
  networkOf({ ...PLAIN, ...bounds }, { ...SOUND_RULES, ...rule });
const restarting = (restarts: Restarts, crashes: Bounds["crashes"]): Network =>
  networkOf({ ...PLAIN, crashes }, SOUND_RULES, restarts);

/** Deliberately broken networks: the search has to find each by itself. */
export const MODEL_CANARIES: readonly ModelCanary[] = [
  {
    name: "a quorum counts heads, not weight",
    network: broken({ quorum: ({ heads, totalHeads }) => 3 * heads > 2 * totalHeads }, { weights: [1, 1, 1, 4] }),
    caughtBy: ["certificates"],
  },
  {
    // The liar has exactly one third: with the sound rule that is still safe.
    name: "exactly two thirds are a quorum",
    network: broken(
      { quorum: ({ weight, totalWeight }) => 3 * weight >= 2 * totalWeight },
      { weights: [2, 2, 1, 1], views: 1 },
    ),
    caughtBy: ["agreement", "certificates"],
  },
  {
    name: "a view that was given up is finalized all the same",
    network: broken({ mayFinalize: (own) => own.finalize === undefined }),
    caughtBy: ["evidence", "report"],
  },
  {
    name: "a proposal may leave out views that were not nullified",
    network: broken({ mayFollow: ({ notarized }) => notarized }, { byzantine: 1 }),
    caughtBy: ["agreement"],
    slow: true,
  },
  {
    name: "a restart forgets the own votes",
    network: restarting("forgets-votes", { kept: 1, lost: 0 }),
    caughtBy: ["evidence"],
  },
  {
    name: "a vote is sent before it is durable",
    network: restarting("sends-before-sync", { kept: 1, lost: 0 }),
    caughtBy: ["evidence"],
  },
  {
    name: "a node without its journal votes at once",
    network: broken(
      { mayVoteAgain: () => true },
      { weights: [40, 30, 20, 10], byzantine: 1, crashes: { kept: 0, lost: 1 } },
    ),
    caughtBy: ["evidence"],
    slow: true,
  },
  {
    name: "a second proposal of a view is voted for too",
    network: broken({ mayNotarize: () => true }),
    caughtBy: ["evidence", "report"],
  },
  {
    name: "to notarize and then to nullify is an offence",
    network: broken({ contradicts: accusesNullify }, { views: 1 }),
    caughtBy: ["report"],
  },
  {
    name: "the certificates of an epoch are counted with the weights of the one before",
    network: broken(
      { committeeFor: ({ previous }) => previous },
      // Of four that each weigh under a third any three are a quorum, so that only larger ones tell weights apart.
      { weights: [40, 30, 20, 10], byzantine: 1, views: 1, next: { weights: [10, 30, 20, 40], views: 1 } },
    ),
    caughtBy: ["certificates"],
  },
  {
    name: "an epoch begins without the proof that the one before is over",
    network: broken({ provesFinality: ({ quorum, closes }) => quorum || closes }, EPOCHS),
    caughtBy: ["certificates", "agreement"],
  },
];
