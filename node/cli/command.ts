import type { Refusal } from "../base/result.ts";
import { type Flags, helpOf, type Parsed, parseFlags, type Usage } from "./flags.ts";

/** One command of `hmn-node`: a file of this folder each. Answers with the exit code: 0 it went well, 1 it did not, 2 it was asked wrongly. */
export type Command = (args: readonly string[], world: World) => Promise<number>;

/** What a command may see and write. */
export type World = {
  readonly environment: NodeJS.ProcessEnv;
  out(text: string): void;
  error(text: string): void;
};

/** A command from its usage and what it does with checked flags; what it refuses is told together with the help. */
export function command<F extends Flags>(
  usage: Usage<F>,
  run: (flags: Parsed<F>, world: World) => Promise<number | Refusal<"usage">>,
): Command {
  return async (args, world) => {
    if (args.includes("--help")) {
      world.out(helpOf(usage));
      return 0;
    }
    const flags = parseFlags(usage, args);
    const ended = flags.ok ? await run(flags.value, world) : flags;
    if (typeof ended === "number") return ended;
    world.error(`hmn-node ${usage.command}: ${ended.detail ?? ended.reason}\n\n${helpOf(usage)}`);
    return 2;
  };
}
