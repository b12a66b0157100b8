import { objectSchema, type Schema } from "../../operator/api/crd.ts";
import type { KindDefinition } from "../../operator/api/kinds.ts";

/** A field of a kind: names and, for the first item of a list or the first entry of a map, `0` and `example`. */
export type Field = { readonly path: readonly (string | number)[]; readonly schema: Schema };
/** `sound`: no rule of the field's own schema is broken; rules over several fields may still refuse it. */
export type Value = { readonly value: unknown; readonly sound: boolean };

/** Texts that the patterns of our schemas are tried on. A new pattern that none of them fits needs another one. */
const TEXTS = [
  ...["a", "example", "1", "500m", "2Gi", "1.4.0", "A", "IfNotPresent", "hmn.dev/example", "example.com/role"],
  ...["local/hmn-node:1.1.0", "ab".repeat(32), "18446744073709551617", "10.0.0.0/8", "fd00::/8", "10.0.0.7"],
  // Whom the API server takes a stand's requests for: nobody signs for somebody else.
  "admin",
  ...["09:30", "2026-01-01T00:00:00Z", "Europe/Berlin", "https://example.com", "0 3 * * *"],
];
/** Fits none of the patterns. */
const NONSENSE = " no\nsense ";
const KEY = "example";

/** Every field of the spec, parents before their parts. */
export function fieldsOf(kind: KindDefinition): readonly Field[] {
  const spec = objectSchema(kind).properties?.spec ?? {};
  const walk = (schema: Schema, path: Field["path"]): readonly Field[] => [
    ...(path.length === 0 ? [] : [{ path, schema }]),
    ...Object.entries(schema.properties ?? {}).flatMap(([name, inner]) => walk(inner, [...path, name])),
    ...(schema.items === undefined ? [] : walk(schema.items, [...path, 0])),
    ...(schema.additionalProperties === undefined ? [] : walk(schema.additionalProperties, [...path, KEY])),
  ];
  return walk(spec, []);
}

/** Valid, edge and invalid values for a field. */
export function valuesOf(schema: Schema): readonly Value[] {
  const wrong = { value: schema.type === "string" ? 7 : "text", sound: false };
  return [...ownValues(schema), wrong];
}

function ownValues(schema: Schema): readonly Value[] {
  const { type, enum: allowed, minimum = 0, maximum, minItems = 0, maxItems, maxProperties } = schema;
  const sound = (...values: readonly unknown[]): readonly Value[] => values.map((value) => ({ value, sound: true }));
  const unsound = (...values: readonly unknown[]): readonly Value[] => values.map((value) => ({ value, sound: false }));
  if (allowed !== undefined) return [...sound(...allowed), ...unsound("Nonsense")];
  switch (type) {
    case "boolean":
      return sound(true, false);
    case "integer":
      return [
        ...sound(minimum, minimum + 1, ...(maximum === undefined ? [] : [maximum])),
        ...unsound(
          ...(schema.minimum === undefined ? [] : [minimum - 1]),
          ...(maximum === undefined ? [] : [maximum + 1]),
        ),
      ];
    case "string":
      return stringValues(schema);
    case "array": {
      const item = example(schema.items ?? {});
      const most = maxItems ?? 0;
      return [
        ...(minItems === 0 ? sound([]) : unsound([])),
        ...sound([item]),
        ...unsound(Array.from({ length: most + 1 }, () => item)),
      ];
    }
    case "object": {
      if (schema.additionalProperties === undefined) return sound(example(schema));
      const entry = example(schema.additionalProperties);
      const many = Array.from({ length: (maxProperties ?? 0) + 1 }, (_, index) => [`${KEY}${index}`, entry]);
      return [...sound({}, { [KEY]: entry }), ...unsound(Object.fromEntries(many))];
    }
    default:
      throw new Error(`no values are known for the type ${type}`);
  }
}

function stringValues({ pattern, format, minLength = 0, maxLength = 0 }: Schema): readonly Value[] {
  const fits = (text: string): boolean =>
    text.length >= minLength &&
    text.length <= maxLength &&
    (pattern === undefined || new RegExp(pattern).test(text)) &&
    (format !== "date-time" || !Number.isNaN(Date.parse(text)));
  const texts = [...TEXTS, "a".repeat(maxLength), "1".repeat(maxLength), ""].filter(fits);
  if (texts.length === 0) throw new Error(`no text fits the pattern ${pattern}: add one`);
  return [
    ...[...new Set(texts)].map((value) => ({ value, sound: true })),
    { value: "a".repeat(maxLength + 1), sound: false },
    ...(pattern === undefined ? [] : [{ value: NONSENSE, sound: false }]),
  ];
}

/** The smallest sound value: of an object, what it requires. */
export function example(schema: Schema): unknown {
  if (schema.default !== undefined) return schema.default;
  if (schema.type === "object" && schema.additionalProperties === undefined)
    return Object.fromEntries((schema.required ?? []).map((name) => [name, example(schema.properties?.[name] ?? {})]));
  if (schema.type === "array" && (schema.minItems ?? 0) > 0) return [example(schema.items ?? {})];
  return ownValues(schema).find(({ sound }) => sound)?.value;
}

/** The spec with one field changed; parents that are not there yet get what they require. */
export function withField(kind: KindDefinition, spec: unknown, { path }: Field, value: unknown): unknown {
  const set = (schema: Schema, before: unknown, rest: Field["path"]): unknown => {
    const [name, ...deeper] = rest;
    if (name === undefined) return value;
    if (typeof name === "number") {
      const [first, ...others] = Array.isArray(before) ? before : [];
      return [set(schema.items ?? {}, first, deeper), ...others];
    }
    const inner = schema.properties?.[name] ?? schema.additionalProperties ?? {};
    const fields = (before ?? example(schema) ?? {}) as Readonly<Record<string, unknown>>;
    return { ...fields, [name]: set(inner, fields[name], deeper) };
  };
  return set(objectSchema(kind).properties?.spec ?? {}, spec, path);
}

export const pathText = ({ path }: Field): string => `spec.${path.join(".")}`;
