import { z } from "zod";
import type { BenchCluster } from "./cluster.ts";
import { INSPECTED, inspectorUrl, openInspector } from "./inspector.ts";
import { residentMb } from "./machine.ts";
import { joinStages, profileSchema, type Stages, stagesOf } from "./profile.ts";
import { median } from "./results.ts";

/** What is only seen from inside the validators, so measured in rounds of their own. */

/** Between two samples. */
const SAMPLE_US = 500;

async function inspect<T>(
  cluster: BenchCluster,
  ask: (call: (method: string, parameters?: object) => Promise<readonly unknown[]>) => Promise<T>,
): Promise<T[]> {
  return Promise.all(
    cluster.test.nodes.map(async (node) => {
      const inspector = await openInspector(inspectorUrl(node.log()));
      try {
        return await ask(inspector.callAll);
      } finally {
        inspector.close();
      }
    }),
  );
}

export const memoryPerMillion = {
  nodeOptions: [INSPECTED],
  /** Of the validator in the middle, in MB, without what is garbage. */
  resident: async (cluster: BenchCluster): Promise<number> => {
    await inspect(cluster, (call) => call("HeapProfiler.collectGarbage"));
    const resident = cluster.pids().map(residentMb);
    return median(resident.toSorted((a, b) => a - b));
  },
};

const answerSchema = z.object({ profile: profileSchema });

export const stagesUnder = {
  nodeOptions: [INSPECTED],
  /** Of all validators together, in microseconds of samples, while the load runs. */
  load: async (cluster: BenchCluster, load: () => Promise<void>): Promise<{ rooms: Stages; files: Stages }> => {
    const running = load();
    const profiles = inspect(cluster, async (call) => {
      await call("Profiler.enable");
      await call("Profiler.setSamplingInterval", { interval: SAMPLE_US });
      await call("Profiler.start");
      await running;
      return (await call("Profiler.stop")).map((answer) => answerSchema.parse(answer).profile);
    });
    const all = (await profiles).flat();
    return {
      rooms: joinStages(all.map((profile) => stagesOf(profile))),
      files: joinStages(all.map((profile) => stagesOf(profile, "file"))),
    };
  },
};
