/** Names and numbers alone: what a span says leaves the cluster. */
export type Attributes = Readonly<Record<string, string | number>>;

/** A step of a reconcile, as OpenTelemetry has it. */
export type Span = {
  /** A step of this one. */
  readonly child: (name: string, attributes?: Attributes) => Span;
  readonly set: (attributes: Attributes) => void;
  /** Once. With an error it failed; only what kind of error it was is told, since messages quote what was sent. */
  readonly end: (error?: unknown) => void;
};

/** What nobody records. */
export const noSpan: Span = { child: () => noSpan, set: () => {}, end: () => {} };

/** Does it as a step, which ends with it. */
export async function step<T>(span: Span, name: string, attributes: Attributes, act: () => Promise<T>): Promise<T> {
  const own = span.child(name, attributes);
  try {
    const done = await act();
    own.end();
    return done;
  } catch (error) {
    own.end(error);
    throw error;
  }
}
