import type { Cluster } from "../cluster/cluster.ts";
import { buildImages, type ImageWanted } from "../images/build.ts";
import type { Progress } from "./progress.ts";

/** Builds the images and brings them onto the hosts; what did not change since is left alone. */
export async function provideImages(
  cluster: Cluster,
  wanted: readonly ImageWanted[],
  progress: Progress,
): Promise<void> {
  const names = wanted.map((image) => image.name);
  if (cluster.engine === undefined) {
    progress.say(
      `images cannot be built for a cluster that was there before: it has to find ${names.join(", ")} itself`,
    );
    return;
  }
  await buildImages(cluster.engine, wanted, progress);
  await cluster.loadImages(names, progress);
}
