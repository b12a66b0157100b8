import { dirname } from "node:path";
import { z } from "zod";
import { run } from "../cluster/run.ts";
import { patchSpec, releaseSpec, requestRelease } from "../kit/change.ts";
import { claim, claimEqual } from "../kit/claim.ts";
import { untilCluster } from "../kit/cluster-state.ts";
import { followRollout, inState } from "../kit/follow.ts";
import { kubectl } from "../kit/kubectl.ts";
import { kubectlHmn } from "../kit/plugin.ts";
import type { Progress } from "../kit/progress.ts";
import type { Release } from "../kit/releases.ts";
import type { View } from "../kit/view.ts";
import { watchDisruptions } from "../kit/watcher.ts";
import { QUICK_ROLLOUT } from "./phases.ts";
import type { Scenario } from "./scenario.ts";
import { VALIDATORS } from "./stage.ts";
import { claimBooks, claimOneAtATime, claimRunning, inputsOf, otherThan } from "./steady.ts";

const BOB = "bob@example.com";

export const gatedUpgrade: Scenario = {
  name: "gated-upgrade",
  on: "releases",
  asserts: [
    "kubectl hmn plan names the validators that each phase of the upgrade then moves, and no pod changes for it",
    "an upgrade with a gate behind its first two phases waits there, on one validator, until somebody approves",
    "the API server refuses an approval in another's name, one by a user without the verb `approve`, and a status written by hand",
    "the line in status.waitingFor.command, run as it is, opens the first gate, kubectl hmn rollout promote the second; the HmnRollout names who did it",
    "kubectl hmn status tells the gate, the phases and the quorum",
    "in the end the release is on all validators, each moved once, at most one down at any time; no acknowledged transfer is lost",
  ],
  run: async ({ stage, progress }) => {
    const view = await stage.ensure(progress);
    const release = otherThan(await inputsOf(view));
    const phases = QUICK_ROLLOUT.phases.map((phase) => ({ ...phase, gate: phase.percent < 100 }));
    await patchSpec(view, { rollout: { ...QUICK_ROLLOUT, phases } }, progress);
    const planned = await planOf(view, release, progress);
    const watcher = watchDisruptions(view, VALIDATORS);
    const number = await requestRelease(view, release, progress);
    await followRollout(view, { number, until: inState("AtGate"), what: "the gate behind phase 1", progress });
    const waiting = await untilCluster(
      view,
      "status.waitingFor to name the gate",
      (cluster) => cluster.status.waitingFor?.reason === "GateClosed",
      { progress },
    );
    await claimRefusals(view, number);
    const held = (await view.rollouts()).find(({ spec }) => spec.number === number);
    claimEqual([held?.status.state, held?.status.moved?.length], ["AtGate", 1], "the gate is still closed");

    const command = waiting.status.waitingFor?.command ?? "";
    progress.say(`$ ${command}`);
    const { kubeconfig, kubectlPath } = view.cluster;
    const path = kubectlPath.includes("/") ? `${dirname(kubectlPath)}:${process.env.PATH}` : process.env.PATH;
    const promoted = await run("sh", ["-c", command], { env: { KUBECONFIG: kubeconfig, PATH: path } });
    claimEqual(promoted.code, 0, `the command that status gives runs as it is: ${promoted.stderr.trim()}`);
    await followRollout(view, {
      number,
      until: (one) => inState("AtGate")(one) && one.status.phase === 2,
      what: "the gate behind phase 2",
      progress,
    });
    await untilCluster(
      view,
      "status.waitingFor to name the gate",
      (cluster) => /^Phase 2/.test(cluster.status.waitingFor?.message ?? ""),
      {
        progress,
      },
    );
    const screen = await kubectlHmn(view, ["status", view.name], progress);
    for (const part of [
      "a quorum serves",
      "GateClosed",
      `kubectl hmn rollout promote ${view.name}-${number}`,
      "[#|##|.]",
    ])
      claim(screen.includes(part), `kubectl hmn status says ${part}`, screen);
    const said = await kubectlHmn(
      view,
      ["rollout", "promote", view.name, "--reason", "the scenario says so"],
      progress,
    );
    claim(said.startsWith(`Promoted: ${view.name}-${number}`), "kubectl hmn rollout promote tells what it did", said);

    const rollout = await followRollout(view, {
      number,
      until: inState("Succeeded"),
      what: `${release.version} on all validators`,
      progress,
    });
    const me = (await kubectl(view.cluster, ["auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"])).trim();
    claim(
      (rollout.status.timeline ?? []).filter(({ event, message }) => event === "Promoted" && message.includes(me))
        .length === 2,
      `the timeline says twice that ${me} promoted`,
      rollout.status.timeline,
    );
    // Weights move with each epoch, and the order among almost equal ones with them.
    claimEqual(
      planned.flat().toSorted(),
      (rollout.status.moved ?? []).toSorted(),
      "validators that moved, against the plan",
    );
    claimEqual(
      planned.map(({ length }) => length),
      [1, 2, 1],
      "validators in each phase of the plan",
    );
    await claimRunning(view, release, progress);
    await claimOneAtATime(watcher);
    claim(
      (rollout.status.windows ?? []).some((window) => window.verdict === "Pass"),
      "windows were judged, and passed",
      rollout.status.windows,
    );
    claim(rollout.status.incident === undefined, "there is no incident", rollout.status.incident);
    await patchSpec(view, { rollout: QUICK_ROLLOUT }, progress);
    await claimBooks(view, release, progress);
  },
};

const planSchema = z.object({ phases: z.array(z.object({ steps: z.array(z.object({ validator: z.int() })) })) });

/** The validators that `kubectl hmn plan` says an upgrade to that release will move, by phase. */
async function planOf(view: View, release: Release, progress: Progress): Promise<readonly (readonly number[])[]> {
  const { cluster, namespace, name } = view;
  const { spec, ...live } = z
    .object({ apiVersion: z.string(), kind: z.string(), spec: z.record(z.string(), z.unknown()) })
    .parse(JSON.parse(await kubectl(cluster, ["-n", namespace, "get", "hmn", name, "-o", "json"])));
  const wanted = { ...live, metadata: { name }, spec: { ...spec, ...releaseSpec(release) } };
  const text = JSON.stringify(wanted);
  await kubectlHmn(view, ["plan", "-f", "-"], progress, text);
  const { phases } = planSchema.parse(
    JSON.parse(await kubectlHmn(view, ["plan", "-f", "-", "-o", "json"], progress, text)),
  );
  return phases.map(({ steps }) => steps.map(({ validator }) => validator));
}

/** What must not open a gate, each tried on the real API server. */
async function claimRefusals(view: View, number: number): Promise<void> {
  const { cluster, namespace, name } = view;
  const uid = (await kubectl(cluster, ["-n", namespace, "get", "hmn", name, "-o", "jsonpath={.metadata.uid}"])).trim();
  const rollout = `${name}-${number}`;
  const role = [
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "Role",
      metadata: { name: "bob" },
      rules: [{ apiGroups: ["hmn.dev"], resources: ["hmnapprovals"], verbs: ["create", "get"] }],
    },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata: { name: "bob" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "bob" },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: BOB }],
    },
  ];
  const input = JSON.stringify({ apiVersion: "v1", kind: "List", items: role });
  await kubectl(cluster, ["-n", namespace, "apply", "-f", "-"], { input });
  const approval = (username: string) =>
    JSON.stringify({
      apiVersion: "hmn.dev/v1alpha1",
      kind: "HmnApproval",
      metadata: { generateName: `${name}-` },
      spec: { cluster: name, clusterUID: uid, rollout, action: "Promote", phase: 1, signer: { username } },
    });
  const refused = async (what: string, args: readonly string[], expected: string, text?: string): Promise<void> => {
    const { code, stderr } = await cluster.kubectl(
      ["-n", namespace, ...args],
      text === undefined ? {} : { input: text },
    );
    claim(code !== 0 && stderr.includes(expected), `the API server refuses ${what}`, stderr.trim());
  };
  await refused("an approval in another's name", ["create", "-f", "-"], "must be you", approval(BOB));
  await refused(
    "an approval by a user without the verb approve",
    ["create", "--as", BOB, "-f", "-"],
    "may not approve for this cluster",
    approval(BOB),
  );
  await refused(
    "a status written by hand",
    ["patch", "hmnro", rollout, "--subresource=status", "--type=merge", "-p", '{"status":{"state":"Moving"}}'],
    "written by the operator alone",
  );
}
