import { join } from "node:path";
import { ROOT } from "./examples.ts";
import { shown } from "./kubectl.ts";
import type { Progress } from "./progress.ts";
import type { View } from "./view.ts";

/** Runs `kubectl hmn …` as a user does whose PATH has the plugin's folder, and answers what it printed; a failure throws. */
export async function kubectlHmn(
  { cluster, namespace }: View,
  args: readonly string[],
  progress: Progress,
  input?: string,
): Promise<string> {
  const whole = ["hmn", ...args, "-n", namespace];
  progress.say(`$ kubectl ${shown(whole)}`);
  const path = `${join(ROOT, "operator/cli")}:${process.env.PATH}`;
  const { code, stdout, stderr } = await cluster.kubectl(whole, {
    env: { PATH: path },
    ...(input === undefined ? {} : { input }),
  });
  if (code !== 0) throw new Error(`kubectl ${shown(whole)} ended with ${code}: ${(stderr || stdout).trim()}`);
  for (const line of stdout.trimEnd().split("\n")) progress.say(`  ${line}`);
  return stdout;
}
