import type { V1Pod, V1PodDisruptionBudget } from "@kubernetes/client-node";
import { API_VERSION, LABELS } from "../../operator/api/group.ts";
import { podName, statefulSetName } from "../../operator/desired/names.ts";
import { resources } from "../../operator/observe/resources.ts";
import type { Action, KubeObject } from "../../operator/reconcile/actions.ts";
import { createWorld, type World } from "../../operator/reconcile/world.ts";
import { createRunner } from "../../operator/reconcile/world-run.ts";
import type { Thing } from "../../operator/reconcile/world-store.ts";
import { isReady } from "../../operator/rollout/view.ts";
import { isStatus } from "../../operator/runtime/api-error.ts";
import { claim, claimEqual } from "../kit/claim.ts";
import { found, instead, waitFor } from "../kit/wait.ts";
import type { Scenario } from "../scenarios/scenario.ts";
import { namespaces, type Stand } from "./stand.ts";
import { behaviourOf, specOf } from "./whole-rollout.ts";

const NAME = "payments";
const UNTIL_MS = 90_000;
const MODEL_SECONDS = 120;
/** Long enough for controllers to do what they should not. */
const NOTHING_MS = 3_000;

const podOfValidator = (validator: number): string => podName(statefulSetName(NAME, validator, 0));

/** Kubernetes as the operator's actions meet it: the real one, or the model. Four validators, each with its StatefulSet. */
type Side = {
  /** Gives the StatefulSet of validator 0 a template of this revision. */
  setTemplate(revision: string, version: string): Promise<void>;
  /** With `orphan` its pod is to stay. */
  removeSet(options?: { readonly orphan: boolean }): Promise<void>;
  evict(validator: number): Promise<"evicted" | "refused">;
  pod(validator: number): Promise<V1Pod | undefined>;
  /** Lets time pass until it holds; tells what it saw of validator 0's pod meanwhile, each state once. */
  until(what: string, holds: (pod: V1Pod | undefined) => boolean): Promise<readonly string[]>;
  /** Lets some time pass in which nothing should happen. */
  rest(): Promise<void>;
};

export const honestModel: Scenario = {
  name: "honest-model",
  on: "played",
  asserts: [
    "one script on the real API server with its controllers, and on the model of the operator's simulation: OnDelete, eviction, a budget that refuses (429), a pod that cannot start, a template taken back, a StatefulSet removed and made again, with its pod and without",
    "both give the same answers, and what was seen of the pod on the real one the model can show too",
  ],
  run: async ({ stand, seed, progress }) => {
    const world = begun();
    const model = await script(modelSide(world));
    progress.say(`the model: ${model.length} steps`);
    const real = await script(await realSide(stand, begun(), `honest-${seed}`));
    for (const [index, { step, answer, seen }] of real.entries()) {
      const wanted = model[index];
      claimEqual(answer, wanted?.answer, `the answer of the real API server to "${step}"`);
      claim(
        seen.every((state) => wanted?.seen.includes(state)) && seen.at(-1) === wanted?.seen.at(-1),
        `what was seen after "${step}" is what the model shows: ${wanted?.seen.join(", ")}`,
        seen.join(", "),
      );
      progress.say(`${step}: ${answer} ${seen.join(", ")}`);
    }
  },
};

type Step = { readonly step: string; readonly answer: string; readonly seen: readonly string[] };

async function script(side: Side): Promise<readonly Step[]> {
  const steps: Step[] = [];
  const note = (step: string, answer: string, seen: readonly string[] = []): void =>
    void steps.push({ step, answer, seen });
  const runs = (revision: string) => (pod: V1Pod | undefined) => pod?.metadata?.labels?.[LABELS.revision] === revision;
  const readyOn = (revision: string) => (pod: V1Pod | undefined) => runs(revision)(pod) && isReady(pod);
  const stateNow = async (): Promise<string> => stateOf(await side.pod(0));

  await side.setTemplate("second", "1.1.0");
  await side.rest();
  note("another template under OnDelete moves nothing", await stateNow());
  note("an eviction that the budget allows", await side.evict(0));
  note("a second one meanwhile", await side.evict(1));
  note("the pod comes back on the new template", "", await side.until("the second template", readyOn("second")));
  await side.setTemplate("stuck", "1.2.2");
  note("an eviction onto an image that is not there", await side.evict(0));
  note("the pod is stuck", "", await side.until("the stuck pod", runs("stuck")));
  await side.setTemplate("second", "1.1.0");
  await side.rest();
  note("the template is taken back: the stuck pod stays", await stateNow());
  note("no other voter may go meanwhile", await side.evict(1));
  note("the stuck pod may be evicted, whatever the budget says", await side.evict(0));
  note("and comes back on the old template", "", await side.until("the template before", readyOn("second")));
  await side.removeSet();
  note("a StatefulSet is removed, its pod goes", "", await side.until("no pod", (pod) => pod === undefined));
  await side.setTemplate("second", "1.1.0");
  note("and made again", "", await side.until("the pod again", readyOn("second")));
  const uid = (await side.pod(0))?.metadata?.uid;
  const same = async (): Promise<string> =>
    (await side.pod(0))?.metadata?.uid === uid ? "the same pod" : "another pod";
  await side.removeSet({ orphan: true });
  await side.rest();
  note("a StatefulSet is removed alone, its pod stays", `${await stateNow()}, ${await same()}`);
  await side.setTemplate("third", "1.3.0");
  await side.rest();
  note(
    "and made again with another template: it takes the pod over, and moves nothing",
    `${await stateNow()}, ${await same()}`,
  );
  note("the pod that was taken over may be evicted", await side.evict(0));
  note("and comes back on the template of the new one", "", await side.until("the third template", readyOn("third")));
  return steps;
}

const NAMED: ReadonlySet<string> = new Set(["second", "stuck", "third"]);

function stateOf(pod: V1Pod | undefined): string {
  if (pod === undefined) return "none";
  const stopping = pod.metadata?.deletionTimestamp !== undefined;
  const revision = pod.metadata?.labels?.[LABELS.revision];
  return `${NAMED.has(revision ?? "") ? revision : "first"} ${stopping ? "stopping" : isReady(pod) ? "ready" : "not ready"}`;
}

/** The model after its first deployment. */
function begun(): World {
  const world = createWorld({ spec: specOf("1.0.0"), behaviour: behaviourOf });
  const run = createRunner(world, { seed: 1n, faults: false });
  run.until(
    "ready",
    () => world.status().conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false,
  );
  return world;
}

const applied = ({ apiVersion, kind, metadata: { name, labels }, spec, data }: Thing): KubeObject => ({
  ...{ apiVersion, kind, metadata: { name, labels } },
  ...(spec === undefined ? {} : { spec }),
  ...(data === undefined ? {} : { data }),
});

/** The StatefulSet of validator 0 with another template. */
function retemplated(set: Thing, revision: string, version: string): KubeObject {
  const text = JSON.stringify(applied(set))
    .replaceAll(/"hmn\.dev\/revision":"[^"]*"/g, `"${LABELS.revision}":"${revision}"`)
    .replaceAll(/"image":"[^"]*"/g, `"image":"hmn-node:${version}"`);
  return JSON.parse(text) as KubeObject;
}
const setOf = (world: World): Thing => {
  const set = world.find("StatefulSet", statefulSetName(NAME, 0, 0));
  if (set === undefined) throw new Error("the model has a StatefulSet for validator 0");
  return structuredClone(set);
};

function modelSide(world: World): Side {
  const set = setOf(world);
  const podOf = (validator: number) => world.find("Pod", podOfValidator(validator)) as unknown as V1Pod | undefined;
  const act = (action: Action): boolean => world.carryOut([action]) === 1;
  const tick = (): void => {
    world.tick();
    // As the operator does with every pod that is a voter's.
    for (const pod of world.objects("Pod")) pod.metadata.labels[LABELS.voter] = "true";
  };
  return {
    setTemplate: async (revision, version) => void act({ type: "apply", object: retemplated(set, revision, version) }),
    removeSet: async ({ orphan } = { orphan: false }) => {
      const { name } = set.metadata;
      const { apiVersion, kind, metadata } = world.find("StatefulSet", name) ?? set;
      if (orphan) act({ type: "delete", apiVersion, kind, name, uid: metadata.uid, orphan });
      else world.remove("StatefulSet", name);
    },
    evict: async (validator) => {
      const uid = podOf(validator)?.metadata?.uid ?? "";
      return act({ type: "evict", pod: podOfValidator(validator), uid }) ? "evicted" : "refused";
    },
    pod: async (validator) => podOf(validator),
    until: async (what, holds) => {
      const seen: string[] = [];
      for (let second = 0; second < MODEL_SECONDS; second += 1) {
        const state = stateOf(podOf(0));
        if (seen.at(-1) !== state) seen.push(state);
        if (holds(podOf(0))) return seen;
        tick();
      }
      throw new Error(`the model never came to: ${what}`);
    },
    rest: async () => {
      for (let second = 0; second < 3; second += 1) tick();
    },
  };
}

/** The same objects on the stand's API server, where the controllers are Kubernetes' own. */
async function realSide({ verbs, progress }: Stand, world: World, namespace: string): Promise<Side> {
  const place = <Kind extends keyof typeof resources>(kind: Kind, name: string) => ({
    ...{ resource: resources[kind], namespace, name },
  });
  const set = setOf(world);
  await verbs.create({ resource: namespaces }, { metadata: { name: namespace } });
  for (const kind of ["ServiceAccount", "ConfigMap", "PodDisruptionBudget", "StatefulSet"] as const)
    for (const thing of world.objects(kind)) await verbs.apply(place(kind, thing.metadata.name), applied(thing));
  await verbs.apply(place("HmnCluster", NAME), {
    ...{ apiVersion: API_VERSION, kind: "HmnCluster", metadata: { name: NAME }, spec: specOf("1.0.0") },
  });
  const podOf = async (validator: number): Promise<V1Pod | undefined> => {
    try {
      const pod = (await verbs.get(place("Pod", podOfValidator(validator)))) as unknown as V1Pod;
      if (pod.metadata?.labels?.[LABELS.voter] !== "true")
        await verbs.mergePatch(place("Pod", podOfValidator(validator)), {
          metadata: { labels: { [LABELS.voter]: "true" } },
        });
      return pod;
    } catch (error) {
      if (isStatus(error, 404)) return undefined;
      throw error;
    }
  };
  const waited = { progress, timeoutMs: UNTIL_MS, everyMs: 100 };
  await waitFor(
    "four pods",
    async () => {
      const pods = await Promise.all([0, 1, 2, 3].map(podOf));
      return pods.every(isReady) ? found(true) : instead(pods.map(stateOf).join(", "));
    },
    waited,
  );
  await untilBudgetCounts();
  async function untilBudgetCounts(): Promise<void> {
    await waitFor(
      "the budget to count four pods",
      async () => {
        const item = await verbs.get(place("PodDisruptionBudget", NAME));
        const budget = item as unknown as V1PodDisruptionBudget;
        return budget.status?.currentHealthy === 4 ? found(true) : instead(JSON.stringify(budget.status));
      },
      waited,
    );
  }
  return {
    setTemplate: async (revision, version) => {
      await verbs.apply(place("StatefulSet", set.metadata.name), retemplated(set, revision, version));
    },
    removeSet: async ({ orphan } = { orphan: false }) => {
      const one = place("StatefulSet", set.metadata.name);
      const { uid } = (await verbs.get(one)).metadata;
      await verbs.delete(one, uid, undefined, orphan ? "Orphan" : "Background");
      await waitFor(
        "the StatefulSet to be gone",
        async () => {
          const { items } = await verbs.list(one.resource, { namespace, limit: 10 });
          return items.some(({ metadata }) => metadata.uid === uid) ? instead("there") : found(true);
        },
        waited,
      );
    },
    evict: async (validator) => {
      try {
        await verbs.evict(place("Pod", podOfValidator(validator)), (await podOf(validator))?.metadata?.uid ?? "");
        return "evicted";
      } catch (error) {
        if (isStatus(error, 429)) return "refused";
        throw error;
      }
    },
    pod: podOf,
    until: async (what, holds) => {
      const seen: string[] = [];
      await waitFor(
        what,
        async () => {
          const pod = await podOf(0);
          const state = stateOf(pod);
          if (seen.at(-1) !== state) seen.push(state);
          return holds(pod) ? found(true) : instead(state);
        },
        waited,
      );
      if (isReady(await podOf(0))) await untilBudgetCounts();
      return seen;
    },
    rest: () => new Promise((resolve) => setTimeout(resolve, NOTHING_MS)),
  };
}
