import { expect, test } from "vitest";
import { toHex } from "../base/bytes.ts";
import { keyPairFromSeed, sign, verify } from "./signature.ts";
import {
  add,
  BASE,
  bytesOf,
  challenge,
  encodePoint,
  encodeUnreduced,
  IDENTITY,
  numberOf,
  ORDER,
  type Point,
  secretScalar,
  TORSION,
  times,
} from "./test-curve.ts";

/**
 * What the one signature library does at the edges of Ed25519, pinned: implementations differ here ("Taming the many
 * EdDSAs", 2020), and validators that disagree on one signature fork. A new version of the library that
 * changes an answer changes consensus.
 */
const seed = new Uint8Array(32).fill(9);
const keyPair = keyPairFromSeed(seed);
const secret = secretScalar(seed);
const messageOf = (number: number): Uint8Array => new TextEncoder().encode(`message ${number}`);
const message = messageOf(0);
const signatureOf = (r: Uint8Array, s: bigint): Uint8Array => new Uint8Array([...r, ...bytesOf(s)]);
const accepts = (publicKey: Uint8Array, signature: Uint8Array, what = message): boolean =>
  verify({ message: what, signature, publicKey });

test("the vector of RFC 8032, section 7.1, test 1", () => {
  const { publicKey, secretKey } = keyPairFromSeed(
    Buffer.from("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "hex"),
  );
  expect(toHex(publicKey)).toBe("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  const signature = sign(new Uint8Array(0), secretKey);
  expect(toHex(signature)).toBe(
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  );
  expect(accepts(publicKey, signature, new Uint8Array(0))).toBe(true);
});

test("the vectors' own arithmetic makes signatures that the library accepts", () => {
  expect(encodePoint(times(secret, BASE))).toEqual(keyPair.publicKey);
  const r = encodePoint(times(12_345n, BASE));
  const s = (12_345n + challenge(r, keyPair.publicKey, message) * secret) % ORDER;
  expect(accepts(keyPair.publicKey, signatureOf(r, s))).toBe(true);
});

const smallOrder: readonly Point[] = Array.from({ length: 8 }, (_, index) => times(BigInt(index), TORSION));
const negativeZero = (point: Point): Uint8Array => {
  const bytes = encodePoint(point);
  bytes[31] = (bytes[31] ?? 0) | 0x80;
  return bytes;
};

test("keys of small order are refused, in every encoding, though the equation holds for them", () => {
  expect(new Set(smallOrder.map((point) => toHex(encodePoint(point)))).size).toBe(8);
  const encodings = [
    ...smallOrder.map(encodePoint),
    // y = 0 and y = 1 may be written with p added; x = 0 may be written with the sign of minus zero.
    ...smallOrder.filter(({ y }) => y < 19n).map(encodeUnreduced),
    ...smallOrder.filter(({ x }) => x === 0n).map(negativeZero),
  ];
  expect(encodings.length).toBe(8 + 3 + 2);
  for (const publicKey of encodings) {
    // S = 0 and R = identity: true for whatever message, once the cofactor is multiplied away.
    for (let number = 0; number < 8; number++) {
      const signature = signatureOf(encodePoint(IDENTITY), 0n);
      expect(accepts(publicKey, signature, messageOf(number)), toHex(publicKey)).toBe(false);
    }
  }
});

test("an R of small order is refused, though the equation holds", () => {
  for (const r of [encodePoint(IDENTITY), encodeUnreduced(IDENTITY), negativeZero(IDENTITY)]) {
    const s = (challenge(r, keyPair.publicKey, message) * secret) % ORDER;
    expect(accepts(keyPair.publicKey, signatureOf(r, s)), toHex(r)).toBe(false);
  }
});

test("S has one encoding: the same number plus the group's order is refused", () => {
  const signature = sign(message, keyPair.secretKey);
  const s = numberOf(signature.subarray(32));
  expect(accepts(keyPair.publicKey, signature)).toBe(true);
  for (let more = 1n; s + more * ORDER < 1n << 256n; more++) {
    const again = signatureOf(signature.subarray(0, 32), s + more * ORDER);
    expect(accepts(keyPair.publicKey, again)).toBe(false);
  }
});

test("the equation is the one without the cofactor: a torsion in key or R counts", () => {
  const r = encodePoint(times(777n, BASE));
  const mixed = encodePoint(add(times(secret, BASE), TORSION));
  let vanished = 0;
  for (let number = 0; number < 64; number++) {
    const what = messageOf(number);
    const k = challenge(r, mixed, what);
    // k·T vanishes for every eighth k: only then do both equations hold.
    const holds = k % 8n === 0n;
    if (holds) vanished += 1;
    expect(accepts(mixed, signatureOf(r, (777n + k * secret) % ORDER), what), `k mod 8 = ${k % 8n}`).toBe(holds);
  }
  expect(vanished).toBeGreaterThan(0);
  const twisted = encodePoint(add(times(777n, BASE), TORSION));
  const s = (777n + challenge(twisted, keyPair.publicKey, message) * secret) % ORDER;
  expect(accepts(keyPair.publicKey, signatureOf(twisted, s))).toBe(false);
});

test("what is no point, no key and no signature is refused and never throws", () => {
  const good = sign(message, keyPair.secretKey);
  const notAPoint = bytesOf(2n);
  expect(accepts(notAPoint, good)).toBe(false);
  expect(accepts(new Uint8Array(32).fill(255), good)).toBe(false);
  expect(accepts(keyPair.publicKey, new Uint8Array(64).fill(255))).toBe(false);
  for (const length of [0, 31, 33, 64]) expect(accepts(new Uint8Array(length), good)).toBe(false);
  for (const length of [0, 63, 65]) expect(accepts(keyPair.publicKey, new Uint8Array(length))).toBe(false);
  for (let bit = 0; bit < 512; bit += 7) {
    const flipped = good.map((byte, index) => (index === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
    expect(accepts(keyPair.publicKey, flipped)).toBe(false);
  }
});
