import { objectSchema } from "../../operator/api/crd.ts";
import { API_VERSION } from "../../operator/api/group.ts";
import { type KindDefinition, kinds } from "../../operator/api/kinds.ts";
import { validApproval, validCluster, validRollout } from "../../operator/api/valid-examples.ts";
import { isStatus } from "../../operator/runtime/api-error.ts";
import type { Resource } from "../../operator/runtime/resource.ts";
import { forEachAtOnce } from "../kit/at-once.ts";
import { claim } from "../kit/claim.ts";
import type { Scenario } from "../scenarios/scenario.ts";
import { example, type Field, fieldsOf, pathText, valuesOf, withField } from "./generated-values.ts";
import { namespaces, type Stand } from "./stand.ts";

/** Fields at a time: nothing is kept of what is tried. */
const AT_ONCE = 4;

/** Valid objects of the kinds for which what their schema requires is not enough. */
const VALID: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  HmnCluster: validCluster(),
  HmnRollout: validRollout(),
  HmnApproval: validApproval({ signer: { username: "admin" } }),
};

export const everyField: Scenario = {
  name: "every-field",
  on: "played",
  asserts: [
    "for every field of every kind, by its schema: values out of its bounds are refused by the API server",
    "whatever the API server takes the operator can read, and every field has a value that is taken",
  ],
  run: async ({ stand, seed, progress }) => {
    const namespace = `fields-${seed}`;
    await stand.verbs.create({ resource: namespaces }, { metadata: { name: namespace } });
    for (const kind of kinds) {
      const spec = VALID[kind.kind]?.spec ?? example(objectSchema(kind).properties?.spec ?? {});
      const wrong: string[] = [];
      let tried = 0;
      await forEachAtOnce(fieldsOf(kind), AT_ONCE, async (field) => {
        const outcome = await tryField(stand, { kind, namespace, spec }, field);
        tried += outcome.tried;
        wrong.push(...outcome.wrong);
        progress.detail(`${kind.kind}: ${pathText(field)}`);
      });
      claim(wrong.length === 0, `${kind.kind}: every value is refused, or read`, wrong);
      progress.say(`${kind.kind}: ${fieldsOf(kind).length} fields, ${tried} values`);
    }
  },
};

type Place = { readonly kind: KindDefinition; readonly namespace: string; readonly spec: unknown };

async function tryField(
  stand: Stand,
  place: Place,
  field: Field,
): Promise<{ readonly tried: number; readonly wrong: readonly string[] }> {
  const { kind } = place;
  const values = valuesOf(field.schema);
  const alone = await taken(stand, place, field, []);
  const beside = alone ? [] : await company(stand, place, field);
  if (beside === undefined)
    return { tried: values.length, wrong: [`${pathText(field)}: none of ${values.length} values is taken`] };
  const wrong: string[] = [];
  for (const { value, sound } of values) {
    const said = `${pathText(field)} = ${JSON.stringify(value)?.slice(0, TEXT_MAX)}`;
    // What stands beside it may be a part of it: that would mend what is wrong on purpose.
    const choices = sound ? [{ field, value }, ...beside] : [...beside, { field, value }];
    const answer = await asIfCreated(stand, place, choices);
    if (answer === undefined) continue;
    if (!sound) wrong.push(`${said}: is taken`);
    const read = kind.spec.safeParse((answer as { spec?: unknown }).spec);
    if (!read.success) wrong.push(`${said}: is taken, but the operator cannot read it: ${read.error.message}`);
  }
  return { tried: values.length, wrong };
}

type Choice = { readonly field: Field; readonly value: unknown };

const soundOf = (field: Field): readonly Choice[] =>
  valuesOf(field.schema).flatMap(({ value, sound }) => (sound ? [{ field, value }] : []));

/** Whether the API server takes any sound value of this field, with these others beside it. */
async function taken(stand: Stand, place: Place, field: Field, beside: readonly Choice[]): Promise<boolean> {
  for (const choice of soundOf(field))
    if ((await asIfCreated(stand, place, [choice, ...beside])) !== undefined) return true;
  return false;
}

/** Rules over several fields want something beside it: one or two others, the nearer the better, found by trying. */
async function company(stand: Stand, place: Place, field: Field): Promise<readonly Choice[] | undefined> {
  const all = fieldsOf(place.kind);
  for (const [up, count, values] of SEARCH) {
    const root = field.path.slice(0, -up);
    const near = all.filter((other) => other !== field && root.every((name, index) => other.path[index] === name));
    const choices = near
      .filter(({ path }) => path.length > root.length)
      .flatMap((one) => (values === "first" ? soundOf(one).slice(0, 1) : soundOf(one)));
    const sets = count === 1 ? choices.map((one) => [one]) : choices.flatMap((one) => choices.map((two) => [one, two]));
    for (const beside of sets.slice(0, SETS_MAX)) if (await taken(stand, place, field, beside)) return beside;
  }
  return undefined;
}
const SETS_MAX = 1_000;
/** How many names above the field, how many others at a time, and which of their values. */
const SEARCH = [
  [1, 1, "first"],
  [2, 1, "first"],
  [3, 1, "first"],
  [1, 1, "all"],
  [2, 1, "all"],
  [1, 2, "all"],
] as const;
const TEXT_MAX = 80;

/** What the API server makes of it, defaults and all, without keeping it; undefined if it is refused. */
async function asIfCreated(
  { client }: Stand,
  { kind, namespace, spec }: Place,
  choices: readonly Choice[],
): Promise<unknown> {
  const resource: Resource = { apiVersion: API_VERSION, kind: kind.kind, plural: kind.plural, namespaced: true };
  const changed = choices.reduce((before, { field, value }) => withField(kind, before, field, value), spec);
  // An HmnRollout is named after its cluster.
  const { cluster = "example" } = changed as { readonly cluster?: unknown };
  const name = kind.kind === "HmnCluster" ? "example" : `${cluster}-1`;
  const body = { apiVersion: API_VERSION, kind: kind.kind, metadata: { name }, spec: changed };
  try {
    const query = { dryRun: "All", fieldValidation: "Strict" };
    return await client.json({ method: "POST", place: { resource, namespace }, query, body });
  } catch (error) {
    if (!isStatus(error, 400, 403, 422)) throw error;
    return undefined;
  }
}
