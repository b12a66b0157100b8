import { parseArgs } from "node:util";
import { accept, type Refusal, type Result, refuse } from "../../node/base/result.ts";
import type { Connection } from "../runtime/connection.ts";
import { explained } from "./denied.ts";

/** What a command ends with; `operations.md` tells users. */
export const EXIT = {
  done: 0,
  /** Refused, not found, or the API server could not be asked. */
  failed: 1,
  /** Asked wrongly: unknown flag or command, missing argument. */
  usage: 2,
  /** Nothing was refused, but no answer came in time. */
  unanswered: 3,
} as const;

/** What a command may see and write. Errors and progress go to `error`, so that `out` can be piped. */
export type World = {
  readonly environment: NodeJS.ProcessEnv;
  /** Where the user stands: files are named from there. */
  readonly folder: string;
  readonly now: () => number;
  readonly out: (text: string) => void;
  readonly error: (text: string) => void;
  /** Columns of the terminal that `out` is; undefined where it is none. */
  readonly columns: number | undefined;
  /** Whether `error` is a terminal, where a line can be written over. */
  readonly liveErrors: boolean;
  readonly input: () => Promise<string>;
  /** By a kubeconfig and one of its contexts; undefined: as kubectl would choose them. */
  readonly connect: (kubeconfig: string | undefined, context: string | undefined) => Promise<Connection>;
};

/** One flag: without `value` it is a switch. */
export type Flag = { readonly help: string; readonly value?: string; readonly short?: string };

export type Usage = {
  /** As it is typed behind `kubectl hmn`. */
  readonly name: string;
  readonly summary: string;
  /** Names of arguments; in brackets those that may be left out. */
  readonly positionals: readonly string[];
  readonly flags: Readonly<Record<string, Flag>>;
  readonly examples: readonly string[];
};

export type Arguments = {
  readonly text: (flag: string) => string | undefined;
  readonly on: (flag: string) => boolean;
  readonly positionals: readonly string[];
};

export type Command = {
  readonly usage: Usage;
  readonly run: (args: Arguments, world: World) => Promise<number>;
};

/** Flags of every command that asks an API server: kubectl's own names. */
export const REACH_FLAGS = {
  namespace: { short: "n", value: "NAME", help: "namespace (default: the context's)" },
  context: { value: "NAME", help: "context of the kubeconfig" },
  kubeconfig: { value: "FILE", help: "kubeconfig file (default: KUBECONFIG, then ~/.kube/config)" },
} as const satisfies Readonly<Record<string, Flag>>;

export function readArguments(usage: Usage, args: readonly string[]): Result<Arguments, "usage"> {
  const options = Object.fromEntries(
    Object.entries(usage.flags).map(([name, { value, short }]) => [
      name,
      {
        type: value === undefined ? ("boolean" as const) : ("string" as const),
        ...(short === undefined ? {} : { short }),
      },
    ]),
  );
  let parsed: ReturnType<typeof parseArgs>;
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (cause) {
    return refuse("usage", cause instanceof Error ? cause.message : String(cause));
  }
  const { values, positionals } = parsed;
  const missing = usage.positionals[positionals.length];
  if (missing !== undefined && !missing.startsWith("[")) return refuse("usage", `${missing} is missing`);
  if (positionals.length > usage.positionals.length)
    return refuse("usage", `${positionals[usage.positionals.length]} is one argument too many`);
  return accept({
    text: (flag) => (typeof values[flag] === "string" ? values[flag] : undefined),
    on: (flag) => values[flag] === true,
    positionals,
  });
}

export function helpOf({ name, summary, positionals, flags, examples }: Usage): string {
  const rows = Object.entries(flags).map(([flag, { short, value, help }]) => ({
    left: `${short === undefined ? "    " : `-${short}, `}--${flag}${value === undefined ? "" : ` ${value}`}`,
    help,
  }));
  const width = Math.max(0, ...rows.map(({ left }) => left.length));
  return [
    `kubectl hmn ${[name, ...positionals].join(" ")}: ${summary}`,
    "",
    ...rows.map(({ left, help }) => `  ${left.padEnd(width)}  ${help}`),
    "",
    "Examples:",
    ...examples.map((example) => `  ${example}`),
    "",
  ].join("\n");
}

/** Runs one command by its own arguments; what was asked wrongly is told together with the help. */
export async function runCommand({ usage, run }: Command, args: readonly string[], world: World): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    world.out(helpOf(usage));
    return EXIT.done;
  }
  const read = readArguments(usage, args);
  if (read.ok)
    try {
      return await run(read.value, world);
    } catch (error) {
      world.error(`kubectl hmn ${usage.name}: ${explained(error)}\n`);
      return EXIT.failed;
    }
  world.error(`kubectl hmn ${usage.name}: ${read.detail}\n\n${helpOf(usage)}`);
  return EXIT.usage;
}

/** Tells what was refused, and why. */
export function failure(world: World, { detail, reason }: Refusal): number {
  world.error(`kubectl hmn: ${detail ?? reason}\n`);
  return EXIT.failed;
}
