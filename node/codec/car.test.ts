import { describe, expect, it } from "vitest";
import { fc } from "../base/test-property.ts";
import { encodeBatch } from "./batch.ts";
import { CAR_BATCHES_MAX, carMessage, hashCar, NO_CAR, parseCar, parseCarStub, sealCar } from "./car.ts";
import { keyPairFromSeed, sign, verify } from "./signature.ts";
import { encodeTransfers, newTransfer } from "./transfer.ts";

const chainId = "ab".repeat(32);
const owner = keyPairFromSeed(new Uint8Array(32).fill(1));
const client = keyPairFromSeed(new Uint8Array(32).fill(2));
const batch = (sequence: number, records = 1): Uint8Array =>
  encodeBatch({
    type: "transfers",
    payload: encodeTransfers(
      Array.from({ length: records }, (_, index) =>
        newTransfer({ id: BigInt(index + 1), debit: 1n, credit: 2n, amount: 3n, ledger: 1, code: 1 }),
      ),
    ),
    chainId,
    keyPair: client,
    stream: 1n,
    sequence: BigInt(sequence),
    expiryMs: 1,
  });
const place = { validator: 3, incarnation: 1_760_000_000_000_000_001n, number: 1, previous: NO_CAR };
const signed = (digest: string): Uint8Array => sign(carMessage(chainId, digest), owner.secretKey);
const car = sealCar(place, [batch(1), batch(2, 3)], signed);

describe("a car", () => {
  it("comes back as it was sealed, its batches views into its own bytes", () => {
    const parsed = parseCar(car.bytes);
    expect(parsed).toEqual({ ok: true, value: car });
    if (!parsed.ok) return;
    for (const one of parsed.value.batches) expect(one.buffer).toBe(car.bytes.buffer);
    expect(hashCar(car)).toBe(car.digest);
    const { digest, signature } = car;
    expect(verify({ message: carMessage(chainId, digest), signature, publicKey: owner.publicKey })).toBe(true);
    expect(verify({ message: carMessage("cd".repeat(32), digest), signature, publicKey: owner.publicKey })).toBe(false);
  });

  it("shows its place without its batches", () => {
    const { batches: _, ids: _ids, bytes, ...stub } = car;
    expect(parseCarStub(bytes)).toEqual({ ok: true, value: stub });
    expect(parseCarStub(bytes.subarray(0, 50)).ok).toBe(false);
  });

  it("has another digest for any other place or batch", () => {
    const others = [
      sealCar({ ...place, validator: 4 }, car.batches, signed),
      sealCar({ ...place, incarnation: 2n }, car.batches, signed),
      sealCar({ ...place, number: 2, previous: car.digest }, car.batches, signed),
      sealCar(place, [batch(2, 3), batch(1)], signed),
      sealCar(place, [batch(1)], signed),
    ];
    expect(new Set([car, ...others].map(({ digest }) => digest)).size).toBe(6);
  });

  it("is refused with any byte turned, but for its own signature, and with any cut", () => {
    const signature = car.bytes.length - car.byteLength - 4 * car.batchCount - 64;
    const changes = fc.tuple(fc.nat({ max: car.bytes.length - 1 }), fc.integer({ min: 1, max: 255 }));
    fc.assert(
      fc.property(changes, ([at, change]) => {
        const bytes = car.bytes.slice();
        bytes[at] = (bytes[at] ?? 0) ^ change;
        const parsed = parseCar(bytes);
        // A turned place is another car, whose digest nobody signed.
        if (parsed.ok && (at < signature || at >= signature + 64)) expect(parsed.value.digest).not.toBe(car.digest);
        if (at >= signature + 64) expect(parsed.ok).toBe(false);
      }),
    );
    for (const length of [0, 10, 150, car.bytes.length - 1])
      expect(parseCar(car.bytes.subarray(0, length)).ok).toBe(false);
    expect(parseCar(new Uint8Array([...car.bytes, 0])).ok).toBe(false);
  });

  it("holds batches, not too many, and only the first follows none", () => {
    expect(() => sealCar(place, [], signed)).toThrow(/holds a batch/);
    const many = Array.from({ length: CAR_BATCHES_MAX + 1 }, () => batch(1));
    expect(() => sealCar(place, many, signed)).toThrow(/not too many/);
    expect(parseCar(sealCar({ ...place, number: 2 }, [batch(1)], signed).bytes)).toMatchObject({ ok: false });
    expect(parseCar(sealCar({ ...place, previous: car.digest }, [batch(1)], signed).bytes)).toMatchObject({
      ok: false,
    });
  });
});
