/** A claim about the system that turned out false: the failure of a scenario, in words. */
export class ClaimFailed extends Error {
  override readonly name = "ClaimFailed";
}

/** States one claim; `seen` tells what was there instead. */
export function claim(holds: boolean, what: string, seen: unknown): asserts holds {
  if (!holds)
    throw new ClaimFailed(`not true: ${what}; seen: ${typeof seen === "string" ? seen : JSON.stringify(seen)}`);
}

export function claimEqual<T>(seen: T, wanted: T, what: string): void {
  claim(JSON.stringify(seen) === JSON.stringify(wanted), `${what} is ${JSON.stringify(wanted)}`, seen);
}
