import { z } from "zod";
import type { Route } from "./route.ts";
import { ROUTES } from "./routes.ts";

/** The OpenAPI 3.1 description of the JSON API, made from the schemas that its requests and answers are checked with. */
export function openApi(version: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of ROUTES) {
    const operations = paths[route.path] ?? {};
    operations[route.method.toLowerCase()] = operation(route);
    paths[route.path] = operations;
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "HMN node",
      version,
      description:
        "The ledger as JSON: one node's word about executed blocks, and the memory mesh. 64- and 128-bit numbers are decimal texts. Every refusal says in `error` what is wrong and in `field` where.",
    },
    paths,
  };
}

function operation(route: Route): object {
  const { body } = route;
  return {
    summary: route.summary,
    parameters: [...parametersIn("path", route.params), ...parametersIn("query", route.query)],
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            description: `${body.description} At most ${body.maxBytes} bytes.`,
            content: { [body.type]: { schema: { type: "string", format: "binary" } } },
          },
        }),
    responses: Object.fromEntries(
      Object.entries(route.answers).map(([code, { description, schema }]) => [
        code,
        { description, content: contentOf(schema) },
      ]),
    ),
  };
}

function parametersIn(place: "path" | "query", input: z.ZodObject): object[] {
  return Object.entries(input.shape).map(([name, schema]) => {
    const { description, ...rest } = jsonSchema(z.object({ [name]: schema })).properties?.[name] ?? {};
    return {
      name,
      in: place,
      required: place === "path",
      ...(description === undefined ? {} : { description }),
      schema: rest,
    };
  });
}

function contentOf(schema: Route["answers"][number]["schema"]): object {
  if (schema === "events") return { "text/event-stream": { schema: { type: "string" } } };
  return { "application/json": { schema: schema === "any" ? { type: "object" } : jsonSchema(schema) } };
}

type JsonSchema = { readonly properties?: Readonly<Record<string, { readonly description?: string }>> };

/** The side of the wire: texts, before anything is made of them. */
function jsonSchema(schema: z.ZodType): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: "input" });
  return rest as JsonSchema;
}
