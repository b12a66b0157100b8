import { assert } from "../../node/base/assert.ts";
import type { Client } from "./client.ts";
import type { Item, Place, Resource } from "./resource.ts";

/** An object to send: plain JSON. */
export type Sent = {
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [field: string]: unknown;
};

export type Page = {
  readonly items: readonly Item[];
  readonly resourceVersion: string;
  readonly next: string | undefined;
};
type Named = Place & { readonly name: string };

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

/** What a Kubernetes answer must have to be one; the kinds' own fields are the server's word. */
export function isItem(value: unknown): value is Item {
  if (!isRecord(value)) return false;
  const metadata = value.metadata;
  return isRecord(metadata) && typeof metadata.name === "string" && typeof metadata.resourceVersion === "string";
}

function item(value: unknown): Item {
  assert(isItem(value), "the API server answers with an object");
  return value;
}

/** The writes and reads that the operator makes, one function each. All throw ApiError. */
export function createVerbs(client: Client, fieldManager: string) {
  return {
    get: async (place: Named) => item(await client.json({ method: "GET", place })),

    list: async (
      resource: Resource,
      query: { namespace?: string | undefined; labelSelector?: string | undefined; limit: number; continue?: string },
      signal?: AbortSignal,
    ): Promise<Page> => {
      const { namespace, ...rest } = query;
      const answer = await client.json({
        method: "GET",
        place: { resource, namespace },
        query: rest,
        ...(signal === undefined ? {} : { signal }),
      });
      assert(isRecord(answer) && isRecord(answer.metadata), "the API server answers with a list");
      const { resourceVersion, continue: next } = answer.metadata;
      const items = Array.isArray(answer.items) ? answer.items : [];
      return {
        items: items.map(item),
        resourceVersion: String(resourceVersion ?? ""),
        next: typeof next === "string" && next !== "" ? next : undefined,
      };
    },

    create: async (place: Place, object: Sent) =>
      item(await client.json({ method: "POST", place, query: { fieldManager }, body: object })),

    /** Server-side apply, forced: the operator wins every field that it names. */
    apply: async (place: Named, object: Sent) =>
      item(
        await client.json({
          method: "PATCH",
          place,
          query: { fieldManager, force: true },
          contentType: "application/apply-patch+yaml",
          body: object,
        }),
      ),

    /** Replaces an object, or with the subresource `status` only that; the resourceVersion in it is the precondition. */
    replace: async (place: Named, object: Sent) =>
      item(await client.json({ method: "PUT", place, query: { fieldManager }, body: object })),

    mergePatch: async (place: Named, patch: unknown) =>
      item(
        await client.json({
          method: "PATCH",
          place,
          query: { fieldManager },
          contentType: "application/merge-patch+json",
          body: patch,
        }),
      ),

    /** Only the object with this UID. Dependants go in the background, or stay as orphans. */
    delete: async (
      place: Named,
      uid: string,
      gracePeriodSeconds?: number,
      dependants: "Background" | "Orphan" = "Background",
    ): Promise<void> => {
      await client.json({
        method: "DELETE",
        place,
        body: {
          apiVersion: "v1",
          kind: "DeleteOptions",
          preconditions: { uid },
          propagationPolicy: dependants,
          ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
        },
      });
    },

    /** Through the Eviction API; 429 says that the PodDisruptionBudget does not allow it now. */
    evict: async (place: Named, uid: string): Promise<void> => {
      await client.json({
        method: "POST",
        place: { ...place, subresource: "eviction" },
        body: {
          apiVersion: "policy/v1",
          kind: "Eviction",
          metadata: { name: place.name, namespace: place.namespace },
          deleteOptions: { preconditions: { uid } },
        },
      });
    },

    /** The last lines of a container, newest last. */
    log: async (place: Named, query: { container: string; previous: boolean; tailLines: number }, maxBytes: number) =>
      client.text({ method: "GET", place: { ...place, subresource: "log" }, query }, maxBytes),
  };
}
export type Verbs = ReturnType<typeof createVerbs>;
