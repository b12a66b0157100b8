/** Work that is left to do should the bench end early: processes and folders that nobody else would end. */
export function atExit(work: () => void): { forget(): void } {
  process.once("exit", work);
  return { forget: () => process.removeListener("exit", work) };
}

/** Lets that work be done when a person or the system ends the bench. */
export function exitOnSignals(): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
}
