import { createMemory } from "../../node/base/memory.ts";
import type { ClusterSpec } from "../api/cluster.ts";
import { equalJson, shortHash } from "./hash.ts";

/** Fields that are in the inputs only where the user gives them. */
type Given<T> = { readonly [Field in keyof T]?: T[Field] };
type Placement = ClusterSpec["placement"];

/**
 * What the user can change about a pod. Two specs with equal inputs are the same release, so every change of these is rolled
 * out, and no change of anything else is: Services, policies and guards of rollouts restart nothing.
 */
export type Inputs = Pick<ClusterSpec, "version" | "image" | "environment" | "resources"> & {
  readonly placement: Pick<Placement, "allowSharedHosts" | "nodeSelector"> &
    Given<Omit<Placement, "allowSharedHosts" | "nodeSelector">>;
  readonly pods?: Given<ClusterSpec["pods"]>;
  /** Cannot change any more once there is a network; before, what was tried with another backup begins anew. */
  readonly restoreFrom?: ClusterSpec["restoreFrom"];
};

/**
 * The first version's fields stand here always. One that was added since is left out where nothing is given: otherwise an
 * upgrade of the operator would make every cluster's inputs a new release.
 */
export const inputsOf = (spec: ClusterSpec): Inputs => knownInputs(spec, "", [], () => readInputs(spec));
const knownInputs = createMemory<Inputs>();

function readInputs(spec: ClusterSpec): Inputs {
  const { allowSharedHosts, nodeSelector, ...addedPlacement } = spec.placement;
  const pods = given(spec.pods);
  return {
    version: spec.version,
    image: spec.image,
    // By name: the order of variables is no difference between releases.
    environment: spec.environment.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    resources: spec.resources,
    placement: { allowSharedHosts, nodeSelector, ...given(addedPlacement) },
    ...(Object.keys(pods).length === 0 ? {} : { pods }),
    ...(spec.restoreFrom === undefined ? {} : { restoreFrom: spec.restoreFrom }),
  };
}

/** Without what is absent or empty. */
const given = <T extends object>(fields: T): Given<T> =>
  Object.fromEntries(
    Object.entries(fields).filter(
      ([, value]) => value !== undefined && !(typeof value === "object" && Object.keys(value).length === 0),
    ),
  ) as Given<T>;

export const revisionOf = (inputs: Inputs): string => knownRevisions(inputs, "", [], () => shortHash(inputs));
const knownRevisions = createMemory<string>();

/** The difference of two releases in words. Values of variables stay out: somebody may have put a secret there after all. */
export function describeDifference(from: Inputs | undefined, to: Inputs): string {
  if (from === undefined) return `version ${to.version}, image ${to.image.reference}`;
  const changes: string[] = [];
  const changed = (what: string, before: string, after: string) => {
    if (before !== after) changes.push(`${what} ${before} -> ${after}`);
  };
  changed("version", from.version, to.version);
  changed("image", from.image.reference, to.image.reference);
  changed("pull policy", from.image.pullPolicy, to.image.pullPolicy);
  changed("cpu", from.resources.cpu, to.resources.cpu);
  changed("memory", from.resources.memory, to.resources.memory);
  const before = new Map(from.environment.map(({ name, value }) => [name, value]));
  const after = new Map(to.environment.map(({ name, value }) => [name, value]));
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    if (!after.has(name)) changes.push(`environment ${name} removed`);
    else if (!before.has(name)) changes.push(`environment ${name} added`);
    else if (before.get(name) !== after.get(name)) changes.push(`environment ${name} changed`);
  }
  if (shortHash(from.placement) !== shortHash(to.placement)) changes.push("placement changed");
  if (!equalJson(from.restoreFrom, to.restoreFrom)) changes.push("restoreFrom changed");
  const pods = { ...from.pods, ...to.pods };
  for (const field of Object.keys(pods).toSorted() as (keyof typeof pods)[])
    if (!equalJson(from.pods?.[field], to.pods?.[field])) changes.push(`pods.${field} changed`);
  return changes.length === 0 ? "no difference of inputs" : changes.join(", ");
}
