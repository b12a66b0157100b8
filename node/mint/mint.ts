import { assert } from "../base/assert.ts";
import { PPM } from "../base/units.ts";
import { type MintMeasure, mintBudget } from "./budget.ts";
import { divide, type Share } from "./share.ts";

/** p: what of the budget each token issues, in hundredths (domain.md, "Minting"). */
const PERCENT = { FLX: 100n, CHR: 50n, ATR: 25n, PSY: 10n, RES: 5n } as const;
export type MintedToken = keyof typeof PERCENT;
const MINTED: readonly MintedToken[] = ["FLX", "CHR", "ATR", "PSY", "RES"];

/** A member of the measured epoch who still is one. */
export type Candidate = {
  readonly id: number;
  /** Frozen for the measured epoch. */
  readonly weight: number;
  readonly psiPpm: number;
  /** CHR that the last 20 mints gave it, in the smallest unit. */
  readonly recentChr: bigint;
};

export type MintInput = MintMeasure & {
  readonly candidates: readonly Candidate[];
  /**
   * The most that `recentChr` is of any present member, whether a candidate or not (one that came back may have been
   * minted to before the measured epoch).
   */
  readonly highestRecentChr: bigint;
  /** What may still be given of each token; of ATR the cap's room and the pool, which is given first. */
  readonly headroom: Readonly<Record<MintedToken, bigint>>;
};

/** What is issued of one token; the shares, by id ascending, add up to the total. */
type Issue = { readonly token: MintedToken; readonly total: bigint; readonly shares: readonly Share[] };

export type Mint = {
  readonly budget: bigint;
  /** Tokens in their order, without those of which nothing is issued. */
  readonly issues: readonly Issue[];
};

const GATE_PSI_PPM = 750_000;
const GATE_CHR_PPM = 600_000;

/** The mint of an epoch in which one is due. Executed with the closing block; nothing is carried over to the next. */
export function mint(input: MintInput): Mint {
  const { candidates, highestRecentChr, headroom } = input;
  const budget = mintBudget(input);
  const steady = candidates
    .filter(({ psiPpm }) => psiPpm >= GATE_PSI_PPM)
    .toSorted((a, b) => a.id - b.id)
    .map((candidate) => ({ ...candidate, chrPpm: chrPpm(candidate.recentChr, highestRecentChr) }));
  // By Ψ alone, so that newcomers can earn their way in.
  const reputation = steady.map(({ id, psiPpm }) => ({ id, claim: BigInt(psiPpm) }));
  const flow = steady.filter((one) => one.chrPpm >= GATE_CHR_PPM).map((one) => ({ id: one.id, claim: claimOf(one) }));
  const issues = MINTED.flatMap((token): readonly Issue[] => {
    const wanted = (budget * PERCENT[token]) / 100n;
    const total = wanted < headroom[token] ? wanted : headroom[token];
    const shares = total > 0n ? divide(total, token === "CHR" ? reputation : flow) : [];
    return shares.length === 0 ? [] : [{ token, total, shares }];
  });
  return { budget, issues };
}

/** r: recent CHR as a part of the highest, in ppm; 1 where nobody has any. */
function chrPpm(recent: bigint, highest: bigint): number {
  assert(recent >= 0n && recent <= highest, "nobody has more than the highest");
  return highest === 0n ? PPM : Number((BigInt(PPM) * recent) / highest);
}

/** w·(0.5 + 0.5·Ψ)·(0.8 + 0.4·r), times 5·10¹². */
const claimOf = ({ weight, psiPpm, chrPpm: r }: Candidate & { readonly chrPpm: number }): bigint =>
  BigInt(weight) * BigInt(PPM + psiPpm) * BigInt(2 * PPM + r);
