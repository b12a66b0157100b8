import { describe, expect, it } from "vitest";
import { fromHex, toHex } from "../base/bytes.ts";
import { type Finding, fuzz, tryInput } from "./fuzz.ts";
import { KEPT } from "./kept.ts";
import { hold, type Target } from "./target.ts";
import { TARGETS } from "./targets.ts";

const RUNS = 1_500;
const SEED = 1;
const told = (finding: Finding | undefined): string | undefined =>
  finding === undefined
    ? undefined
    : `${finding.what}: npm run fuzz -- --target ${finding.target} --seed ${SEED}: ${toHex(finding.input)}`;

describe("outside bytes", () => {
  it.each(TARGETS)("break nothing: $name", (target) => {
    const report = fuzz(target, { runs: RUNS, seed: SEED });
    expect(told(report.finding)).toBeUndefined();
    // A mutator whose inputs all end in one way tests one way.
    expect(report.outcomes).toBeGreaterThan(2);
  });

  it.each(KEPT)("break nothing any more: $target, $why", ({ target, hex }) => {
    const found = TARGETS.find(({ name }) => name === target) ?? expect.fail(`no target ${target}`);
    expect(told(tryInput(found, fromHex(hex) ?? expect.fail("not hexadecimal")))).toBeUndefined();
  });
});

describe("the fuzzer finds", () => {
  const target = (run: Target["run"], more: Partial<Target> = {}): Target => ({
    name: "planted",
    samples: [Uint8Array.of(1, 2, 3, 4)],
    run,
    ...more,
  });
  const found = (planted: Target) => fuzz(planted, { runs: 20_000, seed: SEED }).finding;

  it("what throws, and makes it short", () => {
    const finding = found(
      target((input) => {
        if (input.length > 4 && input[0] === 255) throw new RangeError("planted");
        return `${input.length > 4}`;
      }),
    );
    expect(finding?.what).toBe("throws RangeError: planted");
    expect(finding?.input.length).toBe(5);
  });

  it("an accepted input that breaks a promise", () => {
    const finding = found(
      target((input) => {
        hold(input[1] !== 0x7f, "planted promise");
        return "ok";
      }),
    );
    expect(finding?.what).toBe("broken: planted promise");
  });

  it("memory that one input takes", () => {
    const hoard = target((input) => String((input[0] === 0 ? new Uint8Array(2 ** 27 + 1) : input).length % 2));
    expect(found(hoard)?.what).toMatch(/^takes \d+ bytes$/);
  });

  it("memory that is left behind", () => {
    const left: Uint8Array[] = [];
    expect(found(target(() => String(left.push(new Uint8Array(32_768)) % 2)))?.what).toMatch(/bytes are left behind$/);
  });

  it("what only a changed JSON value reaches", () => {
    const finding = found(
      target(
        (input) => {
          // As a whole: changed bytes alone would have to come upon two right ones side by side.
          hold(new TextDecoder().decode(input) !== '{"a":-1,"b":[1,2]}', "planted");
          return "ok";
        },
        { json: true, samples: [new TextEncoder().encode('{"a":"x","b":[1,2]}')] },
      ),
    );
    expect(finding?.what).toBe("broken: planted");
  });

  it("the same under the same seed", () => {
    const inputs = (): string[] => {
      const seen: string[] = [];
      const counted = target((input) => String(seen.push(toHex(input)) % 3));
      fuzz(counted, { runs: 200, seed: 7 });
      return seen;
    };
    expect(inputs()).toEqual(inputs());
  });
});
