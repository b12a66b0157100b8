import type { ClusterSpecInput, ClusterStatus } from "../../operator/api/cluster.ts";
import { clusterKind } from "../../operator/api/kinds.ts";
import { isStatus } from "../../operator/runtime/api-error.ts";
import { claim } from "../kit/claim.ts";
import type { Scenario } from "../scenarios/scenario.ts";
import { differences, endState, type State } from "./end-state.ts";
import { type Field, fieldsOf, pathText, valuesOf, withField } from "./generated-values.ts";
import { isReady, openSession, type Session } from "./session.ts";
import type { Stand } from "./stand.ts";
import { specOf } from "./whole-rollout.ts";

/** Clusters that are changed at the same time. */
const AT_ONCE = 6;
/** A change of the authority waits for its clients, of which there are none. */
const BASE: ClusterSpecInput = { ...specOf("1.0.0"), tls: { overlapSeconds: 0 } };

export const fieldChanges: Scenario = {
  name: "field-changes",
  on: "played",
  tier: "second",
  asserts: [
    "every field of a running HmnCluster is changed, to the first value that its schema allows and the base has not: the API server refuses it, or the operator comes to rest and says what it waits for if it is not Ready",
    "then the old value goes back, and all objects are as they were",
  ],
  run: async ({ stand, seed, progress }) => {
    const fields = fieldsOf(clusterKind)[Symbol.iterator]();
    const wrong: string[] = [];
    const counts = { taken: 0, refused: 0 };
    const work = async (index: number): Promise<void> => {
      let { session, before } = await begun(stand, `changes-${seed}-${index}`);
      try {
        for (const field of fields) {
          const outcome = await tryChange(stand, session, before, field);
          counts[outcome.taken ? "taken" : "refused"] += 1;
          wrong.push(...outcome.wrong);
          progress.say(`${pathText(field)}: ${outcome.taken ? "taken" : "refused"} ${outcome.wrong.join("; ")}`);
          if (!outcome.stays) continue;
          // The cluster is not what the next fields are compared with.
          await session.close();
          ({ session, before } = await begun(stand, `changes-${seed}-${index}-after-${counts.taken}`));
        }
      } finally {
        await session.close();
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => work(index)));
    claim(wrong.length === 0, "every change is refused, or comes to rest and goes back", wrong);
    claim(counts.taken > counts.refused, "most changes are taken", counts);
    progress.say(`${counts.taken} changes came to rest and went back, ${counts.refused} were refused`);
  },
};

async function begun(stand: Stand, namespace: string): Promise<{ readonly session: Session; readonly before: State }> {
  const session = await openSession(stand, namespace);
  await session.ask(BASE);
  await session.untilReady("the first deployment");
  await session.atRest();
  return { session, before: lasting(await endState(stand.verbs, namespace)) };
}

/** By storage.retention the volume of a validator that left stays, and with it the cluster is another one. */
const LEAVES_A_VOLUME = "spec.validators.replicas";
/** What the schema lets nobody take back. */
const ONE_WAY: ReadonlySet<string> = new Set(["spec.storage.size", "spec.protocolVersion"]);

type Outcome = {
  readonly taken: boolean;
  /** It could not be undone. */
  readonly stays?: boolean;
  readonly wrong: readonly string[];
};

async function tryChange(stand: Stand, session: Session, before: State, field: Field): Promise<Outcome> {
  for (const { value, sound } of valuesOf(field.schema)) {
    const changed = withField(clusterKind, BASE, field, value) as ClusterSpecInput;
    if (!sound || JSON.stringify(value) === JSON.stringify(field.schema.default)) continue;
    if (!(await isTaken(session, changed))) continue;
    const said = `${pathText(field)} = ${JSON.stringify(value)}`;
    const wrong = async (): Promise<readonly string[] | "stays"> => {
      await session.until(said, isSettled);
      if (!(await isTaken(session, BASE))) return "stays";
      await session.until(`${said} taken back`, (status) => isReady(status) && status.waitingFor === undefined);
      await session.atRest();
      return differences(before, lasting(await endState(stand.verbs, session.namespace)));
    };
    try {
      const found = await wrong();
      if (found === "stays") {
        const known = ONE_WAY.has(pathText(field));
        return { taken: true, stays: true, wrong: known ? [] : [`${said}: the API server does not let it go back`] };
      }
      const left = pathText(field) === LEAVES_A_VOLUME;
      const others = found.filter((difference) => !left || !difference.startsWith("PersistentVolumeClaim/"));
      return { taken: true, stays: found.length > 0, wrong: others.map((difference) => `${said}: ${difference}`) };
    } catch (error) {
      return { taken: true, stays: true, wrong: [`${said}: ${error instanceof Error ? error.message : error}`] };
    }
  }
  return { taken: false, wrong: [] };
}

async function isTaken(session: Session, spec: ClusterSpecInput): Promise<boolean> {
  try {
    await session.ask(spec);
    return true;
  } catch (error) {
    if (!isStatus(error, 403, 422)) throw error;
    return false;
  }
}

/** Done, or waiting for somebody else: what the operator itself still has under way is neither. */
const isSettled = (status: ClusterStatus): boolean =>
  isReady(status) || (status.waitingFor !== undefined && status.waitingFor.who !== "Operator");

/** Without what is a record of changes, and so grows with each. */
function lasting(state: State): State {
  return Object.fromEntries(
    Object.entries(state)
      .filter(([name]) => !name.startsWith("HmnRollout/") && !name.startsWith("ControllerRevision/"))
      .map(([name, object]) => [name, name.startsWith("HmnCluster/") ? withoutRecord(object) : object]),
  );
}

function withoutRecord(cluster: unknown): unknown {
  const { status, ...rest } = cluster as { readonly status?: ClusterStatus };
  const { rollout, lastRolloutNumber, conditions, retryHandled, tls, ...lasts } = status ?? {};
  return { ...rest, status: lasts };
}
