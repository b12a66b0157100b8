import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Samples, samples } from "../../node/bench/results.ts";
import type { ClusterSpecInput, ClusterStatus } from "../../operator/api/cluster.ts";
import { API_VERSION } from "../../operator/api/group.ts";
import { clientServiceName } from "../../operator/desired/names.ts";
import { resources } from "../../operator/observe/resources.ts";
import type { Item } from "../../operator/runtime/resource.ts";
import { compile } from "../images/compile.ts";
import { forEachAtOnce } from "../kit/at-once.ts";
import { sleep } from "../kit/duration.ts";
import type { Progress } from "../kit/progress.ts";
import { found, instead, waitFor } from "../kit/wait.ts";
import { AUDIT_POLICY } from "../played/rights.ts";
import { isReady, openSession } from "../played/session.ts";
import { namespaces, type Stand, startStand } from "../played/stand.ts";
import { behaviourOf, specOf } from "../played/whole-rollout.ts";
import { decisionsPerSecond } from "./decisions.ts";
import { FIGURES } from "./figures.ts";
import { rollbackTimes } from "./rollbacks.ts";
import { prepareAccount, type Subject, startSubject } from "./subject.ts";

export type BenchOptions = { readonly clusters: number; readonly restSeconds: number; readonly rollouts: number };

const NAMESPACE = "hmn-bench";
const VALIDATORS = 5;
/** Requests of the user at a time; the API server would make more wait. */
const AT_ONCE = 16;
const PATIENCE_MS = 3_600_000;
const CUTS = 5;
const PAGE = 500;

/** Measures the real operator on a real API server, whose validators are played. */
export async function benchOperator(options: BenchOptions, progress: Progress): Promise<Samples> {
  const all = samples();
  const add = (figure: keyof typeof FIGURES, value: number): void => {
    const [name, of] = FIGURES[figure];
    all.add(name, of, value);
    progress.say(`${name}: ${value.toPrecision(3)} ${of.unit}`);
  };
  add("decisions", decisionsPerSecond());
  const compiled = await compile(["operator/main"]);
  const stand = await startStand({ progress, behaviour: behaviourOf, auditPolicy: AUDIT_POLICY });
  try {
    const account = await prepareAccount(stand);
    await stand.verbs.create({ resource: namespaces }, { metadata: { name: NAMESPACE } });
    const start = () => startSubject(stand, account, join(compiled, "operator/main.js"));
    const leader = await start();
    await leader.untilLeading();
    await create(stand, leader, options, add);
    await rest(stand, leader, options, add);
    const began = Date.now();
    const standby = await start();
    await standby.untilSynced();
    add("coldStart", (Date.now() - began) / 1000);
    await rollBack(stand, leader, options, add);
    add("leaderMemory", leader.residentMib());
    add("standbyMemory", standby.residentMib());
    await takeOver({ leader, standby, start }, add);
    await cutWatches(stand, add);
    return all;
  } finally {
    await stand.stop();
    rmSync(compiled, { recursive: true, force: true });
  }
}

type Add = (figure: keyof typeof FIGURES, value: number) => void;

const nameOf = (index: number): string => `c${String(index).padStart(4, "0")}`;
const place = (name: string) => ({ resource: resources.HmnCluster, namespace: NAMESPACE, name });

function ask({ verbs }: Stand, index: number, version: string): Promise<unknown> {
  const name = nameOf(index);
  const spec: ClusterSpecInput = { ...specOf(version), network: name, validators: { replicas: VALIDATORS } };
  return verbs.apply(place(name), { apiVersion: API_VERSION, kind: "HmnCluster", metadata: { name }, spec });
}

type Cluster = Item & { readonly status?: ClusterStatus };

async function listed<T extends Item>({ verbs }: Stand, kind: "HmnCluster" | "StatefulSet"): Promise<readonly T[]> {
  const items: Item[] = [];
  for (let next: string | undefined = ""; next !== undefined; ) {
    const from = next === "" ? {} : { continue: next };
    const page = await verbs.list(resources[kind], { namespace: NAMESPACE, limit: PAGE, ...from });
    items.push(...page.items);
    next = page.next;
  }
  return items as T[];
}

async function until(
  stand: Stand,
  what: string,
  wanted: number,
  count: () => Promise<number>,
  everyMs = 1_000,
): Promise<void> {
  const look = async () => {
    const now = await count();
    return now >= wanted ? found(true) : instead(`${now} of ${wanted}`);
  };
  await waitFor(what, look, { progress: stand.progress, timeoutMs: PATIENCE_MS, everyMs });
}

/** From the first HmnCluster to the last StatefulSet: all that the operator writes before pods run. */
async function create(stand: Stand, leader: Subject, { clusters }: BenchOptions, add: Add): Promise<void> {
  const began = Date.now();
  const cpu = leader.cpuSeconds();
  await forEachAtOnce(Array(clusters).keys(), AT_ONCE, (index) => ask(stand, index, "1.0.0"));
  const sets = async () => (await listed(stand, "StatefulSet")).length;
  await until(stand, "every StatefulSet to be made", VALIDATORS * clusters, sets, 200);
  add("creation", (1000 * clusters) / (Date.now() - began));
  add("creationCpu", (1000 * (leader.cpuSeconds() - cpu)) / clusters);
  const ready = async () =>
    (await listed<Cluster>(stand, "HmnCluster")).filter(({ status }) => isReady(status ?? {})).length;
  await until(stand, "every cluster to be ready", clusters, ready);
}

/** Writes that operators have asked for, renewals of the Lease apart. */
const writesIn = (stand: Stand): number =>
  readFileSync(stand.api.auditLog, "utf8")
    .split("\n")
    .filter((line) => line !== "" && !/"verb":"(get|list|watch)"|"resource":"leases"/.test(line)).length;

async function untilRest(stand: Stand): Promise<void> {
  let before = -1;
  const still = async (): Promise<number> => {
    const now = writesIn(stand);
    const same = now === before;
    before = now;
    return same ? 1 : 0;
  };
  await until(stand, "the operator to rest", 1, still, 10_000);
}

async function rest(stand: Stand, leader: Subject, { restSeconds }: BenchOptions, add: Add): Promise<void> {
  await untilRest(stand);
  const look = async () => ({
    writes: writesIn(stand),
    count: await leader.metric("controller_runtime_reconcile_time_seconds_count"),
    seconds: await leader.metric("controller_runtime_reconcile_time_seconds_sum"),
    cpu: leader.cpuSeconds(),
  });
  const before = await look();
  await sleep(1000 * restSeconds);
  const after = await look();
  add("restWrites", after.writes - before.writes);
  add("noOp", (after.count - before.count) / (after.seconds - before.seconds));
  add("restCpu", (after.cpu - before.cpu) / restSeconds);
}

/** A release whose clients wait three seconds, in many clusters at once. */
async function rollBack(stand: Stand, leader: Subject, { rollouts }: BenchOptions, add: Add): Promise<void> {
  await forEachAtOnce(Array(rollouts).keys(), AT_ONCE, (index) => ask(stand, index, "1.2.0"));
  const back = async () =>
    (await listed<Cluster>(stand, "HmnCluster")).filter(({ status }) => status?.waitingFor?.reason === "Quarantined")
      .length;
  await until(stand, "every bad release to be taken back", rollouts, back);
  const records = (await stand.verbs.list(resources.HmnRollout, { namespace: NAMESPACE, limit: 10_000 })).items;
  const { verdicts, firstWrites } = rollbackTimes(records, leader);
  for (const seconds of verdicts) add("verdict", seconds);
  const sorted = firstWrites.toSorted((a, b) => a - b);
  add("firstWrite", sorted[Math.ceil(0.99 * sorted.length) - 1] ?? Number.NaN);
}

async function takeOver(
  { leader, standby, start }: { leader: Subject; standby: Subject; start: () => Promise<Subject> },
  add: Add,
): Promise<void> {
  const graceful = Date.now();
  const ended = leader.stop();
  await standby.untilLeading();
  add("graceful", (Date.now() - graceful) / 1000);
  await ended;
  const next = await start();
  await next.untilSynced();
  const crash = Date.now();
  standby.kill();
  await next.untilLeading();
  add("crash", (Date.now() - crash) / 1000);
  await next.stop();
}

/** All connections break while something is deleted: until it is there again. */
async function cutWatches(stand: Stand, add: Add): Promise<void> {
  const session = await openSession(stand, "hmn-bench-cut");
  const { verbs } = stand;
  try {
    await session.ask(specOf("1.0.0"));
    await session.untilReady("a cluster behind a proxy");
    const service = {
      resource: resources.Service,
      namespace: session.namespace,
      name: clientServiceName(session.name),
    };
    for (let cut = 0; cut < CUTS; cut += 1) {
      await session.atRest();
      const { uid } = (await verbs.get(service)).metadata;
      session.disconnect();
      const began = Date.now();
      await verbs.delete(service, uid);
      const again = async () => ((await verbs.get(service)).metadata.uid === uid ? 0 : 1);
      await until(stand, "the Service to be made again", 1, again, 20);
      add("watchCut", (Date.now() - began) / 1000);
    }
  } finally {
    await session.close();
  }
}
