import { expect, test } from "vitest";
import { fc } from "../base/test-property.ts";
import { checkHello, encodeHello } from "./hello.ts";

const chainId = "ab".repeat(32);
const range = fc.tuple(fc.nat(20), fc.nat(20)).map(([a, b]) => ({ min: 1 + Math.min(a, b), max: 1 + Math.max(a, b) }));

test("two nodes agree on the highest version in common, or both refuse", () => {
  fc.assert(
    fc.property(range, range, (a, b) => {
      const common = Math.min(a.max, b.max);
      const both = [
        checkHello(encodeHello({ versions: a, chainId }), { versions: b, chainId }),
        checkHello(encodeHello({ versions: b, chainId }), { versions: a, chainId }),
      ];
      for (const checked of both) {
        if (common >= Math.max(a.min, b.min)) expect(checked).toEqual({ ok: true, value: common });
        else expect(checked).toMatchObject({ ok: false, reason: "wire-version" });
      }
    }),
  );
});

test("the hello of a node from before ranges is that of one version", () => {
  const old = encodeHello({ versions: { min: 1, max: 1 }, chainId }).subarray(0, 3 + 4 + 32);
  expect(checkHello(old, { versions: { min: 1, max: 2 }, chainId })).toEqual({ ok: true, value: 1 });
  expect(checkHello(old, { versions: { min: 2, max: 3 }, chainId })).toMatchObject({ reason: "wire-version" });
});

test("any bytes are a hello or a refusal, and what later versions append is ignored", () => {
  const own = { versions: { min: 1, max: 1 }, chainId };
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      expect(checkHello(bytes, own).ok).toBe(false);
    }),
  );
  const later = new Uint8Array([...encodeHello(own), 1, 2, 3]);
  expect(checkHello(later, own)).toEqual({ ok: true, value: 1 });
  const inverted = encodeHello({ versions: { min: 3, max: 2 }, chainId });
  expect(checkHello(inverted, own)).toMatchObject({ reason: "malformed" });
});
