import { spawn } from "node:child_process";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { present } from "../../node/base/assert.ts";

/** What a program left behind when it ended. `code` is 128 + the signal's number where a signal ended it. */
export type Output = { readonly stdout: string; readonly stderr: string; readonly code: number };

export type RunOptions = {
  /** Added to this process's environment; `undefined` removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Text, or a file, for the program's input; nothing by default. */
  readonly input?: string | { readonly file: string };
  readonly timeoutMs?: number;
  /** Called with each line of both outputs as it comes. */
  readonly onLine?: (line: string) => void;
  readonly signal?: AbortSignal;
};

/** Nothing that is run here says more; what would say more is cut at its beginning. */
const OUTPUT_MAX = 16 * 1024 * 1024;

/** A program that ended with another code than 0, told with what it said last. */
export class CommandFailed extends Error {
  override readonly name = "CommandFailed";
  readonly output: Output;
  constructor(command: string, output: Output) {
    const said = (output.stderr.trim() || output.stdout.trim()).split("\n").slice(-12).join("\n");
    super(`${command} ended with ${output.code}${said === "" ? "" : `:\n${said}`}`);
    this.output = output;
  }
}

/** Runs a program to its end. A code other than 0 is a result; only a program that cannot be started throws. */
export async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Output> {
  const env = { ...process.env };
  for (const [name, value] of Object.entries(options.env ?? {})) {
    if (value === undefined) delete env[name];
    else env[name] = value;
  }
  const child = spawn(program, args, {
    env,
    cwd: options.cwd,
    stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs, killSignal: "SIGKILL" as const }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const said = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    const stream = present(child[name], "output is piped");
    stream.setEncoding("utf8");
    let partial = "";
    stream.on("data", (text: string) => {
      said[name] = (said[name] + text).slice(-OUTPUT_MAX);
      if (options.onLine === undefined) return;
      const lines = (partial + text).split("\n");
      partial = lines.pop() ?? "";
      for (const line of lines) options.onLine(line);
    });
  }
  const ended = new Promise<number>((resolve, reject) => {
    child.on("error", (cause) => reject(new Error(`${program} cannot be run: ${cause.message}`, { cause })));
    child.on("close", (code, signal) => resolve(code ?? (signal === "SIGKILL" ? 137 : 143)));
  });
  if (child.stdin !== null) {
    // A program that ends before it has read everything breaks the pipe; its code says why.
    child.stdin.on("error", () => {});
    if (typeof options.input === "object")
      await Promise.race([pipeline(createReadStream(options.input.file), child.stdin).catch(() => {}), ended]);
    else child.stdin.end(options.input);
  }
  const code = await ended;
  return { ...said, code };
}

/** Runs a program that has to succeed; returns its standard output. */
export async function must(program: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const output = await run(program, args, options);
  if (output.code !== 0) throw new CommandFailed([program, ...args].slice(0, 6).join(" "), output);
  return output.stdout;
}

/** Whether a program of this name is on the PATH. */
export async function onPath(program: string): Promise<boolean> {
  return (await run("sh", ["-c", 'command -v "$1"', "sh", program])).code === 0;
}
