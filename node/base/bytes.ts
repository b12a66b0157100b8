/** Bytes as lower-case hexadecimal: the form of hashes, keys and signatures in JSON, and of hashes as map keys. */
export type Hex = string;

export const toHex = (bytes: Uint8Array): Hex =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");

/** The bytes of a hexadecimal text, or undefined if it is not one (odd length, other characters, other than `length` bytes). */
export function fromHex(text: string, length?: number): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) return undefined;
  if (length !== undefined && text.length !== 2 * length) return undefined;
  return new Uint8Array(Buffer.from(text, "hex"));
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
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
