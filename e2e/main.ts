import { join } from "node:path";
import { parseArgs } from "node:util";
import { type ApiOptions, startApi } from "./cluster/api.ts";
import { isMinor, KUBERNETES_MINORS } from "./cluster/binaries.ts";
import { type Cluster, up } from "./cluster/cluster.ts";
import { takeLock } from "./cluster/lock.ts";
import { runProgram } from "./kit/children.ts";
import { dump } from "./kit/dump.ts";
import { formatDuration } from "./kit/duration.ts";
import { ROOT } from "./kit/examples.ts";
import { provideImages } from "./kit/images.ts";
import { installOperator, untilOperatorReady } from "./kit/operator.ts";
import { openProgress, type Progress } from "./kit/progress.ts";
import { openApiReader } from "./kit/proxy.ts";
import { SCENARIO_IMAGES } from "./kit/releases.ts";
import { AUDIT_POLICY } from "./played/rights.ts";
import { startStand } from "./played/stand.ts";
import { behaviourOf } from "./played/whole-rollout.ts";
import { type Runs, runScenario, summary } from "./scenarios/run.ts";
import type { Scenario, StageName } from "./scenarios/scenario.ts";
import type { Stage } from "./scenarios/stage.ts";
import { openStages } from "./scenarios/stages.ts";
import { scenarios } from "./scenarios/table.ts";

const HELP = `npm run e2e                 the scenarios of the first tier: every feature once
npm run e2e -- --all        those of the second tier too
npm run e2e -- NAME...      only these; each brings up what it needs
npm run e2e -- --kubernetes 1.35 NAME...    on an API server and controllers of that minor, for what needs no running node
npm run e2e -- --list       what there is, and what each asserts`;

const SEEDS = 1_000_000;

type OnCluster = Extract<Scenario, { on: StageName }>;
type OnApi = Extract<Scenario, { on: "api" }>;
type OnPlayed = Extract<Scenario, { on: "played" }>;
const onApi = (one: Scenario): one is OnApi => one.on === "api";
const onPlayed = (one: Scenario): one is OnPlayed => one.on === "played";
const onCluster = (one: Scenario): one is OnCluster => !onApi(one) && !onPlayed(one);

async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--help")) return tell(HELP);
  if (args.includes("--list")) return tell(scenarios.map(described).join("\n"));
  const { values, positionals: names } = parseArgs({
    args: [...args],
    options: { all: { type: "boolean" }, kubernetes: { type: "string" } },
    allowPositionals: true,
  });
  const { all = false, kubernetes } = values;
  if (kubernetes !== undefined && !isMinor(kubernetes)) {
    console.error(`--kubernetes ${kubernetes}: only ${Object.keys(KUBERNETES_MINORS).join(", ")}\n${HELP}`);
    return 2;
  }
  const minor = kubernetes === undefined ? {} : { minor: kubernetes };
  const unknown = names.filter((name) => !scenarios.some((one) => one.name === name));
  if (unknown.length > 0) {
    console.error(`unknown: ${unknown.join(", ")}\n${HELP}`);
    return 2;
  }
  const wanted = scenarios.filter((one) =>
    names.length > 0 ? names.includes(one.name) : all || one.tier === undefined,
  );
  const progress = openProgress();
  const runs: Runs = [];
  try {
    const small = wanted.filter(onApi);
    if (small.length > 0) await withApi(small, minor, progress, runs);
    const played = wanted.filter(onPlayed);
    if (played.length > 0) await withPlayed(played, minor, progress, runs);
    // A whole cluster is of the one version that its node image holds.
    const large = kubernetes === undefined ? wanted.filter(onCluster) : [];
    if (large.length > 0) {
      const release = await takeLock(progress.phase("cluster"));
      try {
        await withCluster(large, progress, runs);
      } finally {
        release();
      }
    }
  } catch (error) {
    // What was not reached is not passed: the preparation itself failed.
    const reached = new Set(runs.map((run) => run.name));
    for (const { name } of wanted)
      if (!reached.has(name)) runs.push({ name, result: "failed", milliseconds: 0, why: "not reached" });
    console.error(error);
  } finally {
    progress.close();
  }
  console.log(summary(runs));
  return runs.length > 0 && runs.every((run) => run.result !== "failed") ? 0 : 1;
}

function described({ name, tier, asserts }: Scenario): string {
  return [tier === undefined ? name : `${name} (second tier)`, ...asserts.map((text) => `    ${text}`)].join("\n");
}

function tell(text: string): number {
  console.log(text);
  return 0;
}

type Minor = Pick<ApiOptions, "minor">;

async function withApi(wanted: readonly OnApi[], minor: Minor, progress: Progress, runs: Runs): Promise<void> {
  const api = await startApi({ progress: progress.phase("api"), ...minor });
  try {
    for (const one of wanted)
      await runScenario(one.name, progress, runs, (own) => one.run({ kubectl: api.kubectl, progress: own }));
  } finally {
    await api.stop();
  }
}

async function withPlayed(wanted: readonly OnPlayed[], minor: Minor, progress: Progress, runs: Runs): Promise<void> {
  const seed = Number(process.env.HMN_SEED ?? Date.now() % SEEDS);
  const own = progress.phase("played");
  const again = minor.minor === undefined ? [] : ["--kubernetes", minor.minor];
  own.say(
    `seed ${seed}: HMN_SEED=${seed} npm run e2e -- ${[...again, ...wanted.map(({ name }) => name)].join(" ")} does the same again`,
  );
  const stand = await startStand({ progress: own, behaviour: behaviourOf, auditPolicy: AUDIT_POLICY, ...minor });
  try {
    for (const one of wanted)
      await runScenario(one.name, progress, runs, (phase) => one.run({ stand, seed, progress: phase }));
  } finally {
    await stand.stop();
  }
}

async function withCluster(wanted: readonly OnCluster[], progress: Progress, runs: Runs): Promise<void> {
  const started = Date.now();
  const cluster: Cluster = await up({ progress: progress.phase("cluster") });
  await provideImages(cluster, SCENARIO_IMAGES, progress.phase("images"));
  await installOperator(cluster, progress.phase("operator"));
  await untilOperatorReady(cluster, progress.phase("operator"));
  progress.say(`prepared in ${formatDuration(Date.now() - started)}`);
  const reader = await openApiReader(cluster);
  const stages = openStages(cluster, reader);
  try {
    for (const [index, one] of wanted.entries()) {
      const stage: Stage = stages[one.on];
      const passed = await runScenario(
        one.name,
        progress,
        runs,
        (own) => one.run({ cluster, reader, stage, progress: own }),
        (own) =>
          dump(cluster, { namespace: stage.view.namespace, folder: join(ROOT, "build/e2e", one.name), progress: own }),
      );
      // The last scenario of a stage frees its machine's share for the next one; a failure keeps it to be looked at.
      const last = wanted[index + 1]?.on !== one.on;
      if (last && passed) await stage.remove(progress.phase(one.on));
    }
  } finally {
    reader.close();
  }
}

runProgram(main);
