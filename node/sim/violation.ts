/** A checker saw what must never be. */
export class Violation extends Error {
  override readonly name = "Violation";
}

export function check(condition: boolean, checker: string, detail: () => string): asserts condition {
  if (!condition) throw new Violation(`${checker}: ${detail()}`);
}
