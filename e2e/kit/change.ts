import { kubectl, shown } from "./kubectl.ts";
import type { Progress } from "./progress.ts";
import type { Release } from "./releases.ts";
import type { View } from "./view.ts";

/** Changes the spec the way a user does, and shows the command. */
export async function patchSpec(view: View, spec: unknown, progress: Progress): Promise<void> {
  const args = ["-n", view.namespace, "patch", "hmn", view.name, "--type=merge", "-p", JSON.stringify({ spec })];
  progress.say(`$ kubectl ${shown(args)}`);
  await kubectl(view.cluster, args);
}

export const releaseSpec = ({ version, image }: Release): Readonly<Record<string, unknown>> => ({
  version,
  image: { reference: image },
});

/** Asks for a release and answers the number of the rollout that will bring it. */
export async function requestRelease(view: View, release: Release, progress: Progress): Promise<number> {
  const before = (await view.hmn())?.status.lastRolloutNumber ?? 0;
  await patchSpec(view, releaseSpec(release), progress);
  return before + 1;
}
