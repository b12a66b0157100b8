import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import { accept, type Result, refuse } from "../../node/base/result.ts";
import { millis } from "../../node/base/units.ts";
import { type ClusterSpec, clusterSpecSchema } from "../api/cluster.ts";
import { API_VERSION } from "../api/group.ts";
import { specFault } from "../desired/spec-fault.ts";
import { resources } from "../observe/resources.ts";
import type { ClusterObject } from "../observe/snapshot.ts";
import { ApiError, isStatus } from "../runtime/api-error.ts";
import { changePlan } from "./change-plan.ts";
import { type Command, EXIT, failure, REACH_FLAGS, type World } from "./command.ts";
import { planScreen } from "./plan-screen.ts";
import { findCluster, lookOf, ofCluster, openSession, readRollouts, type Session } from "./session.ts";

export const plan: Command = {
  usage: {
    name: "plan",
    summary:
      "what a changed HmnCluster would do: which validators move, in which order, and what that leaves of the quorum",
    positionals: [],
    flags: {
      filename: {
        short: "f",
        value: "FILE",
        help: "file with the HmnCluster as it would be applied; - is standard input",
      },
      ...REACH_FLAGS,
      output: { short: "o", value: "json", help: "json: the plan for programs" },
    },
    examples: [
      "kubectl hmn plan -f new.yaml",
      "kubectl get hmn payments -o yaml | sed 's/1.0.0/1.1.0/' | kubectl hmn plan -f -",
      "kubectl hmn plan -f new.yaml -o json | jq '.phases[].steps'",
    ],
  },
  run: async (args, world) => {
    const file = args.text("filename");
    if (file === undefined)
      return failure(world, refuse("usage", "plan needs -f FILE: the HmnCluster as it would be applied"));
    const output = args.text("output");
    if (output !== undefined && output !== "json") return failure(world, refuse("output", "-o knows only json"));
    const read = parsedCluster(
      file === "-" ? await world.input() : await readFile(resolve(world.folder, file), "utf8"),
    );
    if (!read.ok) return failure(world, read);
    const { metadata, spec, given } = read.value;
    const opened = await openSession(args, world);
    const namespace = args.text("namespace") ?? metadata.namespace ?? opened.namespace;
    if (metadata.namespace !== undefined && metadata.namespace !== namespace)
      return failure(world, refuse("namespace", `the file says namespace ${metadata.namespace}, -n says ${namespace}`));
    const session = { ...opened, namespace };
    const live = await findCluster(session, metadata.name);
    const checked = await checkedByServer(session, { name: metadata.name, given, live }, world);
    if (!checked.ok) return failure(world, checked);
    const rollouts = live === undefined ? [] : ofCluster(await readRollouts(session), live);
    const planned = changePlan(spec, live, rollouts, millis(world.now()));
    world.out(
      output === "json"
        ? `${JSON.stringify(planned, null, 2)}\n`
        : planScreen(`${namespace}/${metadata.name}`, planned, lookOf(world)),
    );
    return EXIT.done;
  },
};

type GivenCluster = {
  readonly metadata: { readonly name: string; readonly namespace?: string | undefined };
  readonly spec: ClusterSpec;
  /** The spec as it stands in the file. */
  readonly given: unknown;
};

const objectSchema = z.object({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.object({ name: z.string(), namespace: z.string().optional() }),
  spec: z.unknown(),
});

/** The one HmnCluster of a file that may hold other objects as well. */
export function parsedCluster(text: string): Result<GivenCluster, "does-not-fit"> {
  const found: z.output<typeof objectSchema>[] = [];
  for (const document of parseAllDocuments(text)) {
    const [error] = document.errors;
    if (error !== undefined) return refuse("does-not-fit", `the file is not YAML: ${error.message}`);
    const object = objectSchema.safeParse(document.toJS());
    if (object.success && object.data.kind === "HmnCluster") found.push(object.data);
  }
  const [only, second] = found;
  if (only === undefined || second !== undefined)
    return refuse("does-not-fit", `the file holds ${found.length} HmnClusters, but a plan is for one`);
  if (only.apiVersion !== API_VERSION)
    return refuse("does-not-fit", `apiVersion is ${only.apiVersion}, but must be ${API_VERSION}`);
  const spec = clusterSpecSchema.safeParse(only.spec);
  if (!spec.success) return refuse("does-not-fit", `the spec is invalid:\n${issuesText(spec.error)}`);
  const fault = specFault(spec.data);
  if (fault !== undefined) return refuse("does-not-fit", `the spec is invalid: ${fault}`);
  return accept({ metadata: only.metadata, spec: spec.data, given: only.spec });
}

/** Each field that does not fit, by its path, as the API server writes it. */
const issuesText = (error: z.ZodError): string =>
  error.issues
    .map(({ path, message }) => {
      const field = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`)).join("");
      return `  spec${field}: ${message}`;
    })
    .join("\n");

/**
 * The API server's own rules, those about changes among them, by a dry run that takes the file's spec as the whole one.
 * Whoever may not change the cluster is told that this was left out.
 */
async function checkedByServer(
  { client, namespace, asking }: Session,
  { name, given, live }: { name: string; given: unknown; live: ClusterObject | undefined },
  world: World,
): Promise<Result<undefined, "invalid">> {
  const resource = resources.HmnCluster;
  const query = { dryRun: "All", fieldManager: "kubectl-hmn", fieldValidation: "Strict" };
  const object = { apiVersion: API_VERSION, kind: resource.kind, metadata: { name, namespace }, spec: given };
  try {
    await asking(
      live === undefined
        ? client.json({ method: "POST", place: { resource, namespace }, query, body: object })
        : client.json({
            method: "PATCH",
            place: { resource, namespace, name },
            query,
            contentType: "application/json-patch+json",
            body: [{ op: "replace", path: "/spec", value: given }],
          }),
    );
    return accept(undefined);
  } catch (error) {
    if (isStatus(error, 403)) {
      world.error(
        "Not checked against the API server's rules: you may not change this cluster, not even in a dry run.\n",
      );
      return accept(undefined);
    }
    if (error instanceof ApiError && (error.status === 400 || error.status === 422))
      return refuse("invalid", `the API server refuses this spec: ${error.message}`);
    throw error;
  }
}
