import { z } from "zod";

/** One rule that the API server evaluates; the message names the remedy. */
export type CelRule = { rule: string; message: string; fieldPath?: string; reason?: string };

/** Attaches CEL rules to a schema; they appear in the CRD as `x-kubernetes-validations`. */
export const cel = (...rules: readonly CelRule[]) => ({ "x-kubernetes-validations": rules });
/** Marks an array as a map by `keys` for server-side apply. */
export const listMap = (...keys: readonly string[]) => ({
  "x-kubernetes-list-type": "map",
  "x-kubernetes-list-map-keys": keys,
});
export const atomicList = { "x-kubernetes-list-type": "atomic" } as const;

export const immutable = (what: string): CelRule => ({
  rule: "self == oldSelf",
  message: `${what} cannot be changed after creation: make a new HmnCluster instead`,
});

export const hexField = (bytes: number, description: string) =>
  z
    .string()
    .length(2 * bytes)
    .regex(/^[0-9a-f]+$/)
    .describe(description);

export const timeField = (description: string) =>
  z.string().max(32).describe(description).meta({ format: "date-time" });
export const positiveQuantity: CelRule = {
  rule: "quantity(self).isGreaterThan(quantity('0'))",
  message: "the quantity must be more than zero, e.g. 500m or 1Gi",
};
/** A Kubernetes quantity as a string, e.g. `500m` or `1Gi`. */
export const quantityField = (description: string) =>
  z
    .string()
    .max(32)
    .regex(/^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$/)
    .describe(description)
    .meta(cel(positiveQuantity));
