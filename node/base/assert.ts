/** Thrown when the program contradicts itself: a bug, never bad input. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** States one invariant, positively. Stays on in production: a wrong node must stop, not go on. */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new AssertionError(`invariant broken: ${invariant}`);
}

/** The default branch of a closed switch. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${JSON.stringify(value)}`);
}

/** The value, which an invariant says is there. */
export function present<T>(value: T | undefined | null, invariant: string): T {
  assert(value !== undefined && value !== null, invariant);
  return value;
}
