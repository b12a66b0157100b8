import { describe, expect, it } from "vitest";
import type { Result } from "../base/result.ts";
import { fc } from "../base/test-property.ts";

/** One codec: arbitrary values of it, how they become bytes and what reading says of bytes. */
export type Codec<T> = {
  readonly values: fc.Arbitrary<T>;
  readonly encode: (value: T) => Uint8Array;
  readonly parse: (bytes: Uint8Array) => Result<T>;
  /** A value may have no bytes at all, so that nothing can be cut off. */
  readonly mayBeEmpty?: true;
};

/** One to three bytes turned, cut off, put in or added. */
const change = fc.oneof(
  fc.record({ how: fc.constant("turn" as const), at: fc.nat(), by: fc.integer({ min: 1, max: 255 }) }),
  fc.record({ how: fc.constant("cut" as const), at: fc.nat(), by: fc.nat(8) }),
  fc.record({ how: fc.constant("insert" as const), at: fc.nat(), by: fc.integer({ min: 0, max: 255 }) }),
);
export const changes = fc.array(change, { minLength: 1, maxLength: 3 });

export function changed(
  bytes: Uint8Array,
  list: readonly { how: "turn" | "cut" | "insert"; at: number; by: number }[],
): Uint8Array {
  let result = [...bytes];
  for (const { how, at, by } of list) {
    const place = at % (result.length + 1);
    if (how === "turn") result = result.map((byte, index) => (index === place ? byte ^ by : byte));
    else if (how === "cut") result.splice(place, by);
    else result.splice(place, 0, by);
  }
  return Uint8Array.from(result);
}

/** What holds of every codec: values come back, and nothing but their one encoding is read as them. */
export function describeCodec<T>(name: string, { values, encode, parse, mayBeEmpty }: Codec<T>): void {
  describe(`a ${name}`, () => {
    it("comes back from its bytes as it was", () => {
      fc.assert(
        fc.property(values, (value) => {
          expect(parse(encode(value))).toEqual({ ok: true, value });
        }),
      );
    });

    it("is refused when it is cut or longer", () => {
      fc.assert(
        fc.property(values, fc.nat(), (value, cut) => {
          const bytes = encode(value);
          fc.pre(bytes.length > 0 || mayBeEmpty !== true);
          const length = cut % bytes.length;
          if (length > 0 || mayBeEmpty !== true) expect(parse(bytes.subarray(0, length)).ok).toBe(false);
          expect(parse(Uint8Array.from([...bytes, 0])).ok).toBe(false);
        }),
      );
    });

    it("has one encoding: changed bytes are refused or mean what they say", () => {
      fc.assert(
        fc.property(values, changes, (value, list) => {
          const mutated = changed(encode(value), list);
          const parsed = parse(mutated);
          if (parsed.ok) expect(encode(parsed.value)).toEqual(mutated);
        }),
        { numRuns: 300 },
      );
    });
  });
}
