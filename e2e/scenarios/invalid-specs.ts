import { deletionPolicy, deletionPolicyBinding } from "../../operator/api/deletion-policy.ts";
import { invalidExamples } from "../../operator/api/invalid-examples.ts";
import { type InvalidExample, validCluster } from "../../operator/api/valid-examples.ts";
import { claim } from "../kit/claim.ts";
import { ROOT } from "../kit/examples.ts";
import { found, instead, waitFor } from "../kit/wait.ts";
import type { ApiScene, Scenario } from "./scenario.ts";

const NAMESPACE = "hmn-e2e-invalid";

export const invalidSpecs: Scenario = {
  name: "invalid-specs",
  on: "api",
  asserts: [
    "the API server refuses every entry of operator/api/invalid-examples.ts, with a message that names the remedy",
    "under the chart's policy an HmnCluster with spec.deletionProtection is not deleted until that is lifted",
  ],
  run: async (scene) => {
    const { kubectl, progress } = scene;
    await must(scene, ["apply", "--server-side", "-f", `${ROOT}crds`]);
    await must(scene, ["wait", "--for=condition=Established", "--timeout=60s", "-f", `${ROOT}crds`]);
    const namespace = await kubectl(["create", "namespace", NAMESPACE]);
    claim(
      namespace.code === 0 || namespace.stderr.includes("AlreadyExists"),
      "a namespace can be made",
      namespace.stderr,
    );
    claim(invalidExamples.length > 0, "there are examples", invalidExamples.length);
    for (const [index, example] of invalidExamples.entries()) {
      progress.detail(`${index + 1} of ${invalidExamples.length}: ${example.name}`);
      await claimRefused(scene, example);
    }
    progress.say(`${invalidExamples.length} examples refused, each with its message`);
    await claimProtected(scene);
  },
};

async function claimProtected(scene: ApiScene): Promise<void> {
  const { kubectl, progress } = scene;
  for (const object of [deletionPolicy, deletionPolicyBinding]) await must(scene, apply([]), object);
  const cluster = (deletionProtection: boolean) => validCluster({ deletionProtection }, { name: "protected" });
  const remove = [...own, "delete", "hmn", "protected", "--wait=false"];
  await must(scene, apply([]), cluster(true));
  await waitFor(
    "the policy to be in force",
    async () => {
      const { code, stderr } = await kubectl([...remove, "--dry-run=server"]);
      return code === 0 ? instead("a deletion would pass") : found(stderr);
    },
    { progress, timeoutMs: 30_000 },
  );
  const { code, stderr } = await kubectl(remove);
  claim(code !== 0, "a protected HmnCluster is not deleted", "it was deleted");
  claim(stderr.includes("spec.deletionProtection is true: set it to false"), "the refusal says why", stderr.trim());
  // As the refusal says it.
  const lift = /-p '([^']*)'/.exec(stderr)?.[1] ?? "";
  await must(scene, [...own, "patch", "hmn", "protected", "--type=merge", "-p", lift]);
  await must(scene, remove);
  for (const { kind, metadata } of [deletionPolicyBinding, deletionPolicy])
    await must(scene, ["delete", kind, metadata.name]);
  progress.say("a protected HmnCluster stayed until its protection was lifted");
}

async function claimRefused(
  scene: ApiScene,
  { name, before, object, subresource, statusOfBefore, expect }: InvalidExample,
): Promise<void> {
  const part = subresource === undefined ? [] : [`--subresource=${subresource}`];
  if (before !== undefined) {
    await must(scene, apply([]), before);
    if (subresource !== undefined || statusOfBefore) await must(scene, apply(["--subresource=status"]), before);
  }
  const { code, stderr } = await scene.kubectl(apply(part), { input: JSON.stringify(object) });
  claim(code !== 0, `the API server refuses: ${name}`, "it was taken");
  claim(stderr.includes(expect), `the refusal of "${name}" says "${expect}"`, stderr.trim());
  if (before !== undefined) await must(scene, ["-n", NAMESPACE, "delete", "-f", "-", "--timeout=30s"], before);
}

const own = ["-n", NAMESPACE];
const apply = (more: readonly string[]): string[] => [
  ...own,
  ...["apply", "--server-side", "--force-conflicts", "--validate=false"],
  ...more,
  ...["-f", "-"],
];

async function must({ kubectl }: ApiScene, args: readonly string[], input?: unknown): Promise<void> {
  const { code, stderr } = await kubectl(args, input === undefined ? {} : { input: JSON.stringify(input) });
  claim(code === 0, `kubectl ${args.join(" ")} succeeds`, stderr.trim());
}
