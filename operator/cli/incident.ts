import { refuse } from "../../node/base/result.ts";
import { type Command, EXIT, failure, REACH_FLAGS } from "./command.ts";
import { incidentScreen } from "./incident-screen.ts";
import { findCluster, lookOf, openSession, readRollouts } from "./session.ts";

export const incident: Command = {
  usage: {
    name: "incident",
    summary: "why a rollout was rolled back: timeline, windows that broke, logs, and what to do",
    positionals: ["[ROLLOUT]"],
    flags: REACH_FLAGS,
    examples: [
      "kubectl hmn incident               # the newest of the namespace",
      "kubectl hmn incident payments      # the newest of that cluster",
      "kubectl hmn incident payments-3 -n hmn-demo > incident.txt",
    ],
  },
  run: async (args, world) => {
    const session = await openSession(args, world);
    const { namespace } = session;
    const [name] = args.positionals;
    const rollouts = await readRollouts(session);
    const named = rollouts.find(({ metadata }) => metadata.name === name);
    const candidates = rollouts.filter(
      (rollout) => name === undefined || rollout === named || (named === undefined && rollout.spec.cluster === name),
    );
    if (name !== undefined && candidates.length === 0)
      return failure(
        world,
        refuse(
          "not-found",
          `${namespace} has no HmnRollout ${name}, nor one of a cluster ${name}: kubectl hmn rollout list -n ${namespace}`,
        ),
      );
    const rollout = candidates
      .filter(({ status }) => status.incident !== undefined)
      .toSorted((a, b) => (a.metadata.creationTimestamp < b.metadata.creationTimestamp ? -1 : 1))
      .at(-1);
    const cluster = rollout === undefined ? undefined : await findCluster(session, rollout.spec.cluster);
    if (rollout?.status.incident === undefined || cluster === undefined) {
      world.error(
        `No incident: ${named === undefined ? `no rollout in ${name ?? namespace}` : named.metadata.name} was not rolled back.\n`,
      );
      return EXIT.done;
    }
    world.out(incidentScreen({ rollout, incident: rollout.status.incident, cluster }, lookOf(world)));
    return EXIT.done;
  },
};
