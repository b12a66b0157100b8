import { z } from "zod";
import { assert } from "../../node/base/assert.ts";
import type { CelRule } from "./fields.ts";
import { GROUP, VERSION } from "./group.ts";
import type { KindDefinition } from "./kinds.ts";

/** The part of OpenAPI v3 that a structural schema of a CustomResourceDefinition may use. */
export type Schema = {
  description?: string;
  type?: string;
  format?: string;
  default?: unknown;
  enum?: unknown[];
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
  maxProperties?: number;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema;
  items?: Schema;
  required?: string[];
  "x-kubernetes-list-type"?: string;
  "x-kubernetes-list-map-keys"?: string[];
  "x-kubernetes-validations"?: CelRule[];
};

const copied = [
  "description",
  "type",
  "format",
  "default",
  "enum",
  "pattern",
  "minLength",
  "maxLength",
  "minimum",
  "maximum",
  "minItems",
  "maxItems",
  "maxProperties",
  "required",
  "x-kubernetes-list-type",
  "x-kubernetes-list-map-keys",
  "x-kubernetes-validations",
] as const;
/** Handled below, or without meaning for the API server. */
const handled = ["$schema", "properties", "additionalProperties", "propertyNames", "items"];

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** JSON Schema as zod writes it → structural schema. What has no structural form is a mistake in our own schema: it throws. */
export function structural(json: unknown, path: string): Schema {
  assert(isObject(json), `${path} is a schema object`);
  for (const key of Object.keys(json)) {
    assert(handled.includes(key) || copied.some((known) => known === key), `${path}: ${key} has a structural form`);
  }
  const schema: Record<string, unknown> = {};
  for (const key of copied) if (json[key] !== undefined) schema[key] = json[key];
  if (schema.type === "integer") {
    // zod bounds every integer by what a double can hold exactly; for the API server that is just a 64-bit integer.
    if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
    if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
    if (schema.maximum === undefined) schema.format = "int64";
  }
  const result: Schema = schema;
  if (isObject(json.properties)) {
    result.properties = {};
    for (const [name, value] of Object.entries(json.properties)) {
      result.properties[name] = structural(value, `${path}.${name}`);
    }
  }
  if (isObject(json.additionalProperties)) {
    result.additionalProperties = structural(json.additionalProperties, `${path}[*]`);
    result["x-kubernetes-validations"] = [...(result["x-kubernetes-validations"] ?? []), ...keyRules(json, path)];
  }
  if (isObject(result.default)) result.default = filled(result.default, result.properties ?? {});
  if (json.items !== undefined) result.items = structural(json.items, `${path}[]`);
  return result;
}

/** The API server checks a default against the rules without filling in the defaults inside it: they have to be there. */
function filled(value: Json, properties: Record<string, Schema>): Json {
  const whole: Json = { ...value };
  for (const [name, { default: inner }] of Object.entries(properties)) {
    if (inner !== undefined && whole[name] === undefined) whole[name] = inner;
  }
  return whole;
}

/** Structural schemas have no `propertyNames`; a rule says the same. */
function keyRules(json: Json, path: string): readonly CelRule[] {
  const names = json.propertyNames;
  const longest = isObject(names) ? names.maxLength : undefined;
  assert(typeof longest === "number", `${path}: keys have a maximum length`);
  const field = path.split(".").slice(1).join(".");
  return [
    {
      rule: `self.all(key, size(key) <= ${longest})`,
      message: `keys of ${field} must be at most ${longest} characters: shorten them`,
    },
  ];
}

/** The structural schema of a whole object of this kind. */
export function objectSchema(kind: KindDefinition): Schema {
  const part = (schema: z.ZodType, name: string) =>
    structural(z.toJSONSchema(schema, { io: "input" }), `${kind.kind}.${name}`);
  return {
    description: kind.description,
    type: "object",
    required: ["spec"],
    properties: {
      apiVersion: { description: "Version of the API that the object is written in.", type: "string", maxLength: 64 },
      kind: { description: "Kind of the object.", type: "string", maxLength: 64 },
      // The API server's own; it takes no description here.
      metadata: { type: "object" },
      spec: part(kind.spec, "spec"),
      status: part(kind.status, "status"),
    },
    "x-kubernetes-validations": [...kind.rules],
  };
}

/** The CustomResourceDefinition. */
export function customResourceDefinition(kind: KindDefinition) {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${kind.plural}.${GROUP}`, labels: { "app.kubernetes.io/name": "hmn-operator" } },
    spec: {
      group: GROUP,
      scope: "Namespaced",
      names: {
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        plural: kind.plural,
        singular: kind.singular,
        shortNames: [kind.shortName],
        // Not `hmn`: kubectl would take it for the category instead of the short name.
        categories: ["harmonic-mesh"],
      },
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          subresources: { status: {}, ...(kind.scale === undefined ? {} : { scale: kind.scale }) },
          additionalPrinterColumns: kind.columns,
          ...(kind.selectable.length > 0
            ? { selectableFields: kind.selectable.map((jsonPath) => ({ jsonPath })) }
            : {}),
          schema: { openAPIV3Schema: objectSchema(kind) },
        },
      ],
    },
  };
}
