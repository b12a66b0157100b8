import { refuse } from "../../node/base/result.ts";
import type { ApprovalAction } from "../api/approval.ts";
import { answerTo, approve } from "./approve.ts";
import { type Command, EXIT, failure, REACH_FLAGS } from "./command.ts";
import { rolloutList, rolloutScreen } from "./rollout-screen.ts";
import { findRollout, lookOf, openSession, type RolloutOfCluster, readRollouts } from "./session.ts";
import { clockText } from "./time-text.ts";

const TIMEOUT_SECONDS = 60;
const TIMEOUT_MAX_SECONDS = 3_600;

export const list: Command = {
  usage: {
    name: "rollout list",
    summary: "every change of a cluster and how it ended, newest last",
    positionals: ["[CLUSTER]"],
    flags: REACH_FLAGS,
    examples: ["kubectl hmn rollout list", "kubectl hmn rollout list payments -n hmn-demo"],
  },
  run: async (args, world) => {
    const session = await openSession(args, world);
    const [cluster] = args.positionals;
    const rollouts = (await readRollouts(session)).filter(
      ({ spec }) => cluster === undefined || spec.cluster === cluster,
    );
    if (rollouts.length === 0)
      world.error(`No HmnRollout ${cluster === undefined ? "" : `of ${cluster} `}in ${session.namespace}.\n`);
    else world.out(rolloutList(rollouts, lookOf(world)));
    return EXIT.done;
  },
};

export const show: Command = {
  usage: {
    name: "rollout show",
    summary: "one rollout: phases, judged windows, what happened, who approved",
    positionals: ["NAME"],
    flags: REACH_FLAGS,
    examples: ["kubectl hmn rollout show payments-2", "kubectl hmn rollout show payments    # its active or last one"],
  },
  run: async (args, world) => {
    const session = await openSession(args, world);
    const found = await findRollout(session, args.positionals[0] ?? "");
    if (!found.ok) return failure(world, found);
    world.out(rolloutScreen(found.value.rollout, found.value.cluster, lookOf(world)));
    return EXIT.done;
  },
};

const VERBS = {
  promote: {
    action: "Promote",
    summary: "opens the gate that a rollout stands at, or ends its pause for want of a verdict",
    past: "Promoted",
  },
  abort: {
    action: "Abort",
    summary: "takes an upgrade back, whatever it is doing, and quarantines its inputs",
    past: "Aborted",
  },
  pause: {
    action: "Pause",
    summary: "stops this rollout alone; the watchdog still takes back what is bad",
    past: "Paused",
  },
  resume: { action: "Resume", summary: "lets a rollout go on that somebody paused", past: "Resumed" },
  retry: {
    action: "Retry",
    summary: "lifts the quarantine that a rolled-back rollout left, so that its inputs are tried again",
    past: "Quarantine lifted",
  },
} as const satisfies Readonly<Record<string, { action: ApprovalAction; summary: string; past: string }>>;

/** The command that says one word as the present user, and waits for what the operator makes of it. */
export const verb = (name: keyof typeof VERBS): Command => ({
  usage: {
    name: `rollout ${name}`,
    summary: VERBS[name].summary,
    positionals: ["NAME"],
    flags: {
      ...REACH_FLAGS,
      reason: { value: "TEXT", help: "why, for the record" },
      timeout: {
        value: "SECONDS",
        help: `how long to wait for the operator's answer; 0: not at all (${TIMEOUT_SECONDS})`,
      },
    },
    examples: [
      `kubectl hmn rollout ${name} payments-2`,
      `kubectl hmn rollout ${name} payments -n hmn-demo --reason "looks good"    # its active or last rollout`,
    ],
  },
  run: async (args, world) => {
    const seconds = Number(args.text("timeout") ?? TIMEOUT_SECONDS);
    if (!Number.isInteger(seconds) || seconds < 0 || seconds > TIMEOUT_MAX_SECONDS)
      return failure(world, refuse("usage", `--timeout must be a whole number from 0 to ${TIMEOUT_MAX_SECONDS}`));
    const session = await openSession(args, world);
    const found = await findRollout(session, args.positionals[0] ?? "");
    if (!found.ok) return failure(world, found);
    const { action, past } = VERBS[name];
    const said = await approve(session, found.value, { action, reason: args.text("reason") ?? "" });
    if (!said.ok) return failure(world, said);
    const { namespace } = session;
    const rollout = found.value.rollout.metadata.name;
    if (seconds === 0) {
      world.out(
        `HmnApproval ${said.value.name} is written by ${said.value.username}; kubectl get hmnap ${said.value.name} -n ${namespace} says what becomes of it.\n`,
      );
      return EXIT.done;
    }
    const answer = await answerTo(session, said.value, seconds * 1000, world);
    if (answer === undefined) {
      world.error(
        `kubectl hmn: HmnApproval ${said.value.name} is written, but the operator did not answer within ${seconds} s.\nIs it running? kubectl get pods -A -l app.kubernetes.io/name=hmn-operator\nWhat became of it: kubectl get hmnap ${said.value.name} -n ${namespace}\n`,
      );
      return EXIT.unanswered;
    }
    if (answer.result === "Refused")
      return failure(world, refuse("refused", `${rollout}: the operator refuses: ${answer.message}`));
    const look = lookOf(world);
    const after = await findRollout(session, rollout);
    world.out(
      `${past}: ${rollout}, by ${said.value.username} at ${clockText(answer.time, look.now)} (HmnApproval ${said.value.name}).\n${after.ok ? nextText(after.value, namespace) : ""}`,
    );
    return EXIT.done;
  },
});

function nextText({ cluster, rollout }: RolloutOfCluster, namespace: string): string {
  const { status, spec } = rollout;
  const wait = cluster.status.waitingFor?.message;
  const state =
    status.completionTime === undefined
      ? `${status.state} in phase ${status.phase} of ${spec.phases.length}`
      : `${status.state}`;
  return `Now: ${rollout.metadata.name} is ${state}${wait === undefined ? "" : `; the cluster waits for: ${wait}`}\nFollow it: kubectl hmn status ${cluster.metadata.name} -n ${namespace}\n`;
}
