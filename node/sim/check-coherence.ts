import { present } from "../base/assert.ts";
import { type Chain, epochOf, heightOf, validatorStates } from "../chain/chain.ts";
import type { SealedBlock } from "../codec/block.ts";
import type { Host } from "./host.ts";
import { journalOf } from "./journal.ts";
import { check } from "./violation.ts";

/** Coherence and mint, by an arithmetic of its own: floating, from the final blocks' carried votes. */
export type CoherenceChecker = {
  /** A node has executed a closing block. */
  onEpoch(node: number, chain: Chain): void;
  /** What the mints moved on a node's ledger, at the end. */
  atEnd(host: Host): void;
  mints(): number;
};

/** In ppm: what flooring at every step may lose against an exact value. */
const TOLERANCE = 8;

type Measure = { readonly coherence: number; readonly lambda: number; readonly meanPsi: number };

export function createCoherenceChecker({
  chain: finalBlocks,
  byzantine,
}: {
  chain: () => readonly SealedBlock[];
  byzantine: number | undefined;
}): CoherenceChecker {
  /** What the first node that came there committed, by the epoch that begins. */
  const committed = new Map<number, string>();
  const weights = new Map<number, ReadonlyMap<number, number>>();
  /** By the height of the closing block that fixed it. */
  const measures = new Map<number, Measure>();
  let mints = 0;

  const onEpoch = (node: number, chain: Chain): void => {
    const { number, members } = epochOf(chain);
    const { coherence } = chain.governance;
    const { epoch, coherencePpm, meanPsiPpm, stability, standings } = coherence;
    const own = JSON.stringify({ epoch, coherencePpm, meanPsiPpm, stability, psi: [...standings], members });
    const known = committed.get(number) ?? own;
    check(known === own, "equal coherence", () => `node ${node}, epoch ${number}: ${own} instead of ${known}`);
    if (committed.has(number)) return;
    committed.set(number, own);
    const uncapped = new Map(members.map(({ id }) => [id, validatorStates(chain).get(id)?.uncapped ?? 0]));
    weights.set(number, uncapped);
    checkSteps(number, stability.emergency.active);
    checkFloor(number, chain);
    checkMeasured(number, chain);
    const { lambdaPpm: lambda } = stability;
    measures.set(heightOf(chain), { coherence: coherencePpm, lambda, meanPsi: meanPsiPpm });
  };

  /** A tenth at most, at least one, and nothing in an emergency. */
  const checkSteps = (number: number, emergency: boolean): void => {
    const before = weights.get(number - 1);
    for (const [id, weight] of weights.get(number) ?? []) {
      const last = before?.get(id);
      if (last === undefined) continue;
      const most = emergency ? 0 : Math.max(1, last / 10);
      check(Math.abs(weight - last) <= most, "steps", () => `epoch ${number}: ${id} went from ${last} to ${weight}`);
    }
  };

  /**
   * Whatever is done to an honest validator, three fifths of its stake's weight stay its own, so that liars with less than
   * 23 % of equal stakes stay below a third (domain.md, "Consensus, as far as users see it").
   */
  const checkFloor = (number: number, chain: Chain): void => {
    const now = present(weights.get(number), "it was just noted");
    const states = validatorStates(chain);
    const bondOf = (id: number): number => Math.min(Number(states.get(id)?.bond ?? 0n), 1e11);
    let [total, bonds, grown] = [0, 0, true];
    for (const [id, weight] of now) {
      const whole = weight >= Math.floor(0.6e-5 * bondOf(id));
      // Newcomers, and whoever comes back, enter with less and grow.
      const grows = weight >= (weights.get(number - 1)?.get(id) ?? 0);
      check(whole || grows, "honest weight", () => `epoch ${number}: ${id} sank to ${weight} of ${bondOf(id) * 1e-5}`);
      grown &&= whole;
      total += weight;
      bonds += bondOf(id);
    }
    const lies = now.get(byzantine ?? -1) ?? 0;
    const few = 13 * bondOf(byzantine ?? -1) < 3 * bonds;
    check(!grown || !few || 3 * lies < total, "honest weight", () => `epoch ${number}: a liar has ${lies} of ${total}`);
  };

  /** Participation from the votes that blocks carry, and from it, with the reported parts, Ψ, Ĉ, Ψ̄ and the way of λ. */
  const checkMeasured = (number: number, { governance }: Chain): void => {
    const { epoch, standings, coherencePpm, meanPsiPpm, stability } = governance.coherence;
    check(epoch === Math.max(0, number - 2), "coherence", () => `epoch ${number} begins with values of ${epoch}`);
    if (epoch === 0) return;
    const carried = carriedIn(epoch);
    const vectors = new Map<number, readonly number[]>();
    for (const [id, { omega }] of standings) {
      const share = (carried.votes.get(id)?.size ?? 0) / carried.blocks;
      near(omega.participationPpm, share * 1e6, () => `epoch ${epoch}: participation of ${id}`);
      const { timelinessPpm, agreementPpm, meshPpm, availabilityPpm } = omega;
      vectors.set(id, [omega.participationPpm, timelinessPpm, agreementPpm, meshPpm, availabilityPpm]);
    }
    const ids = [...vectors.keys()];
    const of = (id: number): readonly number[] => present(vectors.get(id), "it was measured");
    const total = [...standings.values()].reduce((sum, { weight }) => sum + weight, 0);
    const reference = [0, 1, 2, 3, 4].map((component) => {
      const sorted = ids.toSorted((a, b) => (of(a)[component] ?? 0) - (of(b)[component] ?? 0) || a - b);
      let sum = 0;
      const median = sorted.find((id) => {
        sum += standings.get(id)?.weight ?? 0;
        return 2 * sum >= total;
      });
      return of(median ?? 0)[component] ?? 0;
    });
    let meanPsi = 0;
    for (const [id, standing] of standings) {
      const aligned = (alignment(of(id), reference) * size(of(id))) / 1e6;
      const lost = 0.5 * standing.disorderPpm + 0.3 * standing.variancePpm;
      near(standing.psiPpm, Math.max(0, 2 * aligned - 1e6 - lost), () => `epoch ${epoch}: Ψ of ${id}`);
      meanPsi += (standing.psiPpm * standing.weight) / total;
    }
    near(meanPsiPpm, meanPsi, () => `epoch ${epoch}: mean Ψ`);
    const pairs = ids.flatMap((a, at) => ids.slice(at + 1).map((b) => [of(a), of(b)] as const));
    const density = pairs.reduce((sum, [a, b]) => sum + (alignment(a, b) * Math.min(size(a), size(b))) / 1e6, 0);
    near(coherencePpm, density / pairs.length, () => `epoch ${epoch}: Ĉ`);
    const { lambda } = measures.get([...measures.keys()].at(-1) ?? 0) ?? { lambda: 700_000 };
    const aim = 500_000 + (0.4 * coherencePpm * meanPsiPpm) / 1e6;
    near(
      stability.lambdaPpm,
      Math.min(1e6, Math.max(300_000, lambda + 0.2 * (aim - lambda))),
      () => `epoch ${epoch}: λ`,
    );
  };

  const carriedIn = (epoch: number): { blocks: number; votes: ReadonlyMap<number, ReadonlySet<number>> } => {
    const votes = new Map<number, Set<number>>();
    const chain = finalBlocks();
    for (const block of chain)
      for (const { depth, signer } of block.votes) {
        const height = block.height - depth;
        if (chain[height - 1]?.epoch !== epoch) continue;
        votes.set(signer, (votes.get(signer) ?? new Set()).add(height));
      }
    return { blocks: chain.filter((block) => block.epoch === epoch).length, votes };
  };

  /** Each mint comes with a closing block, once, and makes the budget that the values committed there say. */
  const atEnd = (host: Host): void => {
    const closing = finalBlocks().filter(({ kind }) => kind === "closing");
    const epochs = new Set(closing.map(({ epoch }) => epoch));
    check(epochs.size === closing.length, "epochs", () => "an epoch was closed twice");
    const moves = journalOf(host).filter(({ kind }) => kind === "mint" || kind === "mint_pool");
    const heights = new Set(moves.map(({ height }) => height));
    for (const height of heights) {
      const where = `node ${host.id}, height ${height}`;
      check(
        closing.some((block) => block.height === height),
        "mint",
        () => `${where}: minted without a boundary`,
      );
      const here = moves.filter((move) => move.height === height);
      check(new Set(here.map(({ id }) => id)).size === 1, "one mint", () => `${where}: several mints`);
      const { coherence, lambda, meanPsi } = present(measures.get(height), "a boundary was measured");
      const factor = (0.4 * coherence) / 0.8 + (0.3 * lambda) / 0.7 + (0.3 * meanPsi) / 0.9;
      const budget = 100 * Math.min(2e6, Math.max(0.5e6, factor));
      const minted = (ledger: number): number =>
        here.reduce((sum, move) => (move.ledger === ledger ? sum + Number(move.amount) : sum), 0);
      for (const [ledger, share] of [
        [1, 1],
        [2, 0.5],
        [3, 0.25],
        [4, 0.1],
        [5, 0.05],
      ] as const) {
        const right = Math.abs(minted(ledger) - share * budget) <= 2 || (ledger !== 2 && minted(ledger) === 0);
        check(right, "one mint", () => `${where}: ${minted(ledger)} of token ${ledger} instead of ${share * budget}`);
      }
    }
    if (host.id !== byzantine) mints = Math.max(mints, heights.size);
  };

  return { onEpoch, atEnd, mints: () => mints };
}

/** a(x, y) in ppm: cos(x, y) · min(|x|/|y|, |y|/|x|). */
function alignment(x: readonly number[], y: readonly number[]): number {
  const larger = Math.max(length(x), length(y));
  return larger === 0 ? 0 : (1e6 * x.reduce((sum, value, at) => sum + value * (y[at] ?? 0), 0)) / larger ** 2;
}

const length = (x: readonly number[]): number => Math.hypot(...x);
const size = (x: readonly number[]): number => length(x) / Math.sqrt(5);

function near(is: number, should: number, what: () => string): void {
  check(Math.abs(is - should) <= TOLERANCE, "coherence", () => `${what()} is ${is} instead of ${should}`);
}
