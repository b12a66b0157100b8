/** Bytes as lower-case hexadecimal: the form of hashes, keys and signatures in JSON, and of hashes as map keys. */
export type Hex = string;

export const toHex = (bytes: Uint8Array): Hex =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");

/** The bytes of a hexadecimal text, or undefined if it is not one (odd length, other characters, other than `length` bytes). */
export function fromHex(text: string, length?: number): Uint8Array | undefined {
  if (text.length % 2 !== 0 || (length !== undefined && text.length !== 2 * length)) return undefined;
  // Digit by digit: for a hash that costs less than a pattern and a Buffer.
  const bytes = new Uint8Array(text.length / 2);
  for (let at = 0; at < bytes.length; at++) {
    const upper = digitOf(text.charCodeAt(2 * at));
    const lower = digitOf(text.charCodeAt(2 * at + 1));
    if (upper < 0 || lower < 0) return undefined;
    bytes[at] = 16 * upper + lower;
  }
  return bytes;
}

const digitOf = (code: number): number =>
  code >= 0x30 && code <= 0x39 ? code - 0x30 : code >= 0x61 && code <= 0x66 ? code - 0x57 : -1;

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
