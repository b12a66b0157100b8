import type { Cluster } from "../cluster/cluster.ts";

export class KubectlFailed extends Error {
  override readonly name = "KubectlFailed";
}

export type KubectlOptions = { readonly input?: string; readonly timeoutMs?: number };

/** Runs kubectl as a user would and answers what it printed; a failure throws with kubectl's own words. */
export async function kubectl(
  cluster: Cluster,
  args: readonly string[],
  options: KubectlOptions = {},
): Promise<string> {
  const { stdout, stderr, code } = await cluster.kubectl([...args], options);
  if (code !== 0) throw new KubectlFailed(`kubectl ${shown(args)} failed: ${(stderr || stdout).trim().slice(-800)}`);
  return stdout;
}

/** The command as a person would type it, for narration and failures. */
export const shown = (args: readonly string[]): string =>
  args.map((arg) => (/^[\w./:=@,-]+$/.test(arg) ? arg : `'${arg}'`)).join(" ");
