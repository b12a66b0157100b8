import { createHash } from "node:crypto";

/** JSON with sorted keys and without undefined fields: equal values give equal text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, field]) => `${JSON.stringify(key)}:${canonicalJson(field)}`);
    return `{${fields.join(",")}}`;
  }
  return JSON.stringify(value);
}

/** Whether two values are the same JSON; a field that is undefined counts as absent. */
export function equalJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [fields, others] = [a as Fields, b as Fields];
  for (const key of Object.keys(fields)) if (!equalJson(fields[key], others[key])) return false;
  for (const key of Object.keys(others)) if (others[key] !== undefined && fields[key] === undefined) return false;
  return true;
}
type Fields = Readonly<Record<string, unknown>>;

/** Ten hexadecimal digits of SHA-256: short enough for names and labels. */
export const shortHash = (value: unknown): string =>
  createHash("sha256").update(canonicalJson(value)).digest("hex").slice(0, 10);
