import { join } from "node:path";
import type { ClusterSpecInput, ClusterStatus } from "../../operator/api/cluster.ts";
import { API_VERSION } from "../../operator/api/group.ts";
import { resources } from "../../operator/observe/resources.ts";
import type { Behaviour } from "../../operator/reconcile/world-nodes.ts";
import { found, instead, waitFor } from "../kit/wait.ts";
import { type Cut, startCuttingProxy } from "./cutting-proxy.ts";
import { endState } from "./end-state.ts";
import { type OperatorProcess, startOperatorProcess } from "./operator-process.ts";
import { namespaces, type Stand } from "./stand.ts";

/** What the played releases do. */
export const RELEASES: Readonly<Record<string, Behaviour>> = {
  "1.0.0": { latencySeconds: 0.004, pullable: true },
  "1.1.0": { latencySeconds: 0.004, pullable: true },
  "1.2.0": { latencySeconds: 3, pullable: true },
};
export const behaviourOf = (version: string): Behaviour =>
  RELEASES[version] ?? { latencySeconds: 0.004, pullable: false };

const NAME = "payments";
/** Two readings of every node: with one, a window may be without any. */
const WINDOW_SECONDS = 4;
/** As short as the schema lets it be, so that many rollouts fit into a test. */
export const specOf = (version: string): ClusterSpecInput => ({
  version,
  image: { reference: `hmn-node:${version}` },
  network: NAME,
  rollout: {
    phases: [
      { percent: 20, soakSeconds: WINDOW_SECONDS },
      { percent: 100, soakSeconds: WINDOW_SECONDS },
    ],
    ...{ settleSeconds: 0, intervalSeconds: WINDOW_SECONDS, failureLimit: 1, minimumSamples: 1 },
    // Two busy cores must not make a slow start of a played node a failure of its release.
    progressDeadlineSeconds: 300,
  },
});

const WAIT_MS = 240_000;
/** A cluster that costs no write for so long is at rest: it is looked at again every ten seconds. */
const REST_MS = 4_000;

export type Told = {
  /** Every write of the operator, in order. */
  readonly writes: readonly string[];
  /** The write at which the connection was cut; undefined if the run had no such write. */
  readonly cutAt: string | undefined;
  readonly end: Readonly<Record<string, unknown>>;
};

/**
 * A first deployment, an upgrade to a release that is too slow, its rollback, and the good spec again, by the real operator.
 * With a cut the operator is killed at that write, and another one goes on.
 */
export async function wholeRollout(stand: Stand, namespace: string, cut?: Cut): Promise<Told> {
  const { verbs, folder, api, progress } = stand;
  await verbs.create({ resource: namespaces }, { metadata: { name: namespace } });
  const proxy = await startCuttingProxy(api, join(folder, `${namespace}.kubeconfig`));
  let started = 0;
  const start = (): OperatorProcess => {
    started += 1;
    // A Lease of its own for each: how one runs out is tested elsewhere, and takes fifteen seconds.
    const lease = { name: `hmn-operator-${started}`, namespace };
    const logPath = join(folder, `${namespace}.log`);
    return startOperatorProcess({ kubeconfig: proxy.kubeconfig, namespaces: [namespace], lease, logPath });
  };
  let cutAt: string | undefined;
  let operator = start();
  if (cut !== undefined)
    proxy.cutAt(cut, (write) => {
      cutAt = write;
      operator.kill();
      operator = start();
    });
  const place = { resource: resources.HmnCluster, namespace, name: NAME };
  const ask = async (version: string): Promise<void> => {
    const body = { apiVersion: API_VERSION, kind: "HmnCluster", metadata: { name: NAME }, spec: specOf(version) };
    await verbs.apply(place, body);
  };
  const until = (what: string, holds: (status: ClusterStatus) => boolean): Promise<unknown> =>
    waitFor(
      `${namespace}: ${what}`,
      async () => {
        const item: { status?: ClusterStatus; metadata: { generation?: number } } = await verbs.get(place);
        const { status = {}, metadata } = item;
        if (status.observedGeneration === metadata.generation && holds(status)) return found(true);
        return instead(`${status.phase}: ${status.waitingFor?.message}; ${operator.log().split("\n").at(-2)}`);
      },
      { progress, timeoutMs: WAIT_MS, everyMs: 500 },
    );
  try {
    await ask("1.0.0");
    await until("the first deployment", ready);
    await ask("1.2.0");
    await until("the rollback", isQuarantined);
    await atRest(() => proxy.writes.length);
    await ask("1.0.0");
    await until("the good spec", ready);
    await atRest(() => proxy.writes.length);
    return { writes: [...proxy.writes], cutAt, end: await endState(verbs, namespace) };
  } finally {
    operator.kill();
    await operator.ended;
    proxy.close();
    await verbs.delete(place, (await verbs.get(place)).metadata.uid);
  }
}

const ready = ({ conditions }: ClusterStatus): boolean =>
  conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
const isQuarantined = ({ waitingFor }: ClusterStatus): boolean => waitingFor?.reason === "Quarantined";

async function atRest(count: () => number): Promise<void> {
  for (let before = -1; count() !== before; ) {
    before = count();
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
  }
}
