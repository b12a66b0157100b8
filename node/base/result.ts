/** An expected outcome: a value, or a refusal with its reason and the facts that explain it. */
export type Result<T, Reason extends string = string> = { readonly ok: true; readonly value: T } | Refusal<Reason>;

export type Refusal<Reason extends string = string> = {
  readonly ok: false;
  readonly reason: Reason;
  /** What was wrong and, where a person can act on it, what to do. */
  readonly detail?: string;
};

export const accept = <T>(value: T): { readonly ok: true; readonly value: T } => ({ ok: true, value });

export const refuse = <Reason extends string>(reason: Reason, detail?: string): Refusal<Reason> =>
  detail === undefined ? { ok: false, reason } : { ok: false, reason, detail };
