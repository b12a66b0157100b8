import { z } from "zod";

/** As much of an OpenAPI document as tests read. */
const documentSchema = z.object({
  openapi: z.literal("3.1.0"),
  paths: z.record(
    z.string(),
    z.partialRecord(
      z.enum(["get", "post", "put", "delete"]),
      z.object({
        summary: z.string().min(1),
        parameters: z.array(z.object({ name: z.string(), in: z.enum(["path", "query"]), schema: z.looseObject({}) })),
        responses: z.record(
          z.string(),
          z.object({
            description: z.string().min(1),
            content: z.record(z.string(), z.object({ schema: z.looseObject({}) })),
          }),
        ),
      }),
    ),
  ),
});
export type OpenApiDocument = z.output<typeof documentSchema>;

export const parseOpenApi = (text: string): OpenApiDocument => documentSchema.parse(JSON.parse(text));

/** Throws unless the document knows this answer: path, method, code, and the body's shape, with no field that it does not name. */
export function checkAnswer(
  document: OpenApiDocument,
  {
    method = "get",
    path,
    code,
    body,
  }: { method?: "get" | "post" | "put" | "delete"; path: string; code: number; body: string },
): void {
  const [route] = path.split("?");
  const template = Object.keys(document.paths).find((known) =>
    new RegExp(`^${known.replaceAll(/{\w+}/g, "[^/]+")}$`).test(route ?? ""),
  );
  const answer = document.paths[template ?? ""]?.[method]?.responses[`${code}`];
  if (answer === undefined) throw new Error(`${method} ${path} answered ${code}, which is not described`);
  const schema = answer.content["application/json"]?.schema;
  if (schema === undefined) throw new Error(`${method} ${path} has no JSON for ${code}`);
  z.fromJSONSchema(closed(schema) as Parameters<typeof z.fromJSONSchema>[0]).parse(JSON.parse(body));
}

/** The same schema without room for unnamed fields, so that an answer with more than is described is found. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== "object" || schema === null) return schema;
  const inner = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]));
  return "properties" in inner ? { ...inner, additionalProperties: false } : inner;
}
