import type { Random } from "../base/random.ts";

/** Values that stand where something else was meant. */
const STRANGERS: readonly unknown[] = [
  null,
  true,
  "",
  "0",
  "-1",
  "00",
  "1e3",
  "340282366920938463463374607431768211456",
  "18446744073709551616",
  "a".repeat(64),
  "A".repeat(64),
  "x".repeat(10_000),
  "\u0000\ud800",
  0,
  -1,
  0.5,
  1e21,
  2 ** 53,
  [],
  {},
  [[[[]]]],
  { __proto__: null, constructor: 1 },
];

/** A JSON text with one to three of its values replaced, dropped, doubled, or given a name that nobody knows. */
export function mutateJson(text: string, random: Random): string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return text;
  }
  for (let rounds = 1 + random.below(3); rounds > 0; rounds--) value = changed(value, random);
  return JSON.stringify(value);
}

function changed(value: unknown, random: Random): unknown {
  if (random.oneIn(6) || value === null || typeof value !== "object") return leaf(value, random);
  const entries: [string, unknown][] = Object.entries(value);
  if (entries.length === 0) return random.pick(STRANGERS);
  const at = random.below(entries.length);
  const [name, inner] = entries[at] ?? ["", null];
  const rest = [...entries];
  switch (random.below(6)) {
    case 0:
      rest.splice(at, 1);
      break;
    case 1:
      rest.push([Array.isArray(value) ? String(rest.length) : random.pick(["__proto__", "toString", name]), inner]);
      break;
    default:
      rest[at] = [name, changed(inner, random)];
  }
  return Array.isArray(value) ? rest.map(([, each]) => each) : Object.fromEntries(rest);
}

function leaf(value: unknown, random: Random): unknown {
  if (typeof value === "string" && random.oneIn(2)) {
    const at = random.below(value.length + 1);
    return random.oneIn(2)
      ? value.slice(0, at)
      : `${value.slice(0, at)}${random.pick(["0", "f", "-", "\n"])}${value.slice(at)}`;
  }
  if (typeof value === "number" && random.oneIn(2)) return value + random.below(5) - 2;
  return random.pick(STRANGERS);
}
