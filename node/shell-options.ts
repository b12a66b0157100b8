import { parseArgs } from "node:util";
import { z } from "zod";
import { ALLOWANCE_PER_SECOND } from "./api/allowance.ts";
import { ENVIRONMENT, OBSERVER_IDS, observerId, PATHS, PORTS } from "./api/contract.ts";
import { accept, type Result, refuse } from "./base/result.ts";

/** Where one node process finds its things. */
export type StartOptions = {
  /** Its id among the nodes: a validator's, or the number that an observer goes by. */
  readonly validator: number;
  readonly version: string;
  readonly data: string;
  readonly tls: string;
  readonly config: string;
  /** Address to listen on; undefined: all of them. */
  readonly host: string | undefined;
  readonly ports: {
    readonly control: number;
    readonly client: number;
    readonly api: number;
    readonly mesh: number;
    readonly consensus: number;
  };
  /** Transfers per second that one key may have executed through this node; 0 is no limit. */
  readonly allowance: number;
  /** Blocks, at most, behind which a snapshot is written at the next checkpoint. */
  readonly snapshotBlocks: number;
  /** Keeps the whole log; without it what two snapshots cover is released. */
  readonly archive: boolean;
  readonly logLevel: string;
  readonly faults: string;
};

const SNAPSHOT_BLOCKS = 5_000;

/** The release, as built into the image. */
export const versionOf = (environment: NodeJS.ProcessEnv): string => environment.HMN_VERSION ?? "0.0.0-dev";

export const START_HELP = `hmn-node start: runs one node of a Harmonic Mesh Network

  flag                environment         default
  --validator N       ${ENVIRONMENT.validator}       this node's validator id
  --observer N        ${ENVIRONMENT.observer}        in its place: this node follows without a vote, as observer N (0 to ${OBSERVER_IDS.count - 1})
  --data DIR          HMN_DATA            ${PATHS.data}
  --tls DIR           HMN_TLS             ${PATHS.tls} (ca.crt, tls.crt, tls.key)
  --config DIR        HMN_CONFIG          ${PATHS.config} (network.json, genesis.json)
  --host ADDRESS      HMN_HOST            all addresses
  --control-port N    HMN_CONTROL_PORT    ${PORTS.control} probes, status, metrics (HTTPS)
  --client-port N     HMN_CLIENT_PORT     ${PORTS.client} client protocol (TLS)
  --api-port N        HMN_API_PORT        ${PORTS.api} JSON API (HTTPS)
  --mesh-port N       HMN_MESH_PORT       ${PORTS.mesh} memory mesh of other nodes (mutual TLS)
  --consensus-port N  HMN_CONSENSUS_PORT  ${PORTS.consensus} other nodes (mutual TLS)
  --allowance N       HMN_ALLOWANCE       ${ALLOWANCE_PER_SECOND} transfers per second and key; 0 is no limit
  --snapshot-blocks N HMN_SNAPSHOT_BLOCKS ${SNAPSHOT_BLOCKS} a snapshot after so many blocks, or 256 MiB of log
  --archive BOOLEAN   HMN_ARCHIVE         true: keeps the whole log; \`false\` releases what two snapshots cover
  --log-level LEVEL   ${ENVIRONMENT.logLevel}       info
`;

// Not coerced: an empty variable must not pass for 0.
const whole = z.union([
  z.number(),
  z
    .string()
    .regex(/^[0-9]{1,10}$/, "a whole number is needed")
    .transform(Number),
]);
const port = whole.refine((value) => value <= 65_535, "a port is at most 65535");
const optionsSchema = z.object({
  validator: whole.refine((value) => value < OBSERVER_IDS.first, `an id is below ${OBSERVER_IDS.first}`).optional(),
  observer: whole.refine((value) => value < OBSERVER_IDS.count, `there are ${OBSERVER_IDS.count} at most`).optional(),
  data: z.string().min(1),
  tls: z.string().min(1),
  config: z.string().min(1),
  host: z.string().min(1).optional(),
  "control-port": port,
  "client-port": port,
  "api-port": port,
  "mesh-port": port,
  "consensus-port": port,
  allowance: whole,
  "snapshot-blocks": whole.refine((value) => value >= 1, "at least one block"),
  archive: z.enum(["true", "false"]),
  "log-level": z.enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"]),
});

/** Flags win over the environment, the environment over the container's paths. */
export function parseStart(args: readonly string[], environment: NodeJS.ProcessEnv): Result<StartOptions, "usage"> {
  const string = { type: "string" } as const;
  let flags: Readonly<Record<string, string | undefined>>;
  try {
    flags = parseArgs({
      args: [...args],
      options: Object.fromEntries(Object.keys(optionsSchema.shape).map((name) => [name, string])),
    }).values;
  } catch (cause) {
    return refuse("usage", cause instanceof Error ? cause.message : String(cause));
  }
  const parsed = optionsSchema.safeParse({
    validator: environment[ENVIRONMENT.validator],
    observer: environment[ENVIRONMENT.observer],
    data: environment.HMN_DATA ?? PATHS.data,
    tls: environment.HMN_TLS ?? PATHS.tls,
    config: environment.HMN_CONFIG ?? PATHS.config,
    host: environment.HMN_HOST,
    "control-port": environment.HMN_CONTROL_PORT ?? PORTS.control,
    "client-port": environment.HMN_CLIENT_PORT ?? PORTS.client,
    "api-port": environment.HMN_API_PORT ?? PORTS.api,
    "mesh-port": environment.HMN_MESH_PORT ?? PORTS.mesh,
    "consensus-port": environment.HMN_CONSENSUS_PORT ?? PORTS.consensus,
    allowance: environment.HMN_ALLOWANCE ?? ALLOWANCE_PER_SECOND,
    "snapshot-blocks": environment.HMN_SNAPSHOT_BLOCKS ?? SNAPSHOT_BLOCKS,
    archive: environment.HMN_ARCHIVE ?? "true",
    "log-level": environment[ENVIRONMENT.logLevel] ?? "info",
    ...flags,
  });
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return refuse("usage", `${issue?.path.join(".") ?? "options"}: ${issue?.message ?? "malformed"}`);
  }
  const options = parsed.data;
  const { validator, observer } = options;
  if ((validator === undefined) === (observer === undefined))
    return refuse("usage", "validator: either its id or the number of an observer is needed");
  return accept({
    validator: validator ?? observerId(observer ?? 0),
    version: versionOf(environment),
    data: options.data,
    tls: options.tls,
    config: options.config,
    host: options.host,
    ports: {
      control: options["control-port"],
      client: options["client-port"],
      api: options["api-port"],
      mesh: options["mesh-port"],
      consensus: options["consensus-port"],
    },
    allowance: options.allowance,
    snapshotBlocks: options["snapshot-blocks"],
    archive: options.archive === "true",
    logLevel: options["log-level"],
    faults: environment[ENVIRONMENT.faults] ?? "",
  });
}
