import type { ClusterSpec } from "../api/cluster.ts";
import { shortHash } from "./hash.ts";

/** What the user can change about a pod. Two specs with equal inputs are the same release. */
export type Inputs = Pick<ClusterSpec, "version" | "image" | "environment" | "resources" | "placement">;

export const inputsOf = (spec: ClusterSpec): Inputs => ({
  version: spec.version,
  image: spec.image,
  // By name: the order of variables is no difference between releases.
  environment: spec.environment.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  resources: spec.resources,
  placement: spec.placement,
});

export const revisionOf = (inputs: Inputs): string => shortHash(inputs);

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
  return changes.length === 0 ? "no difference of inputs" : changes.join(", ");
}
