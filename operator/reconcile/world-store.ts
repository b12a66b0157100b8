import { FIELD_MANAGER } from "../api/group.ts";
import type { KubeObject } from "./actions.ts";

/** An object of the modelled API server. */
export type Thing = {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    uid: string;
    resourceVersion: string;
    generation: number;
    labels: Record<string, string>;
    annotations: Record<string, string>;
    creationTimestamp: string;
    deletionTimestamp?: string;
    managedFields?: { manager: string; time: string }[];
  };
  [field: string]: unknown;
};

/** Objects by kind and name, with versions. */
export function createStore(now: () => number) {
  const things = new Map<string, Thing>();
  let version = 0;
  let uid = 0;
  const key = (kind: string, name: string) => `${kind}/${name}`;
  const objects = (kind: string) => [...things.values()].filter((thing) => thing.kind === kind);
  const find = (kind: string, name: string) => things.get(key(kind, name));
  const nextVersion = (): string => {
    version += 1;
    return String(version);
  };
  const touch = (thing: Thing) => {
    thing.metadata.resourceVersion = nextVersion();
  };

  // Most objects never change again: copying them anew for each look would be most of the simulation's time.
  const copies = new Map<string, { readonly text: string; readonly copy: Thing }>();
  const copied = (thing: Thing): Thing => {
    const text = JSON.stringify(thing);
    const known = copies.get(thing.metadata.uid);
    if (known?.text === text) return known.copy;
    const copy = JSON.parse(text) as Thing;
    copies.set(thing.metadata.uid, { text, copy });
    return copy;
  };

  /** Kubernetes' times have whole seconds, as ours here. */
  const written = ({ metadata }: Thing, manager: string) => {
    const others = (metadata.managedFields ?? []).filter((entry) => entry.manager !== manager);
    metadata.managedFields = [...others, { manager, time: new Date(now()).toISOString() }];
  };

  const put = (object: KubeObject): Thing => {
    uid += 1;
    const thing: Thing = {
      ...structuredClone(object),
      metadata: {
        ...structuredClone(object.metadata),
        uid: `uid-${uid}`,
        resourceVersion: "",
        generation: 1,
        labels: { ...object.metadata.labels },
        annotations: { ...object.metadata.annotations },
        creationTimestamp: new Date(now()).toISOString(),
      },
    };
    written(thing, FIELD_MANAGER);
    touch(thing);
    things.set(key(object.kind, object.metadata.name), thing);
    return thing;
  };

  const apply = (object: KubeObject): boolean => {
    const thing = find(object.kind, object.metadata.name);
    if (thing === undefined) {
      put(object);
      return true;
    }
    const { resourceVersion } = object.metadata;
    if (resourceVersion !== undefined && resourceVersion !== thing.metadata.resourceVersion) return false;
    const before = JSON.stringify(thing);
    const specBefore = JSON.stringify(thing.spec);
    const { metadata: _metadata, ...fields } = structuredClone(object);
    Object.assign(thing, fields);
    Object.assign(thing.metadata.labels, object.metadata.labels);
    Object.assign(thing.metadata.annotations, object.metadata.annotations);
    if (JSON.stringify(thing.spec) !== specBefore) thing.metadata.generation += 1;
    if (JSON.stringify(thing) !== before) {
      written(thing, FIELD_MANAGER);
      touch(thing);
    }
    return true;
  };

  return {
    find,
    objects,
    put,
    apply,
    touch,
    copied,
    nextVersion,
    /** Another field manager changes it. */
    meddle: (thing: Thing, manager: string, change: (thing: Thing) => void) => {
      change(thing);
      written(thing, manager);
      touch(thing);
    },
    remove: (kind: string, name: string) => things.delete(key(kind, name)),
  };
}
