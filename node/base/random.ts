/** A source of chance that is passed in, so that a seed replays a run. */
export type Random = {
  /** A whole number in [0, bound). */
  below(bound: number): number;
  /** True once in `n` draws on average. */
  oneIn(n: number): boolean;
  pick<T>(items: readonly T[]): T;
};

/** PCG32 (O'Neill 2014, pcg-random.org, XSH-RR 64/32): small, well spread, the same on every machine. */
export function seededRandom(seed: bigint): Random {
  const mask = (1n << 64n) - 1n;
  const increment = 1442695040888963407n;
  let state = (seed + increment) & mask;
  const next = (): number => {
    state = (state * 6364136223846793005n + increment) & mask;
    const shifted = Number((((state >> 18n) ^ state) >> 27n) & 0xffffffffn);
    const turn = Number(state >> 59n);
    return ((shifted >>> turn) | (shifted << (-turn & 31))) >>> 0;
  };
  next();
  const below = (bound: number): number => Math.floor((next() / 0x1_0000_0000) * bound);
  return {
    below,
    oneIn: (n) => below(n) === 0,
    pick: <T>(items: readonly T[]): T => {
      const item = items[below(items.length)];
      if (item === undefined) throw new Error("pick from an empty list");
      return item;
    },
  };
}
