import type { ChildProcess } from "node:child_process";

const children = new Set<ChildProcess>();

/** Ends the child with this process, however this process ends, but for SIGKILL. */
export function tie(child: ChildProcess): void {
  children.add(child);
  child.once("exit", () => children.delete(child));
}

/** A program of this process: what `main` answers is its exit code, and signals end it with its children. `tell` says why it failed. */
export function runProgram(
  main: (args: readonly string[]) => Promise<number>,
  tell: (error: unknown) => void = console.error,
): void {
  endOnSignals();
  main(process.argv.slice(2)).then(
    (code) => {
      process.exitCode = code;
    },
    (error: unknown) => {
      tell(error);
      process.exitCode = 1;
    },
  );
}

/** Signals end the process through its exit handlers, and these end the children. */
function endOnSignals(): void {
  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)
    process.once(signal, () => process.exit(code));
  process.once("exit", () => {
    for (const child of children) child.kill();
  });
}
