import type { EntryLog } from "./entry-log.ts";

/** A segment behind which another one begins: its groups are those from `firstGroup` up to `nextGroup`, any others in it are void. */
export type FullSegment = {
  readonly sequence: number;
  readonly path: string;
  readonly seed: number;
  readonly firstGroup: number;
  readonly nextGroup: number;
};

/** The oldest full segment above this one of which everything is durable. */
export function fullSegmentAfter(
  { segments, busyFrom }: Pick<EntryLog, "segments" | "busyFrom">,
  after: number,
): FullSegment | undefined {
  const [sequence, next] = [...segments.keys()].filter((one) => one > after).toSorted((a, b) => a - b);
  if (sequence === undefined || next === undefined || sequence >= busyFrom()) return undefined;
  const segment = segments.get(sequence);
  const following = segments.get(next);
  return segment && following && { sequence, ...segment, nextGroup: following.firstGroup };
}
