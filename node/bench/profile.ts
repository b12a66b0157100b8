import { z } from "zod";
import { present } from "../base/assert.ts";

/** What V8's sampling profiler answers: a call tree, and at which of its nodes each sample stood. */
export const profileSchema = z.object({
  nodes: z.array(
    z.object({
      id: z.number(),
      callFrame: z.object({ functionName: z.string(), url: z.string() }),
      children: z.array(z.number()).optional(),
    }),
  ),
  samples: z.array(z.number()),
  timeDeltas: z.array(z.number()),
});
export type Profile = z.output<typeof profileSchema>;

/** CPU time in microseconds by stage; idle time is left out. */
export type Stages = ReadonlyMap<string, number>;

/**
 * A stage is a room of the node: of the innermost of its functions on the stack, so that hashing inside Node counts for
 * whoever asked for it. Outside of all functions runs native code that the event loop calls: TLS, sockets, timers.
 */
export function stagesOf(profile: Profile, detail: "room" | "file" = "room"): Stages {
  const parents = new Map<number, number>();
  const byId = new Map(profile.nodes.map((node) => [node.id, node]));
  for (const { id, children } of profile.nodes) for (const child of children ?? []) parents.set(child, id);
  const known = new Map<number, string>();
  const stageOf = (id: number): string => {
    const found = known.get(id);
    if (found !== undefined) return found;
    const { callFrame } = present(byId.get(id), "a sample stands at a node of the tree");
    const parent = parents.get(id);
    const stage =
      special(callFrame.functionName) ??
      placeOf(callFrame.url, detail) ??
      (parent === undefined ? "Node.js and native code" : stageOf(parent));
    known.set(id, stage);
    return stage;
  };
  const stages = new Map<string, number>();
  for (const [index, id] of profile.samples.entries()) {
    const stage = stageOf(id);
    if (stage !== IDLE) stages.set(stage, (stages.get(stage) ?? 0) + (profile.timeDeltas[index] ?? 0));
  }
  return stages;
}

const IDLE = "(idle)";

function special(functionName: string): string | undefined {
  switch (functionName) {
    case IDLE:
      return IDLE;
    case "(garbage collector)":
      return "garbage collection";
    case "(program)":
      return "native code of the event loop";
    default:
      return undefined;
  }
}

/** `node/consensus` of `…/node/consensus/votes.js`; `node` of a file that stands in no room. */
function placeOf(url: string, detail: "room" | "file"): string | undefined {
  const packaged = /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1];
  if (packaged !== undefined) return `package ${packaged}`;
  const path = /\/(node\/(?:[a-z]+\/)?[a-z0-9-]+)\.[jt]s$/.exec(url)?.[1];
  if (path === undefined) return undefined;
  return detail === "file" ? path : path.slice(0, path.lastIndexOf("/"));
}

/** The sums of several profiles' stages, largest first. */
export function joinStages(all: readonly Stages[]): Stages {
  const sums = new Map<string, number>();
  for (const stages of all) for (const [stage, us] of stages) sums.set(stage, (sums.get(stage) ?? 0) + us);
  return new Map([...sums].toSorted(([, a], [, b]) => b - a));
}
