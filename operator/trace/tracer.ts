import { randomBytes } from "node:crypto";
import type { Attributes, Span } from "./span.ts";

/** A span that has ended. Ids are hexadecimal, times nanoseconds since 1970. */
export type EndedSpan = {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly name: string;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: Attributes;
  readonly failed: boolean;
};

/** Begins a trace of its own. */
export type Tracer = (name: string, attributes: Attributes) => Span;

/** W3C Trace Context, section 3.2.2. */
const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;

/** Tells each span when it has ended, so a parent after its children. */
export function createTracer(take: (span: EndedSpan) => void, nowNs: () => bigint = wallClockNs): Tracer {
  const begin = (traceId: string, parentSpanId: string | undefined, name: string, given: Attributes): Span => {
    const spanId = randomBytes(SPAN_ID_BYTES).toString("hex");
    const startNs = nowNs();
    let attributes = given;
    return {
      child: (step, own = {}) => begin(traceId, spanId, step, own),
      set: (more) => {
        attributes = { ...attributes, ...more };
      },
      end: (error) => {
        const failed = error !== undefined;
        const told = failed ? { ...attributes, "error.type": kindOf(error) } : attributes;
        take({ traceId, spanId, parentSpanId, name, startNs, endNs: nowNs(), attributes: told, failed });
      },
    };
  };
  return (name, attributes) => begin(randomBytes(TRACE_ID_BYTES).toString("hex"), undefined, name, attributes);
}

/** The status of an answer where the error has one, else its class. */
function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  return "status" in error ? String(error.status) : error.name;
}

const NANOS_PER_MICRO = 1_000n;

const wallClockNs = (): bigint =>
  BigInt(Math.round(1_000 * (performance.timeOrigin + performance.now()))) * NANOS_PER_MICRO;
