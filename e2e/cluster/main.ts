import { formatDuration } from "../kit/duration.ts";
import { openProgress } from "../kit/progress.ts";
import { startApi } from "./api.ts";
import { type Cluster, down, up } from "./cluster.ts";
import { isEngineUp } from "./sealed.ts";
import { recallCluster } from "./state.ts";
import { verifyBuilt } from "./verify.ts";

/** For development: `sh e2e/with-node.sh e2e/cluster/main.ts up|down|status|verify|api`. */
const progress = openProgress().phase("cluster");
const started = Date.now();
const command = process.argv[2];

function tell(cluster: Cluster): void {
  progress.say(`${cluster.provider} cluster ${cluster.name} is up after ${formatDuration(Date.now() - started)}`);
  progress.say(`export KUBECONFIG=${cluster.kubeconfig}   # kubectl: ${cluster.kubectlPath}`);
}

switch (command) {
  case "up":
    tell(await up({ progress }));
    break;
  case "down":
    await down(progress);
    progress.say(`removed after ${formatDuration(Date.now() - started)}`);
    break;
  case "status": {
    const known = recallCluster();
    progress.say(known === undefined ? "no cluster of ours is known here" : `known: ${known.provider}`);
    if (known?.provider === "kind-built") progress.say(`its engine is ${(await isEngineUp()) ? "up" : "down"}`);
    break;
  }
  case "verify": {
    const cluster = await up({ progress });
    if (cluster.provider !== "kind-built")
      throw new Error("only a built cluster is verified: others are not ours to judge");
    await verifyBuilt(cluster, progress);
    break;
  }
  case "api": {
    const api = await startApi({ progress });
    tell(api);
    progress.say("Ctrl-C ends it");
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {}, 60_000);
      for (const signal of ["SIGINT", "SIGTERM"] as const)
        process.once(signal, () => {
          clearInterval(timer);
          resolve();
        });
    });
    await api.stop();
    break;
  }
  default:
    process.stderr.write("usage: sh e2e/with-node.sh e2e/cluster/main.ts up|down|status|verify|api\n");
    process.exitCode = 2;
}
progress.close();
