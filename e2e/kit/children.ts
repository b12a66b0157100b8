import type { ChildProcess } from "node:child_process";

const children = new Set<ChildProcess>();

/** Ends the child with this process, however this process ends, but for SIGKILL. */
export function tie(child: ChildProcess): void {
  children.add(child);
  child.once("exit", () => children.delete(child));
}

/** To be called once by a program: signals then end it through its exit handlers, and these end the children. */
export function endOnSignals(): void {
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
