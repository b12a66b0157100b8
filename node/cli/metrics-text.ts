/** One sample of the Prometheus text format. */
export type Sample = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
};

/** Reads what a node's `/metrics` answers; lines that are no samples are left out. */
export function parseMetrics(text: string): readonly Sample[] {
  return text.split("\n").flatMap((line) => {
    const [, name, labels = "", value] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (name === undefined) return [];
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(
      ([, key = "", text = ""]) => [key, text] as const,
    );
    return [
      { name, labels: Object.fromEntries(pairs), value: value === "+Inf" ? Number.POSITIVE_INFINITY : Number(value) },
    ];
  });
}

/**
 * The quantile of a histogram, between the bounds of its bucket in proportion; undefined without observations. What lies
 * above the last bound is given as that bound.
 */
export function quantileOf(samples: readonly Sample[], histogram: string, quantile: number): number | undefined {
  const buckets = samples
    .filter(({ name }) => name === `${histogram}_bucket`)
    .map(({ labels, value }) => ({ le: labels.le === "+Inf" ? Number.POSITIVE_INFINITY : Number(labels.le), value }))
    .toSorted((a, b) => a.le - b.le);
  const total = buckets.at(-1)?.value ?? 0;
  if (total === 0) return undefined;
  const rank = quantile * total;
  let low = 0;
  let before = 0;
  for (const { le, value } of buckets) {
    if (value >= rank)
      return le === Number.POSITIVE_INFINITY ? low : low + (le - low) * ((rank - before) / (value - before));
    low = le;
    before = value;
  }
  return low;
}
