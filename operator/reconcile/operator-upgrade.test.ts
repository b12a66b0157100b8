import { expect, test } from "vitest";
import { type Random, seededRandom } from "../../node/base/random.ts";
import { type ClusterSpec, type ClusterSpecInput, clusterSpecSchema } from "../api/cluster.ts";
import { shortHash } from "../desired/hash.ts";
import type { Inputs } from "../desired/inputs.ts";
import { revisionObject, storedRevisions } from "../desired/revision.ts";
import { statefulSet } from "../desired/stateful-set.ts";
import { decide } from "./decide.ts";
import { createWorld, type World } from "./world.ts";

const CLUSTERS = 100;
const versions = ["1.0.0", "1.1.0", "2.0.0-rc.1"];

/** A spec of the first version's fields. */
function oldSpec(random: Random): ClusterSpecInput {
  const version = random.pick(versions);
  return {
    version,
    image: { reference: `hmn-node:${version}`, pullPolicy: random.pick(["IfNotPresent", "Always", "Never"]) },
    network: "payments",
    validators: { replicas: 4 + random.below(6) },
    ...(random.oneIn(2) ? { resources: { cpu: `${1 + random.below(8)}`, memory: `${1 + random.below(8)}Gi` } } : {}),
    ...(random.oneIn(2)
      ? { placement: { allowSharedHosts: random.oneIn(2), nodeSelector: random.oneIn(2) ? { disk: "fast" } : {} } }
      : {}),
    environment: ["C", "A", "B"].filter(() => random.oneIn(2)).map((name) => ({ name, value: `${random.below(9)}` })),
  };
}

/** As the first version made inputs of a spec: frozen here. */
function oldInputs({ version, image, environment, resources, placement }: ClusterSpec): Inputs {
  return {
    version,
    image,
    environment: environment.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    resources,
    placement: { allowSharedHosts: placement.allowSharedHosts, nodeSelector: placement.nodeSelector },
  };
}

/** A running cluster as an operator left it that rendered pods in its own way. */
function leftBehind(random: Random): World {
  const world = createWorld({ spec: oldSpec(random), behaviour: () => ({ latencySeconds: 0.004, pullable: true }) });
  const { cluster } = world.snapshot();
  const revision = shortHash(oldInputs(cluster.spec));
  const object = revisionObject(cluster, oldInputs(cluster.spec));
  const { template } = object.data as { template: { pod: { spec: object } } };
  Object.assign(template.pod.spec, { hostname: "as-it-once-was", enableServiceLinks: true });
  world.carryOut([{ type: "create", object }]);
  const stored = storedRevisions(world.snapshot().revisions).get(revision);
  if (stored === undefined) throw new Error("the release is stored under its revision");
  for (let id = 0; id < cluster.spec.validators.replicas; id += 1)
    world.carryOut([{ type: "apply", object: statefulSet(cluster, id, stored, undefined) }]);
  const { resourceVersion } = cluster.metadata;
  const status = { currentRevision: revision, currentVersion: cluster.spec.version, retryHandled: "" };
  world.carryOut([{ type: "status", kind: "HmnCluster", name: cluster.metadata.name, resourceVersion, status }]);
  for (let second = 0; second < 3; second += 1) world.tick();
  return world;
}

const template = (world: World) => world.objects("StatefulSet").map(({ spec }) => shortHash(spec));
const pods = (world: World) => world.objects("Pod").map(({ metadata, spec }) => `${metadata.uid} ${shortHash(spec)}`);

function lookAround(world: World) {
  for (let second = 0; second < 8; second += 1) {
    world.carryOut(decide(world.snapshot()).actions);
    world.tick();
  }
}

test(`an operator with more fields, which renders differently, changes no pod of ${CLUSTERS} clusters`, () => {
  let changed = 0;
  let looked = 0;
  for (let seed = 0; seed < CLUSTERS; seed += 1) {
    const world = leftBehind(seededRandom(BigInt(seed)));
    const before = { templates: template(world), pods: pods(world) };
    expect(before.pods.length).toBeGreaterThanOrEqual(4);
    lookAround(world);
    looked += before.pods.length;
    expect(template(world), `seed ${seed}`).toEqual(before.templates);
    changed += pods(world).filter((pod) => !before.pods.includes(pod)).length;
    expect(world.rollouts(), `seed ${seed}`).toEqual([]);
    expect(world.status().targetRevision).toBe(world.status().currentRevision);
  }
  expect(changed).toBe(0);
  expect(looked).toBeGreaterThan(4 * CLUSTERS);
});

test("only what the user then says begins a rollout", () => {
  const world = leftBehind(seededRandom(1n));
  lookAround(world);
  world.edit((spec) => ({
    ...spec,
    services: clusterSpecSchema.shape.services.parse({ client: { type: "NodePort" } }),
  }));
  lookAround(world);
  expect(world.find("Service", "payments-client")?.spec).toMatchObject({ type: "NodePort" });
  expect(world.rollouts()).toEqual([]);
  world.edit((spec) => ({ ...spec, pods: { ...spec.pods, priorityClassName: "important" } }));
  lookAround(world);
  expect(world.rollouts()).toHaveLength(1);
});

test("a spec that the API server could not refuse is told of, and nothing begins", () => {
  const world = leftBehind(seededRandom(2n));
  world.edit((spec) => ({ ...spec, pods: { ...spec.pods, labels: { "a b": "c" } } }));
  lookAround(world);
  expect(world.status().waitingFor).toMatchObject({ reason: "SpecInvalid", who: "User" });
  expect(world.status().conditions?.find(({ type }) => type === "Stalled")?.reason).toBe("SpecInvalid");
  expect(world.rollouts()).toEqual([]);
});
