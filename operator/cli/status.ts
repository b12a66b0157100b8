import { refuse } from "../../node/base/result.ts";
import { activeRollout } from "../rollout/start.ts";
import { type Command, EXIT, failure, REACH_FLAGS } from "./command.ts";
import { quorumOf } from "./quorum-text.ts";
import { findCluster, lookOf, ofCluster, openSession, readClusters, readRollouts } from "./session.ts";
import { type ClusterFacts, clusterList, statusScreen } from "./status-screen.ts";

export const status: Command = {
  usage: {
    name: "status",
    summary: "how a cluster stands: quorum, validators, what is waited for and what to do about it",
    positionals: ["[NAME]"],
    flags: {
      ...REACH_FLAGS,
      "all-namespaces": { short: "A", help: "the clusters of all namespaces, a line each" },
      all: { help: "a line for every validator, also of a large cluster" },
      output: { short: "o", value: "json", help: "json: an object for NAME, otherwise an array of them" },
    },
    examples: [
      "kubectl hmn status",
      "kubectl hmn status payments -n hmn-demo",
      "kubectl hmn status -A",
      "kubectl hmn status payments -o json | jq .quorum",
    ],
  },
  run: async (args, world) => {
    const output = args.text("output");
    if (output !== undefined && output !== "json") return failure(world, refuse("output", "-o knows only json"));
    const session = await openSession(args, world);
    const look = lookOf(world);
    const [name] = args.positionals;
    const all = args.on("all-namespaces");
    const found = name === undefined ? undefined : await findCluster(session, name);
    if (name !== undefined && found === undefined)
      return failure(
        world,
        refuse("not-found", `${session.namespace} has no HmnCluster ${name}: kubectl hmn status -A`),
      );
    const clusters = found === undefined ? await readClusters(session, all ? undefined : session.namespace) : [found];
    // Rollouts of all namespaces are not asked for: a line each does not need them.
    const rollouts = all ? [] : await readRollouts(session);
    const facts = clusters.map((cluster): ClusterFacts => ({ cluster, rollouts: ofCluster(rollouts, cluster) }));
    const [first] = facts;
    if (output === "json") {
      const documents = facts.map(documentOf);
      world.out(`${JSON.stringify(name === undefined ? documents : documents[0], null, 2)}\n`);
    } else if (first === undefined) world.error(`No HmnCluster in ${all ? "any namespace" : session.namespace}.\n`);
    else if (facts.length > 1 || all) world.out(clusterList(clusters, look));
    else world.out(statusScreen(first, look, args.on("all")));
    return EXIT.done;
  },
};

/** For programs; its fields are those of the API, beside what the plugin works out. */
function documentOf({ cluster, rollouts }: ClusterFacts) {
  const { nodes: _, ...quorum } = quorumOf(cluster);
  const { namespace, name, generation } = cluster.metadata;
  const lastRollback = rollouts.findLast((rollout) => rollout.status.state === "RolledBack");
  return {
    namespace,
    name,
    generation,
    wantedVersion: cluster.spec.version,
    quorum,
    status: cluster.status,
    rollout: activeRollout(rollouts) ?? null,
    lastRollback: lastRollback ?? null,
  };
}
