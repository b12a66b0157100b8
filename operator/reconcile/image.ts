import type { Snapshot } from "../observe/snapshot.ts";
import { imageOf, strays } from "../rollout/image-pin.ts";
import type { View } from "../rollout/view.ts";

/**
 * The image that the current release was judged with. What ran before images were recorded is taken as it is found.
 */
export function currentImage({ rollouts, cluster }: Snapshot, view: View, current: string): string | undefined {
  const succeeded = rollouts.findLast(({ status }) => status.state === "Succeeded");
  const recorded =
    succeeded?.status.imageId ?? (cluster.status.currentRevision === current ? cluster.status.currentImage : undefined);
  return recorded ?? imageOf(view.nodes.find(({ podRevision }) => podRevision === current && current !== "")?.pod);
}

/** Whether what restarted since the release was judged still runs what was judged; undefined while nothing was. */
export function imageUnchanged(view: View, current: string, image: string | undefined) {
  if (current === "" || image === undefined) return undefined;
  const moved = strays(view.nodes, current, image);
  const [first] = moved;
  if (first === undefined)
    return { status: "True", reason: "OneImage", message: `Every node of the current release runs ${image}` } as const;
  return {
    status: "False",
    reason: "ImageMoved",
    message: `Node ${moved.map(({ id }) => id).join(", ")} came back with another image (${imageOf(first.pod)}) than the release was judged with (${image}): the reference has come to mean something else. Name it by digest in spec.image.reference, or let it mean the first image again and delete the pod`,
  } as const;
}
