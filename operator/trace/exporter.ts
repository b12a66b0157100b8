import type { Logger } from "../runtime/log.ts";
import type { Attributes } from "./span.ts";
import type { EndedSpan } from "./tracer.ts";

/** Sends spans to an OpenTelemetry collector. */
export type Exporter = {
  readonly take: (span: EndedSpan) => void;
  /** Sends what is left, and ends. */
  readonly stop: () => Promise<void>;
};

/** Beyond it spans are dropped: a collector that is away costs no memory. */
const WAITING_MAX = 2_048;
const BATCH_MAX = 512;
const EVERY_MS = 5_000;
const TIMEOUT_MS = 10_000;
/** Of `SpanKind` and `StatusCode` in opentelemetry-proto's trace.proto. */
const KIND_INTERNAL = 1;
const STATUS = { unset: 0, error: 2 } as const;

/**
 * OTLP over HTTP with JSON bodies (OpenTelemetry Protocol 1.x, "OTLP/HTTP"). The SDK for it brings twelve packages, most of them for logs and
 * metrics; this is one POST every five seconds. A batch that is refused is not sent again.
 */
export function startExporter({
  endpoint,
  resource,
  log,
}: {
  /** URL of the collector's traces, e.g. http://collector:4318/v1/traces. */
  readonly endpoint: string;
  /** Of this process. */
  readonly resource: Attributes;
  readonly log: Logger;
}): Exporter {
  let waiting: EndedSpan[] = [];
  let dropped = 0;
  let failing = false;
  let sending: Promise<void> = Promise.resolve();

  const post = async (spans: readonly EndedSpan[]): Promise<void> => {
    try {
      const answer = await fetch(endpoint, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(requestOf(resource, spans)),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      await answer.body?.cancel();
      if (!answer.ok) throw new Error(`the collector answers ${answer.status}`);
      if (failing) log.info({ dropped }, "traces are taken again");
      failing = false;
      dropped = 0;
    } catch (error) {
      dropped += spans.length;
      // Once, and not every five seconds.
      if (!failing) log.warn({ error, endpoint }, "traces cannot be sent and are dropped");
      failing = true;
    }
  };
  const flush = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, BATCH_MAX);
      waiting = waiting.slice(BATCH_MAX);
      await post(batch);
    }
  };
  const send = (): Promise<void> => {
    sending = sending.then(flush);
    return sending;
  };
  const timer = setInterval(() => void send(), EVERY_MS);
  return {
    take: (span) => {
      if (waiting.length >= WAITING_MAX) dropped += 1;
      else waiting.push(span);
    },
    stop: async () => {
      clearInterval(timer);
      await send();
    },
  };
}

/** An `ExportTraceServiceRequest` as the protocol's JSON mapping has it: ids in hexadecimal, 64-bit numbers as text. */
const requestOf = (resource: Attributes, spans: readonly EndedSpan[]) => ({
  resourceSpans: [
    {
      resource: { attributes: keyValues(resource) },
      scopeSpans: [{ scope: { name: "hmn-operator" }, spans: spans.map(spanOf) }],
    },
  ],
});

const spanOf = ({ traceId, spanId, parentSpanId, name, startNs, endNs, attributes, failed }: EndedSpan) => ({
  ...{ traceId, spanId, name, kind: KIND_INTERNAL },
  ...(parentSpanId === undefined ? {} : { parentSpanId }),
  startTimeUnixNano: String(startNs),
  endTimeUnixNano: String(endNs),
  attributes: keyValues(attributes),
  status: { code: failed ? STATUS.error : STATUS.unset },
});

const keyValues = (attributes: Attributes) =>
  Object.entries(attributes).map(([key, value]) => ({
    key,
    value: typeof value === "string" ? { stringValue: value } : { intValue: String(Math.round(value)) },
  }));
