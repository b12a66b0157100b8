import type { Logger } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import type { Item, Resource } from "./resource.ts";
import type { Verbs } from "./verbs.ts";

const events: Resource = { apiVersion: "events.k8s.io/v1", kind: "Event", plural: "events", namespaced: true };
const QUIET_MS = 10 * 60_000;
const REMEMBERED_MAX = 4096;
/** Limit of the API server for `note`. */
const NOTE_MAX = 1024;

export type Notice = {
  readonly about: Item;
  readonly apiVersion: string;
  readonly kind: string;
  readonly severity: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
};

export type Recorder = { readonly record: (notice: Notice) => Promise<void> };

/** Writes events; the same reason and message about the same object is said once in ten minutes. */
export function createRecorder(options: {
  readonly verbs: Verbs;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly controller: string;
  readonly instance: string;
  readonly now?: () => number;
}): Recorder {
  const { verbs, log, metrics, controller, instance, now = Date.now } = options;
  const said = new Map<string, number>();
  let number = 0;
  return {
    record: async ({ about, apiVersion, kind, severity, reason, message }) => {
      const { namespace = "default", name, uid, resourceVersion } = about.metadata;
      const key = `${uid} ${reason} ${message}`;
      const time = now();
      const before = said.get(key);
      if (before !== undefined && time - before < QUIET_MS) return;
      said.delete(key);
      said.set(key, time);
      const [oldest] = said.keys();
      if (said.size > REMEMBERED_MAX && oldest !== undefined) said.delete(oldest);
      number += 1;
      metrics.events.inc({ severity, reason });
      const note = message.length > NOTE_MAX ? `${message.slice(0, NOTE_MAX - 3)}...` : message;
      try {
        await verbs.create(
          { resource: events, namespace },
          {
            apiVersion: events.apiVersion,
            kind: events.kind,
            metadata: { name: `${name}.${time.toString(16)}${number.toString(16).padStart(4, "0")}`, namespace },
            eventTime: new Date(time).toISOString().replace("Z", "000Z"),
            reportingController: controller,
            reportingInstance: instance,
            action: "Reconcile",
            regarding: { apiVersion, kind, name, namespace, uid, resourceVersion },
            type: severity,
            reason,
            note,
          },
        );
      } catch (error) {
        // An event is a courtesy: what it tells also stands in status. It may be said again.
        said.delete(key);
        log.warn({ error, reason }, "an event could not be written");
      }
    },
  };
}
