import { seededRandom } from "../base/random.ts";
import { measure } from "../cal/measure.ts";
import { bandOf } from "../cal/psi.ts";
import { resonance } from "../cal/resonance.ts";
import { INITIAL_STABILITY, nextStability } from "../cal/stability.ts";
import { flawlessEvidence } from "../cal/test-evidence.ts";
import { committeeOf, isQuorum } from "../codec/certificate.ts";
import { sha256Hex } from "../codec/hash.ts";
import { encodeBallot } from "../codec/vote.ts";
import { mintBudget, mintDue } from "../mint/budget.ts";
import { mint } from "../mint/mint.ts";
import { type CoherenceRow, rateRow } from "./coherence-row.ts";
import { wholeEpoch } from "./epoch-row.ts";
import { MESH_ROWS } from "./mesh-rows.ts";

/**
 * What an earlier implementation really did, over numbers that move by script as they did there: unsigned, in one process.
 * Our own functions do it, whatever else they do beside.
 */
const calTick = rateRow({
  name: "parity, unsigned, in process: CAL tick",
  unit: "ticks/s",
  earlierPerSecond: 324_000,
  prepare: () => {
    const history = recent<object>(1_000);
    let [stability, coherencePpm, meanPsiPpm, ticks] = [INITIAL_STABILITY, 850_000, 900_000, 0];
    return () => {
      coherencePpm = within(coherencePpm + Math.floor((500_000 - Math.abs(750_000 - coherencePpm)) / 100));
      meanPsiPpm = within(meanPsiPpm + Math.trunc((750_000 - meanPsiPpm) / 200));
      const measured = { coherencePpm, meanPsiPpm, quorumCoherencePpm: coherencePpm, kappaPpm: 2_000 };
      stability = nextStability(stability, measured);
      history.add({ tick: ticks++, coherencePpm, meanPsiPpm, lambdaPpm: stability.lambdaPpm });
    };
  },
});

const mintEpoch = rateRow({
  name: "parity, unsigned, in process: mint epoch",
  unit: "epochs/s",
  earlierPerSecond: 657_000,
  prepare: () => {
    const history = recent<object>(100);
    let [epoch, epochsSinceLast] = [0, 0];
    return () => {
      epoch += 1;
      epochsSinceLast += 1;
      const measured = { coherencePpm: 810_000 + (epoch % 90_000), lambdaPpm: 700_000, meanPsiPpm: 900_000 };
      if (!mintDue({ ...measured, epochsSinceLast, measuredEpochs: 3, emergency: false })) return;
      epochsSinceLast = 0;
      history.add({ ...measured, budget: mintBudget(measured) });
    };
  },
});

const VALIDATORS = 20;

const round = rateRow({
  name: `parity, unsigned, in process: round with ${VALIDATORS} validators`,
  unit: "rounds/s",
  earlierPerSecond: 56_000,
  prepare: () => {
    const history = recent<{ readonly view: number; readonly voters: number }>(100);
    const ids = Array.from({ length: VALIDATORS }, (_, id) => id);
    const committee = committeeOf(ids.map((id) => ({ id, weight: 1_000 + 100 * id, publicKey: "00".repeat(32) })));
    const psis = ids.map((id) => 800_000 + (id % 20) * 10_000);
    const hash = sha256Hex(new Uint8Array(1));
    let [view, stability, meanVoters] = [0, INITIAL_STABILITY, 0];
    return () => {
      view += 1;
      stability = nextStability(stability, { coherencePpm: 800_000, meanPsiPpm: 900_000, quorumCoherencePpm: 800_000 });
      const voters = ids.filter((id) => bandOf(psis[id] ?? 0) !== "critical");
      if (!isQuorum(committee, voters)) throw new Error("all vote, so there is a quorum");
      const ballot = { kind: "finalize", epoch: 1, view, block: hash, height: view } as const;
      const digest = sha256Hex(encodeBallot(ballot));
      history.add({ ...{ view, digest, emergency: stability.emergency.active, meanVoters }, voters: voters.length });
      meanVoters = history.kept.reduce((sum, one) => sum + one.voters, 0) / history.kept.length;
    };
  },
});

/** What the earlier implementation measured where it published millions of "operations": it read its numbers back. */
const readBack = rateRow({
  name: "published shape, in process: Ĉ, λ and Ψ̄ read back",
  unit: "reads/s",
  prepare: () => {
    const state = { lambdaPpm: 700_000, coherencePpm: 850_000, meanPsiPpm: 900_000 };
    const read = recent<object>(100);
    return () => read.add({ ...state });
  },
});

/** The whole measure of an epoch, from what the chain counted and what all reported of all. */
const epochMeasured = (validators: number): CoherenceRow =>
  rateRow({
    name: `in process: an epoch of ${validators} validators measured`,
    unit: "epochs/s",
    prepare: () => {
      const evidence = flawlessEvidence(Array.from({ length: validators }, (_, id) => 1_000 + id));
      const reports = evidence.reports.map((report) => ({
        ...report,
        timelinessPpm: 1_000_000 - ((report.reporter * 7_919 + report.subject * 104_729) % 100_000),
      }));
      return () => {
        measure({ ...evidence, reports });
      };
    },
  });

const wholeMint = rateRow({
  name: `in process: a mint of five tokens among ${VALIDATORS} validators`,
  unit: "mints/s",
  prepare: () => {
    const candidates = Array.from({ length: VALIDATORS }, (_, id) => ({
      ...{ id, weight: 1_000 + 100 * id, psiPpm: 800_000 + id * 10_000, recentChr: 1_000_000n - BigInt(id) },
    }));
    const ample = 10n ** 18n;
    const headroom = { FLX: ample, CHR: ample, ATR: ample, PSY: ample, RES: ample };
    const measured = { coherencePpm: 850_000, lambdaPpm: 700_000, meanPsiPpm: 900_000 };
    return () => {
      mint({ ...measured, candidates, highestRecentChr: 1_000_000n, headroom });
    };
  },
});

const resonanceScored = rateRow({
  name: "in process: RΦV of two series of 1 024 samples",
  unit: "scores/s",
  prepare: () => {
    const random = seededRandom(1n);
    const [one = [], other = []] = [1, 2].map(() => Array.from({ length: 1_024 }, () => random.below(1_000)));
    return () => {
      if (resonance(one, other) === undefined) throw new Error("there are samples enough");
    };
  },
});

/** In the order of the table. Rooms add theirs. */
export const COHERENCE_ROWS: readonly CoherenceRow[] = [
  calTick,
  mintEpoch,
  round,
  readBack,
  epochMeasured(VALIDATORS),
  epochMeasured(100),
  wholeMint,
  resonanceScored,
  wholeEpoch(VALIDATORS),
  ...MESH_ROWS,
];

const within = (ppm: number): number => Math.min(1_000_000, Math.max(500_000, ppm));

/** Keeps the last `limit` records, as the earlier implementation did. */
function recent<T>(limit: number): { add(record: T): void; readonly kept: readonly T[] } {
  const kept: T[] = [];
  let next = 0;
  return {
    kept,
    add: (record) => {
      kept[next] = record;
      next = (next + 1) % limit;
    },
  };
}
