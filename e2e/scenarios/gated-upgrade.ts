import { dirname } from "node:path";
import { run } from "../cluster/run.ts";
import { patchSpec, requestRelease } from "../kit/change.ts";
import { claim, claimEqual } from "../kit/claim.ts";
import { untilCluster } from "../kit/cluster-state.ts";
import { followRollout, inState } from "../kit/follow.ts";
import { kubectl } from "../kit/kubectl.ts";
import type { View } from "../kit/view.ts";
import { QUICK_ROLLOUT } from "./phases.ts";
import type { Scenario } from "./scenario.ts";
import { claimBooks, claimRunning, inputsOf, otherThan } from "./steady.ts";

const BOB = "bob@example.com";

export const gatedUpgrade: Scenario = {
  name: "gated-upgrade",
  on: "releases",
  asserts: [
    "an upgrade with a gate behind its first phase waits there, on one validator, until somebody approves",
    "the API server refuses an approval in another's name, one by a user without the verb `approve`, and a status written by hand",
    "the line in status.waitingFor.command, run as it is, opens the gate; the HmnRollout names who did it",
  ],
  run: async ({ stage, progress }) => {
    const view = await stage.ensure(progress);
    const release = otherThan(await inputsOf(view));
    const [first, ...others] = QUICK_ROLLOUT.phases;
    await patchSpec(view, { rollout: { ...QUICK_ROLLOUT, phases: [{ ...first, gate: true }, ...others] } }, progress);
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
    const rollout = await followRollout(view, {
      number,
      until: inState("Succeeded"),
      what: `${release.version} on all validators`,
      progress,
    });
    const me = (await kubectl(view.cluster, ["auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"])).trim();
    claim(
      (rollout.status.timeline ?? []).some(({ event, message }) => event === "Promoted" && message.includes(me)),
      `the timeline says that ${me} promoted`,
      rollout.status.timeline,
    );
    await claimRunning(view, release, progress);
    await patchSpec(view, { rollout: QUICK_ROLLOUT }, progress);
    await claimBooks(view, release, progress);
  },
};

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
