import { z } from "zod";
import { type CelRule, cel } from "./fields.ts";

/** A prefix is a DNS name of 253 characters, a name has 63, and a slash stands between. */
const KEY_MAX = 317;
const ENTRIES_MAX = 32;
const KEY = /^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;

/** Whether Kubernetes takes it as the key of a label or an annotation. */
export const isQualifiedName = (key: string): boolean => KEY.test(key);

/** Key of a label as the value of a field, where the schema itself can hold it against the pattern. */
export const labelKeyField = (description: string) => z.string().min(1).max(KEY_MAX).regex(KEY).describe(description);

/** A label's value: empty, or letters and digits with `-`, `_` and `.` between them. */
export const labelValue = z
  .string()
  .max(63)
  .regex(/^([A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)?$/);

/**
 * Keys of maps have no length that the API server knows when it estimates what a rule costs, so no rule can hold them
 * against a pattern: `spec-fault.ts` does, and reports.
 */
export const labelsField = (description: string, ...rules: readonly CelRule[]) =>
  z
    .record(z.string().max(KEY_MAX), labelValue)
    .default({})
    .describe(description)
    .meta({ maxProperties: ENTRIES_MAX, ...cel(...rules) });

export const annotationsField = (description: string, ...rules: readonly CelRule[]) =>
  z
    .record(z.string().max(KEY_MAX), z.string().max(1024))
    .default({})
    .describe(description)
    .meta({ maxProperties: ENTRIES_MAX, ...cel(...rules) });

const reserved = ["app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/managed-by"];

/** What the operator finds its objects by. */
export const oursStay: CelRule = {
  rule: `self.all(key, !key.startsWith('hmn.dev/') && !(key in [${reserved.map((key) => `'${key}'`).join(", ")}]))`,
  message: `keys under hmn.dev/ and ${reserved.join(", ")} belong to the operator: choose another key`,
};
