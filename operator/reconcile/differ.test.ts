import { expect, test } from "vitest";
import { fulfils } from "./differ.ts";

test.each([
  ["defaults and others' fields are not ours", { a: 1, added: true }, { a: 1 }, true],
  ["an edited field", { a: 2 }, { a: 1 }, false],
  ["a missing object", undefined, { a: 1 }, false],
  ["a missing empty object", {}, { selector: {} }, true],
  ["empty text is left out", { env: [{ name: "A" }] }, { env: [{ name: "A", value: "" }] }, true],
  ["an undefined wish", {}, { a: undefined }, true],
  ["atomic lists compare as a whole", { args: ["start", "more"] }, { args: ["start"] }, false],
  [
    "merged lists may have more",
    { env: [{ name: "B" }, { name: "A", value: "1" }] },
    { env: [{ name: "A", value: "1" }] },
    true,
  ],
  ["merged lists need ours", { env: [{ name: "A", value: "2" }] }, { env: [{ name: "A", value: "1" }] }, false],
  [
    "quantities are numbers",
    { limits: { memory: "1Gi", cpu: "1" } },
    { limits: { memory: "1024Mi", cpu: "1000m" } },
    true,
  ],
  ["other quantities differ", { limits: { memory: "1G" } }, { limits: { memory: "1Gi" } }, false],
  ["text that looks like a quantity is text", { value: "1" }, { value: "1000m" }, false],
])("%s", (_, actual, wanted, expected) => {
  expect(fulfils(actual, wanted)).toBe(expected);
});
