import { quantity } from "../api/quantity.ts";

/** Fields whose text is a quantity: the API server writes 1024Mi as 1Gi. */
const quantityFields = ["cpu", "memory", "storage", "sizeLimit"];
/** Lists that Kubernetes merges by key, so that others may add entries to them: each of ours must be there. */
const mergedLists: Readonly<Record<string, readonly string[]>> = {
  containers: ["name"],
  initContainers: ["name"],
  env: ["name"],
  volumes: ["name"],
  volumeMounts: ["mountPath"],
  topologySpreadConstraints: ["topologyKey", "whenUnsatisfiable"],
  ownerReferences: ["uid"],
};

/**
 * Whether an object of the API server has everything that we want of it. What it has beyond that (defaults, other
 * managers' fields) is not ours; so a steady cluster needs no write, and an edit of our fields is seen.
 */
export const fulfils = (actual: unknown, wanted: unknown): boolean => holds(actual, wanted, "");

function holds(actual: unknown, wanted: unknown, field: string): boolean {
  if (wanted === undefined) return true;
  if (Array.isArray(wanted)) return holdsList(actual, wanted, field);
  if (typeof wanted === "object" && wanted !== null) {
    const fields = Object.entries(wanted).filter(([, value]) => value !== undefined);
    // An empty object is often dropped on the way.
    if (actual === undefined || actual === null) return fields.length === 0;
    if (typeof actual !== "object") return false;
    const have = actual as Readonly<Record<string, unknown>>;
    return fields.every(([key, value]) => holds(have[key], value, key));
  }
  // Empty text is left out of JSON by the API server.
  if (actual === wanted || (actual === undefined && wanted === "")) return true;
  if (!quantityFields.includes(field)) return false;
  const [a, b] = [quantity(actual), quantity(wanted)];
  return a !== undefined && a === b;
}

function holdsList(actual: unknown, wanted: readonly unknown[], field: string): boolean {
  const have: readonly unknown[] = Array.isArray(actual) ? actual : [];
  const keys = mergedLists[field];
  if (keys === undefined)
    return have.length === wanted.length && wanted.every((item, index) => holds(have[index], item, field));
  return wanted.every((item) =>
    have.some((other) => keys.every((key) => same(other, item, key)) && holds(other, item, "")),
  );
}

const same = (a: unknown, b: unknown, key: string): boolean =>
  (a as Readonly<Record<string, unknown>>)[key] === (b as Readonly<Record<string, unknown>>)[key];
