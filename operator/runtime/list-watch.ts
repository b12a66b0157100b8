import { unreachable } from "../../node/base/assert.ts";
import { isStatus } from "./api-error.ts";
import { type Chance, createBackoff, sleep } from "./backoff.ts";
import { type Cache, type CacheOptions, type Change, createCache } from "./cache.ts";
import type { Client } from "./client.ts";
import type { Logger } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import type { Item, Resource } from "./resource.ts";
import type { Verbs } from "./verbs.ts";
import { watchEvents } from "./watch-stream.ts";

export type ListWatchOptions = CacheOptions & {
  readonly client: Client;
  readonly verbs: Verbs;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly resource: Resource;
  readonly namespace?: string | undefined;
  readonly labelSelector?: string;
  /** Told of each change after the cache has it. What it throws is counted and logged, and the watch goes on. */
  readonly onChange: (change: Change) => void;
  readonly chance?: Chance;
  readonly now?: () => number;
  readonly timing?: Partial<typeof defaultTiming>;
};

const defaultTiming = {
  /** The server ends a watch after a random time of this to 1.5 times this, so that clients don't come back together. */
  watchSeconds: 240,
  /** Bookmarks come about once a minute; a watch silent for this long is dead, whatever TCP says. */
  silenceMs: 150_000,
  firstBackoffMs: 100,
  maxBackoffMs: 30_000,
};
const PAGE = 250;
const RELIST_AFTER_FAILURES = 3;

export type ListWatch = {
  readonly cache: Cache;
  readonly resource: Resource;
  /** After the first whole list. */
  readonly synced: Promise<void>;
  readonly isSynced: () => boolean;
  /** Time since the server was last heard. */
  readonly silentMs: () => number;
  /** Ends the present watch and lists again: for when the cache seems to miss something. */
  readonly relist: () => void;
  readonly stop: () => Promise<void>;
};

type Ending = "ended" | "expired" | "silent" | "relist";

/**
 * Keeps a cache equal to one kind on the API server. Our own and not the client library's informer, which dies on
 * errors other than 410 and hides what its callbacks throw.
 */
export function startListWatch(options: ListWatchOptions): ListWatch {
  const { client, verbs, metrics, log, resource, namespace, labelSelector, chance = Math.random } = options;
  const { now = Date.now } = options;
  const timing = { ...defaultTiming, ...options.timing };
  const kind = resource.kind;
  const cache = createCache(options);
  const stopped = new AbortController();
  const synced = Promise.withResolvers<void>();
  const backoff = createBackoff(timing.firstBackoffMs, timing.maxBackoffMs, chance);
  let listed = false;
  let heardAt = now();
  let relistAsked = false;
  let watching: AbortController | undefined;

  const heard = () => {
    heardAt = now();
  };
  const tell = (change: Change) => {
    try {
      options.onChange(change);
    } catch (error) {
      metrics.faults.inc({ where: `watch ${kind}` });
      log.error({ kind, error }, "a watch callback failed");
    }
  };

  const list = async (): Promise<string> => {
    const items: Item[] = [];
    let next: string | undefined;
    let version = "";
    do {
      const page = await verbs.list(
        resource,
        { namespace, labelSelector, limit: PAGE, ...(next === undefined ? {} : { continue: next }) },
        stopped.signal,
      );
      items.push(...page.items);
      version = page.resourceVersion;
      next = page.next;
      heard();
    } while (next !== undefined);
    const changes = cache.replace(items, version);
    changes.forEach(tell);
    if (!listed) {
      listed = true;
      synced.resolve();
    }
    return version;
  };

  const watch = async (): Promise<Ending> => {
    const cut = new AbortController();
    watching = cut;
    let ending: Ending = "ended";
    const watchdog = setInterval(() => {
      if (now() - heardAt < timing.silenceMs) return;
      ending = "silent";
      cut.abort();
    }, timing.silenceMs / 10);
    try {
      const stream = await client.stream({
        method: "GET",
        place: { resource, namespace },
        query: {
          watch: true,
          allowWatchBookmarks: true,
          resourceVersion: cache.version(),
          timeoutSeconds: Math.round(timing.watchSeconds * (1 + chance() / 2)),
          labelSelector,
        },
        signal: AbortSignal.any([stopped.signal, cut.signal]),
      });
      heard();
      for await (const event of watchEvents(stream, heard)) {
        switch (event.type) {
          case "set":
          case "removed":
            tell(event.type === "set" ? cache.set(event.item) : cache.remove(event.item));
            cache.advance(event.item.metadata.resourceVersion);
            break;
          case "bookmark":
            cache.advance(event.version);
            break;
          case "error":
            if (event.code === 410) return "expired";
            throw new Error(`watch ${kind}: ${event.code} ${event.message}`);
          default:
            return unreachable(event);
        }
        backoff.reset();
      }
      return ending;
    } catch (error) {
      if (cut.signal.aborted) return relistAsked ? "relist" : ending;
      // The server may say it before the stream opens, too.
      if (isStatus(error, 410)) return "expired";
      throw error;
    } finally {
      clearInterval(watchdog);
      watching = undefined;
      cut.abort();
    }
  };

  const run = async () => {
    let fresh = false;
    let failures = 0;
    while (!stopped.signal.aborted) {
      try {
        if (!fresh || relistAsked) {
          relistAsked = false;
          await list();
          fresh = true;
        }
        const ending = await watch();
        failures = 0;
        metrics.watchRestarts.inc({ kind, cause: ending });
        log.debug({ kind, cause: ending }, "watch begins again");
        if (ending === "expired" || ending === "relist") fresh = false;
        // A server that ends every watch at once is not to be hammered; one that sent something resets the backoff.
        if (ending !== "relist") await sleep(backoff.next(), stopped.signal);
      } catch (error) {
        if (stopped.signal.aborted) return;
        metrics.watchRestarts.inc({ kind, cause: "error" });
        failures += 1;
        // It may be the version itself that the server does not like.
        if (failures % RELIST_AFTER_FAILURES === 0) fresh = false;
        log.warn({ kind, error }, "list or watch failed; it is tried again");
        await sleep(backoff.next(), stopped.signal).catch(() => undefined);
      }
    }
  };
  const running = run().catch((error: unknown) => {
    if (!stopped.signal.aborted) log.error({ kind, error }, "a watch ended for good");
  });

  return {
    cache,
    resource,
    synced: synced.promise,
    isSynced: () => listed,
    silentMs: () => now() - heardAt,
    relist: () => {
      relistAsked = true;
      watching?.abort();
    },
    stop: () => {
      stopped.abort();
      return running;
    },
  };
}
