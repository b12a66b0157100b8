import { createHash } from "node:crypto";

/** Ed25519's group (RFC 8032, section 5.1) in plain bigints: slow, and independent of the library that it makes vectors for. */
const P = (1n << 255n) - 19n;
/** Order of the base point. */
export const ORDER = (1n << 252n) + 27742317777372353535851937790883648493n;

export type Point = { readonly x: bigint; readonly y: bigint };

const mod = (value: bigint): bigint => ((value % P) + P) % P;
function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let square = mod(base), rest = exponent; rest > 0n; rest >>= 1n, square = mod(square * square))
    if (rest & 1n) result = mod(result * square);
  return result;
}
const inverse = (value: bigint): bigint => power(value, P - 2n);
const D = mod(-121665n * inverse(121666n));
const ROOT_OF_MINUS_ONE = power(2n, (P - 1n) / 4n);

export const IDENTITY: Point = { x: 0n, y: 1n };

export function add(a: Point, b: Point): Point {
  const product = mod(D * a.x * b.x * a.y * b.y);
  return {
    x: mod((a.x * b.y + a.y * b.x) * inverse(1n + product)),
    y: mod((a.y * b.y + a.x * b.x) * inverse(1n - product)),
  };
}

export function times(scalar: bigint, point: Point): Point {
  let result = IDENTITY;
  for (let double = point, rest = scalar; rest > 0n; rest >>= 1n, double = add(double, double))
    if (rest & 1n) result = add(result, double);
  return result;
}

/** A point of this y, if there is one; of the two, that with even x. */
export function pointAt(y: bigint): Point | undefined {
  const square = mod((y * y - 1n) * inverse(D * y * y + 1n));
  let x = power(square, (P + 3n) / 8n);
  if (mod(x * x) !== square) x = mod(x * ROOT_OF_MINUS_ONE);
  if (mod(x * x) !== square) return undefined;
  return { x: x % 2n === 0n ? x : mod(-x), y };
}

const present = (point: Point | undefined): Point => {
  if (point === undefined) throw new Error("no such point");
  return point;
};
export const BASE = present(pointAt(mod(4n * inverse(5n))));

export function bytesOf(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, index) => Number((value >> BigInt(8 * index)) & 255n));
}
export const numberOf = (bytes: Uint8Array): bigint =>
  bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);

export const encodePoint = ({ x, y }: Point): Uint8Array => bytesOf(y | ((x & 1n) << 255n));
/** The same point with a y that is not reduced; only for y below 19. */
export const encodeUnreduced = ({ x, y }: Point): Uint8Array => bytesOf((y + P) | ((x & 1n) << 255n));

/** A point of order 8: ℓ times one outside the group of the base point. */
export const TORSION: Point = (() => {
  for (let y = 2n; ; y++) {
    const point = pointAt(y);
    const torsion = point === undefined ? IDENTITY : times(ORDER, point);
    if (times(4n, torsion).y !== 1n) return torsion;
  }
})();

export const secretScalar = (seed: Uint8Array): bigint => {
  const hash = createHash("sha512").update(seed).digest();
  const low = numberOf(hash.subarray(0, 32));
  return (low & ((1n << 254n) - 8n)) | (1n << 254n);
};
/** SHA-512(R ‖ A ‖ M) as the verification equation has it. */
export const challenge = (r: Uint8Array, a: Uint8Array, message: Uint8Array): bigint =>
  numberOf(createHash("sha512").update(r).update(a).update(message).digest()) % ORDER;
