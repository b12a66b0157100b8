import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { objectSchema, type Schema } from "./crd.ts";
import { generatedFiles, repositoryRoot } from "./generate.ts";
import { invalidExamples } from "./invalid-examples.ts";
import { kinds } from "./kinds.ts";

type Found = { readonly path: string; readonly schema: Schema; readonly field: boolean };

/** The schema and all schemas in it. */
function* walk(schema: Schema, path: string, field = true): Generator<Found> {
  yield { path, schema, field };
  for (const [name, inner] of Object.entries(schema.properties ?? {})) yield* walk(inner, `${path}.${name}`);
  if (schema.items !== undefined) yield* walk(schema.items, `${path}[]`, false);
  if (schema.additionalProperties !== undefined) yield* walk(schema.additionalProperties, `${path}[*]`, false);
}

describe.each(kinds)("the schema of $kind", (kind) => {
  const found = [...walk(objectSchema(kind), kind.kind)];

  test("describes every field", () => {
    const undescribable = `${kind.kind}.metadata`;
    const silent = found.filter(
      ({ path, schema, field }) => field && path !== undescribable && !/^[A-Z].{7,}/.test(schema.description ?? ""),
    );
    expect(silent.map(({ path }) => path)).toEqual([]);
  });

  test("bounds every string, list, map and number", () => {
    const unbounded = found.filter(({ schema }) => {
      switch (schema.type) {
        case "string":
          return schema.maxLength === undefined && schema.enum === undefined;
        case "array":
          return schema.maxItems === undefined;
        case "integer":
          return schema.minimum === undefined || (schema.maximum === undefined && schema.format !== "int64");
        case "object":
          return schema.additionalProperties !== undefined && schema.maxProperties === undefined;
        default:
          return schema.type !== "boolean";
      }
    });
    expect(unbounded.map(({ path }) => path)).toEqual([]);
  });

  test("says for every list how server-side apply merges it", () => {
    const lists = found.filter(({ schema }) => schema.type === "array");
    expect(
      lists.filter(({ schema }) => schema["x-kubernetes-list-type"] === undefined).map(({ path }) => path),
    ).toEqual([]);
  });

  test("ends each rule's message with a remedy, and has an example that breaks it", () => {
    const rules = found.flatMap(({ schema }) => schema["x-kubernetes-validations"] ?? []);
    expect(rules.length).toBeGreaterThan(0);
    for (const { message } of rules) {
      expect(message).toMatch(/must|cannot be changed|: \w+/);
      expect(
        invalidExamples.filter(({ expect: part }) => message.includes(part)),
        message,
      ).not.toEqual([]);
    }
  });
});

test("the walk over the schemas finds lists", () => {
  const all = kinds.flatMap((kind) => [...walk(objectSchema(kind), kind.kind)]);
  expect(all.filter(({ schema }) => schema.type === "array").length).toBeGreaterThan(10);
});

test.each([...generatedFiles()])("%s is up to date (else: npm run generate)", (path, text) => {
  expect(readFileSync(join(repositoryRoot, path), "utf8")).toBe(text);
});
