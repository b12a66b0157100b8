/** For `JSON.stringify`: numbers beyond 53 bits become decimal texts. */
export const bigints = (_key: string, value: unknown): unknown =>
  typeof value === "bigint" ? value.toString() : value;

/** A decimal number of up to 128 bits in an argument. */
export const decimalOf = (text: string): bigint | undefined =>
  /^[0-9]{1,39}$/.test(text) && BigInt(text) < 1n << 128n ? BigInt(text) : undefined;

/** A height; what is too large to be exact is a height that no folder has, too. */
export const heightIn = (text: string): number => Number(decimalOf(text) ?? 0n);
