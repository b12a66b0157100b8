import { CommandFailed, type Output, onPath, type RunOptions, run } from "./run.ts";

/** A container engine and how to speak to it. */
export type Engine = {
  readonly program: "docker" | "podman";
  /** Where its programs find it; empty for the user's own engine. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The image that ours are built on; undefined: the one that the Dockerfiles name. */
  readonly baseImage: string | undefined;
};

/** Runs the engine's command line. A code other than 0 is a result. */
export function tryEngine(engine: Engine, args: readonly string[], options: RunOptions = {}): Promise<Output> {
  return run(engine.program, args, { ...options, env: { ...engine.env, ...options.env } });
}

/** Runs the engine's command line, which has to succeed. */
export async function runEngine(engine: Engine, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const output = await tryEngine(engine, args, options);
  if (output.code !== 0) throw new CommandFailed([engine.program, ...args].slice(0, 5).join(" "), output);
  return output.stdout;
}

const ANSWER_MS = 10_000;

/** The user's own engine, if one answers. */
export async function findEngine(): Promise<Engine | undefined> {
  for (const program of ["docker", "podman"] as const) {
    if (!(await onPath(program))) continue;
    const engine: Engine = { program, env: {}, baseImage: undefined };
    if (await answers(engine)) return engine;
  }
  return undefined;
}

export async function answers(engine: Engine): Promise<boolean> {
  return (await tryEngine(engine, ["info"], { timeoutMs: ANSWER_MS })).code === 0;
}

export async function hasImage(engine: Engine, reference: string): Promise<boolean> {
  return (await tryEngine(engine, ["image", "inspect", reference])).code === 0;
}
