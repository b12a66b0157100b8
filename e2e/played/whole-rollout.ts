import type { ClusterSpecInput, ClusterStatus } from "../../operator/api/cluster.ts";
import type { Behaviour } from "../../operator/reconcile/world-nodes.ts";
import type { Cut } from "./cutting-proxy.ts";
import { endState, type State } from "./end-state.ts";
import { openSession } from "./session.ts";
import type { Stand } from "./stand.ts";

const good = { latencySeconds: 0.004, pullable: true };
/** What the played releases do; any other version is good. */
const RELEASES: Readonly<Record<string, Behaviour>> = {
  "1.2.0": { ...good, latencySeconds: 3 },
  "1.2.1": { ...good, crashAfterSeconds: 5 },
  "1.2.2": { ...good, pullable: false },
};
export const behaviourOf = (version: string): Behaviour => RELEASES[version] ?? good;

/** Two readings of every node: with one, a window may be without any. */
const WINDOW_SECONDS = 4;
/** As short as the schema lets it be, so that many rollouts fit into a test. */
export const specOf = (version: string): ClusterSpecInput => ({
  version,
  image: { reference: `hmn-node:${version}` },
  network: "payments",
  rollout: {
    phases: [
      { percent: 20, soakSeconds: WINDOW_SECONDS },
      { percent: 100, soakSeconds: WINDOW_SECONDS },
    ],
    observeSeconds: 1,
    ...{ settleSeconds: 0, intervalSeconds: WINDOW_SECONDS, failureLimit: 1, minimumSamples: 1 },
    // Two busy cores must not make a slow start of a played node a failure of its release.
    progressDeadlineSeconds: 300,
  },
});

export type Told = {
  /** Every write of the operator, in order. */
  readonly writes: readonly string[];
  /** The writes at which the connection was cut; fewer than cuts, if the run had not so many. */
  readonly cutAt: readonly string[];
  readonly end: State;
  /** Why there is no end. */
  readonly failed?: string;
};

/**
 * A first deployment, an upgrade to a release that is too slow, its rollback, and the good spec again, by the real operator,
 * or the one of `main`. At each cut the operator is killed, and another one goes on.
 */
export async function wholeRollout(
  stand: Stand,
  namespace: string,
  cuts: readonly Cut[] = [],
  main?: string,
): Promise<Told> {
  const session = await openSession(stand, namespace, cuts, main);
  try {
    await session.ask(specOf("1.0.0"));
    await session.untilReady("the first deployment");
    await session.ask(specOf("1.2.0"));
    await session.until("the rollback", isQuarantined);
    await session.atRest();
    await session.ask(specOf("1.0.0"));
    await session.untilReady("the good spec");
    await session.atRest();
    // Two busy cores let a reading of a played node fail now and then.
    await session.untilReady("rest");
    const end = await endState(stand.verbs, namespace);
    return { writes: [...session.writes()], cutAt: session.cutAt(), end };
  } finally {
    await session.close();
  }
}

const isQuarantined = ({ waitingFor }: ClusterStatus): boolean => waitingFor?.reason === "Quarantined";
