import { join } from "node:path";
import type { ClusterSpecInput, ClusterStatus } from "../../operator/api/cluster.ts";
import { API_VERSION } from "../../operator/api/group.ts";
import { resources } from "../../operator/observe/resources.ts";
import type { Verbs } from "../../operator/runtime/verbs.ts";
import { found, instead, waitFor } from "../kit/wait.ts";
import { type Cut, startCuttingProxy } from "./cutting-proxy.ts";
import { type OperatorProcess, startOperatorProcess } from "./operator-process.ts";
import { namespaces, type Stand } from "./stand.ts";

/** One HmnCluster in a namespace of its own, under an operator of its own: the real process, behind a proxy. */
export type Session = {
  readonly namespace: string;
  readonly name: string;
  readonly verbs: Verbs;
  /** Every write of the operator so far, in order. */
  readonly writes: () => readonly string[];
  /** The writes at which it was killed so far. */
  readonly cutAt: () => readonly string[];
  /** Writes the whole spec, as a user's `kubectl apply` does. */
  readonly ask: (spec: ClusterSpecInput) => Promise<void>;
  /** Until the status speaks of the last spec and this holds. */
  readonly until: (what: string, holds: (status: ClusterStatus) => boolean) => Promise<void>;
  readonly untilReady: (what: string) => Promise<void>;
  /** Until the operator has written nothing for some seconds. */
  readonly atRest: () => Promise<void>;
  /** Breaks off every connection of the operator, which may make new ones. */
  readonly disconnect: () => void;
  /** Ends the operator as Kubernetes does; then the session can only be closed. */
  readonly stopOperator: () => Promise<void>;
  /** What becomes of the objects is the garbage collector's business. */
  readonly close: () => Promise<void>;
};

const NAME = "payments";
const WAIT_MS = 600_000;
/** Longer than the operator takes between two looks at a cluster that is busy. */
const REST_MS = 4_000;

/** At each cut, in their order, the operator is killed, and another one goes on. */
export async function openSession(
  stand: Stand,
  namespace: string,
  cuts: readonly Cut[] = [],
  main?: string,
): Promise<Session> {
  const { verbs, folder, api, progress } = stand;
  await verbs.create({ resource: namespaces }, { metadata: { name: namespace } });
  const proxy = await startCuttingProxy(api, join(folder, `${namespace}.kubeconfig`));
  let started = 0;
  const start = (): OperatorProcess => {
    started += 1;
    // A Lease of its own for each: how one runs out is tested elsewhere, and takes fifteen seconds.
    const lease = { name: `hmn-operator-${started}`, namespace };
    const logPath = join(folder, `${namespace}.log`);
    const child = startOperatorProcess({
      ...{ way: { kubeconfig: proxy.kubeconfig }, namespaces: [namespace], lease, logPath },
      ...(main === undefined ? {} : { main }),
    });
    // As a kubelet does: on a very busy machine one may lose its Lease, and ends.
    void child.ended.then(() => {
      if (child === operator && !ending) operator = start();
    });
    return child;
  };
  let ending = false;
  const cutAt: string[] = [];
  let operator: OperatorProcess = start();
  const waiting = [...cuts];
  const cutNext = (): void => {
    const cut = waiting.shift();
    if (cut === undefined) return;
    proxy.cutAt(cut, (write) => {
      cutAt.push(write);
      operator.kill();
      operator = start();
      cutNext();
    });
  };
  cutNext();
  const place = { resource: resources.HmnCluster, namespace, name: NAME };
  const until: Session["until"] = async (what, holds) => {
    await waitFor(
      `${namespace}: ${what}`,
      async () => {
        const item: { status?: ClusterStatus; metadata: { generation?: number } } = await verbs.get(place);
        const { status = {}, metadata } = item;
        if (status.observedGeneration === metadata.generation && holds(status)) return found(true);
        return instead(`${status.phase}: ${status.waitingFor?.message}; ${operator.log().split("\n").at(-2)}`);
      },
      { progress, timeoutMs: WAIT_MS, everyMs: 500 },
    );
  };
  return {
    ...{ namespace, name: NAME, verbs, until },
    writes: () => proxy.writes,
    cutAt: () => cutAt,
    ask: async (spec) => {
      await verbs.apply(place, { apiVersion: API_VERSION, kind: "HmnCluster", metadata: { name: NAME }, spec });
    },
    untilReady: (what) => until(what, isReady),
    atRest: async () => {
      for (let before = -1; proxy.writes.length !== before; ) {
        before = proxy.writes.length;
        await new Promise((resolve) => setTimeout(resolve, REST_MS));
      }
    },
    disconnect: proxy.disconnect,
    stopOperator: async () => {
      ending = true;
      await operator.stop();
    },
    close: async () => {
      ending = true;
      operator.kill();
      await operator.ended;
      proxy.close();
      await verbs.delete(place, (await verbs.get(place)).metadata.uid);
    },
  };
}

export const isReady = ({ conditions }: ClusterStatus): boolean =>
  conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
