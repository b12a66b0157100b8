import { join } from "node:path";
import { down, up } from "../cluster/cluster.ts";
import { takeLock } from "../cluster/lock.ts";
import { runProgram } from "../kit/children.ts";
import { dump, OPERATOR_NAMESPACE } from "../kit/dump.ts";
import { ROOT } from "../kit/examples.ts";
import { removeNamespace } from "../kit/namespace.ts";
import { openProgress, type Progress } from "../kit/progress.ts";
import { openApiReader } from "../kit/proxy.ts";
import { openSteps, type Steps } from "../kit/steps.ts";
import { account, broken, lookAround } from "./account.ts";
import { DEMO } from "./settings.ts";
import { bringUpCluster, tellStory } from "./story.ts";

const HELP = `npm run demo              one YAML to a rollback, on a real Kubernetes cluster
npm run demo -- --down    removes the cluster again; with HMN_CONTEXT, only the demo's namespace`;

async function main(args: readonly string[]): Promise<number> {
  const progress = openProgress();
  if (args.includes("--help")) {
    console.log(HELP);
    return 0;
  }
  const unknown = args.find((arg) => arg !== "--down");
  if (unknown !== undefined) {
    console.error(`unknown argument ${unknown}\n${HELP}`);
    return 2;
  }
  try {
    if (args.includes("--down")) {
      await (process.env.HMN_CONTEXT ? leaveExisting(progress.phase("cluster")) : down(progress.phase("cluster")));
      return 0;
    }
    return await demo(progress);
  } finally {
    progress.close();
  }
}

/** On somebody else's cluster only the demo's own namespace goes; others may use the operator by now. */
async function leaveExisting(progress: Progress): Promise<void> {
  const cluster = await up({ progress });
  const reader = await openApiReader(cluster);
  try {
    await removeNamespace(cluster, { reader, namespace: DEMO.namespace, progress });
  } finally {
    reader.close();
  }
  progress.say(
    `${DEMO.namespace} is gone from ${cluster.name}; the operator stays in ${OPERATOR_NAMESPACE}, its kinds too`,
  );
}

async function demo(progress: Progress): Promise<number> {
  const steps = openSteps(progress);
  const release = await takeLock(progress.phase("cluster"));
  try {
    return await inCluster(steps, progress);
  } finally {
    release();
  }
}

async function inCluster(steps: Steps, progress: Progress): Promise<number> {
  const cluster = await bringUpCluster(steps);
  const reader = await openApiReader(cluster);
  try {
    const ending = await tellStory(steps, cluster, reader);
    const wrong = broken(ending);
    progress.close();
    console.log(`\n${account(ending, steps.records)}\n\n${lookAround(cluster)}\n`);
    if (wrong.length === 0) {
      console.log("demo: every check held");
      return 0;
    }
    console.log(`demo: FAILED, ${wrong.length} checks did not hold\n${wrong.map((line) => `  ${line}`).join("\n")}`);
    await dump(cluster, {
      namespace: DEMO.namespace,
      folder: join(ROOT, "build/e2e/demo"),
      progress: progress.phase("dump"),
    });
    return 1;
  } catch (error) {
    progress.say(`failed: ${error instanceof Error ? error.message : String(error)}`);
    await dump(cluster, {
      namespace: DEMO.namespace,
      folder: join(ROOT, "build/e2e/demo"),
      progress: progress.phase("dump"),
    });
    throw error;
  } finally {
    reader.close();
  }
}

runProgram(main, (error) => console.error(`demo: FAILED: ${error instanceof Error ? error.message : String(error)}`));
