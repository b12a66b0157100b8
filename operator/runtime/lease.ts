import { isStatus } from "./api-error.ts";
import { type Chance, sleep } from "./backoff.ts";
import type { Logger } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import type { Item, Resource } from "./resource.ts";
import type { Verbs } from "./verbs.ts";

const leases: Resource = {
  apiVersion: "coordination.k8s.io/v1",
  kind: "Lease",
  plural: "leases",
  namespaced: true,
};

/** client-go's defaults: a crash is taken over within duration + retry = 17 s. */
const defaultTiming = { durationMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2_000 };

export type LeaseOptions = {
  readonly verbs: Verbs;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly name: string;
  readonly namespace: string;
  /** Of this process; no two alike. */
  readonly identity: string;
  /** Called once, when the Lease is ours. */
  readonly onAcquired: () => void;
  /** Called once, when it was ours and could not be renewed in time: the process must end. */
  readonly onLost: () => void;
  readonly chance?: Chance;
  readonly now?: () => number;
  readonly timing?: Partial<typeof defaultTiming>;
};

export type LeaderElection = {
  readonly isLeader: () => boolean;
  /** Stops renewing, and gives the Lease back if it is ours, so that the next one need not wait for it to run out. */
  readonly stop: () => Promise<void>;
};

type LeaseSpec = {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
};
type Lease = Item & { readonly spec?: LeaseSpec };

/** Leader election over a Lease, by client-go's rules: a foreign Lease runs out by our own clock, never by its times. */
export function electLeader(options: LeaseOptions): LeaderElection {
  const { verbs, metrics, log, name, namespace, identity, chance = Math.random } = options;
  // A monotonic clock: a stepped wall clock must not end or prolong a Lease.
  const { now = () => performance.now() } = options;
  const timing = { ...defaultTiming, ...options.timing };
  const place = { resource: leases, namespace, name };
  const stopped = new AbortController();
  let leader = false;
  let seen: { readonly version: string; readonly at: number } | undefined;
  let held: Lease | undefined;
  metrics.leader.set({ name }, 0);

  const body = (spec: LeaseSpec, resourceVersion?: string) => ({
    apiVersion: leases.apiVersion,
    kind: leases.kind,
    metadata: { name, namespace, ...(resourceVersion === undefined ? {} : { resourceVersion }) },
    spec,
  });
  const claim = (before: LeaseSpec | undefined): LeaseSpec => {
    const time = microTime(Date.now());
    const mine = before?.holderIdentity === identity;
    return {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(timing.durationMs / 1000),
      acquireTime: mine ? (before.acquireTime ?? time) : time,
      renewTime: time,
      leaseTransitions: (before?.leaseTransitions ?? 0) + (mine || before === undefined ? 0 : 1),
    };
  };
  /** True if the Lease is ours now. Throws if the API server cannot say. */
  const attempt = async (): Promise<boolean> => {
    let lease: Lease;
    try {
      lease = await verbs.get(place);
    } catch (error) {
      if (!isStatus(error, 404)) throw error;
      held = await verbs.create({ resource: leases, namespace }, body(claim(undefined)));
      return true;
    }
    const { holderIdentity = "" } = lease.spec ?? {};
    if (seen?.version !== lease.metadata.resourceVersion) {
      seen = { version: lease.metadata.resourceVersion, at: now() };
    }
    const lengthMs = 1000 * (lease.spec?.leaseDurationSeconds ?? timing.durationMs / 1000);
    if (holderIdentity !== "" && holderIdentity !== identity && now() - seen.at < lengthMs) return false;
    held = await verbs.replace(place, body(claim(lease.spec), lease.metadata.resourceVersion));
    return true;
  };
  const acquire = async () => {
    for (;;) {
      try {
        if (await attempt()) return;
      } catch (error) {
        // Another one was faster: that is what elections are for.
        if (!isStatus(error, 409)) log.warn({ error }, "the lease cannot be read or taken; it is tried again");
      }
      await sleep(timing.retryMs * (1 + 0.2 * chance()), stopped.signal);
    }
  };
  const renew = async () => {
    let renewedAt = now();
    for (;;) {
      await sleep(timing.retryMs, stopped.signal);
      try {
        // An attempt that hangs must not outlast the deadline, or two could lead at once.
        const left = renewedAt + timing.renewDeadlineMs - now();
        if (!(await within(attempt(), left))) return log.error({ name }, "another process holds the lease");
        renewedAt = now();
      } catch (error) {
        if (now() - renewedAt >= timing.renewDeadlineMs)
          return log.error({ name, error }, "the lease cannot be renewed");
        log.warn({ name, error }, "a renewal of the lease failed; it is tried again");
      }
    }
  };
  const run = async () => {
    await acquire();
    leader = true;
    metrics.leader.set({ name }, 1);
    log.info({ name, identity }, "leading");
    options.onAcquired();
    await renew();
    leader = false;
    metrics.leader.set({ name }, 0);
    options.onLost();
  };
  const running = run().catch((error: unknown) => {
    if (!stopped.signal.aborted) throw error;
  });

  return {
    isLeader: () => leader,
    stop: async () => {
      stopped.abort();
      await running;
      if (!leader || held === undefined) return;
      leader = false;
      metrics.leader.set({ name }, 0);
      const spec = { ...held.spec, holderIdentity: "", leaseDurationSeconds: 1, renewTime: microTime(Date.now()) };
      await verbs.replace(place, body(spec, held.metadata.resourceVersion)).catch((error: unknown) => {
        log.warn({ name, error }, "the lease could not be given back; it runs out by itself");
      });
    },
  };
}

const microTime = (ms: number): string => new Date(ms).toISOString().replace("Z", "000Z");

async function within<T>(promise: Promise<T>, limitMs: number): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error("no answer in time")), Math.max(0, limitMs));
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
    promise.catch(() => undefined);
  }
}
