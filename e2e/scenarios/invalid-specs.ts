import { invalidExamples } from "../../operator/api/invalid-examples.ts";
import type { InvalidExample } from "../../operator/api/valid-examples.ts";
import { claim } from "../kit/claim.ts";
import { ROOT } from "../kit/examples.ts";
import type { ApiScene, Scenario } from "./scenario.ts";

const NAMESPACE = "hmn-e2e-invalid";

export const invalidSpecs: Scenario = {
  name: "invalid-specs",
  on: "api",
  asserts: [
    "the API server refuses every entry of operator/api/invalid-examples.ts, with a message that names the remedy",
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
  },
};

async function claimRefused(
  scene: ApiScene,
  { name, before, object, subresource, expect }: InvalidExample,
): Promise<void> {
  const part = subresource === undefined ? [] : [`--subresource=${subresource}`];
  if (before !== undefined) {
    await must(scene, apply([]), before);
    if (subresource !== undefined) await must(scene, apply(part), before);
  }
  const { code, stderr } = await scene.kubectl(apply(part), { input: JSON.stringify(object) });
  claim(code !== 0, `the API server refuses: ${name}`, "it was taken");
  claim(stderr.includes(expect), `the refusal of "${name}" says "${expect}"`, stderr.trim());
  if (before !== undefined) await must(scene, ["-n", NAMESPACE, "delete", "-f", "-", "--timeout=30s"], before);
}

const apply = (more: readonly string[]): string[] => [
  ...["-n", NAMESPACE, "apply", "--server-side", "--force-conflicts", "--validate=false"],
  ...more,
  ...["-f", "-"],
];

async function must({ kubectl }: ApiScene, args: readonly string[], input?: unknown): Promise<void> {
  const { code, stderr } = await kubectl(args, input === undefined ? {} : { input: JSON.stringify(input) });
  claim(code === 0, `kubectl ${args.join(" ")} succeeds`, stderr.trim());
}
