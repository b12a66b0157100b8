const factors: Readonly<Record<string, bigint>> = {
  m: 1n,
  "": 1000n,
  k: 1000n * 1000n,
  M: 1000n * 1000n ** 2n,
  G: 1000n * 1000n ** 3n,
  T: 1000n * 1000n ** 4n,
  Ki: 1000n * 1024n,
  Mi: 1000n * 1024n ** 2n,
  Gi: 1000n * 1024n ** 3n,
  Ti: 1000n * 1024n ** 4n,
};

/** A Kubernetes quantity in thousandths of 10^-6, as an integer: six decimals are more than the API server keeps. */
export function quantity(value: unknown): bigint | undefined {
  const match = /^(\d+)(?:\.(\d+))?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$/.exec(String(value));
  if (match === null) return undefined;
  const [, whole = "0", fraction = "", unit = ""] = match;
  const micros = BigInt(whole) * 1_000_000n + BigInt(fraction.slice(0, 6).padEnd(6, "0"));
  const factor = factors[unit];
  return factor === undefined ? undefined : micros * factor;
}

/** The smaller of two quantities, as it is written. */
export const lesser = (a: string, b: string): string => ((quantity(a) ?? 0n) < (quantity(b) ?? 0n) ? a : b);

/** The same as a number: cores, bytes. */
export function amount(value: unknown): number | undefined {
  const exact = quantity(value);
  return exact === undefined ? undefined : Number(exact) / 1e9;
}
