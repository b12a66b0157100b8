import { resolve } from "node:path";
import { accept, type Result, refuse } from "../../node/base/result.ts";
import { millis } from "../../node/base/units.ts";
import { decodeCluster, decodeRollout } from "../observe/decode.ts";
import { resources } from "../observe/resources.ts";
import type { ClusterObject, RolloutObject } from "../observe/snapshot.ts";
import { isStatus } from "../runtime/api-error.ts";
import { type Client, createClient } from "../runtime/client.ts";
import { createMetrics } from "../runtime/metrics.ts";
import type { Item, Resource } from "../runtime/resource.ts";
import { createVerbs, type Verbs } from "../runtime/verbs.ts";
import type { Arguments, World } from "./command.ts";
import { withProgress } from "./progress.ts";
import type { Look } from "./screen.ts";

/** Name under which the API server records what this program writes. */
const FIELD_MANAGER = "kubectl-hmn";
const PAGE = 250;
/** Objects of one kind that are read at most: 40 pages. */
const ITEMS_MAX = 10_000;

/** One user at one API server, in one namespace. */
export type Session = {
  readonly namespace: string;
  readonly client: Client;
  readonly verbs: Verbs;
  /** One request, told about when it takes long. */
  readonly asking: <T>(work: Promise<T>) => Promise<T>;
};

export async function openSession(args: Arguments, world: World): Promise<Session> {
  const file = args.text("kubeconfig");
  const reached = await world.connect(
    file === undefined ? undefined : resolve(world.folder, file),
    args.text("context"),
  );
  const client = createClient(reached, createMetrics(), FIELD_MANAGER);
  const what = () => `waiting for the API server ${reached.server.host}`;
  return {
    namespace: args.text("namespace") ?? reached.namespace,
    client,
    verbs: createVerbs(client, FIELD_MANAGER),
    asking: (work) => withProgress(world, what, work),
  };
}

/** How this terminal is drawn on: colour only where a person looks, and where NO_COLOR does not forbid it. */
export function lookOf(world: World): Look {
  const coloured =
    world.columns !== undefined && (world.environment.NO_COLOR ?? "") === "" && world.environment.TERM !== "dumb";
  return {
    now: millis(world.now()),
    width: world.columns ?? Number.POSITIVE_INFINITY,
    paint: (style, text) => (coloured ? `\x1b[${CODES[style]}m${text}\x1b[0m` : text),
  };
}
const CODES = { bold: 1, dim: 2, green: 32, yellow: 33, red: 31 } as const;

async function listAll(session: Session, resource: Resource, namespace: string | undefined): Promise<readonly Item[]> {
  const items: Item[] = [];
  let next: string | undefined;
  do {
    const page = await session.asking(
      session.verbs.list(resource, { namespace, limit: PAGE, ...(next === undefined ? {} : { continue: next }) }),
    );
    items.push(...page.items);
    next = page.next;
  } while (next !== undefined && items.length < ITEMS_MAX);
  return items;
}

function known<T>(decoded: Result<T, "does-not-fit">): T {
  if (!decoded.ok) throw new Error(decoded.detail ?? decoded.reason);
  return decoded.value;
}

/** All HmnClusters of a namespace, or of all; by name. */
export async function readClusters(session: Session, namespace: string | undefined): Promise<readonly ClusterObject[]> {
  const clusters = (await listAll(session, resources.HmnCluster, namespace)).map((item) => known(decodeCluster(item)));
  const keyOf = ({ metadata }: ClusterObject) => `${metadata.namespace}/${metadata.name}`;
  return clusters.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

/** All HmnRollouts of the namespace, by cluster, then by number. */
export async function readRollouts(session: Session): Promise<readonly RolloutObject[]> {
  const items = await listAll(session, resources.HmnRollout, session.namespace);
  return items
    .map((item) => known(decodeRollout(item)))
    .toSorted((a, b) =>
      a.spec.cluster === b.spec.cluster ? a.spec.number - b.spec.number : a.spec.cluster < b.spec.cluster ? -1 : 1,
    );
}

/** Those of this very cluster, by number ascending. */
export const ofCluster = (rollouts: readonly RolloutObject[], cluster: ClusterObject): readonly RolloutObject[] =>
  rollouts.filter(({ spec }) => spec.clusterUID === cluster.metadata.uid);

export async function findCluster(session: Session, name: string): Promise<ClusterObject | undefined> {
  try {
    const place = { resource: resources.HmnCluster, namespace: session.namespace, name };
    return known(decodeCluster(await session.asking(session.verbs.get(place))));
  } catch (error) {
    // A 404 of the API server about one object has a reason; one about an unknown kind has none.
    if (isStatus(error, 404) && error.reason === "NotFound") return undefined;
    throw error;
  }
}

export type RolloutOfCluster = { readonly cluster: ClusterObject; readonly rollout: RolloutObject };

/** The rollout of that name; or, for the name of a cluster, its active or last one. */
export async function findRollout(session: Session, name: string): Promise<Result<RolloutOfCluster, "not-found">> {
  const rollouts = await readRollouts(session);
  const named = rollouts.find(({ metadata }) => metadata.name === name);
  const cluster = await findCluster(session, named?.spec.cluster ?? name);
  const rollout = named ?? (cluster === undefined ? undefined : ofCluster(rollouts, cluster).at(-1));
  if (cluster === undefined || rollout === undefined)
    return refuse(
      "not-found",
      `${session.namespace} has no HmnRollout ${name}, and no HmnCluster of that name with one: kubectl hmn rollout list -n ${session.namespace}`,
    );
  return accept({ cluster, rollout });
}
