/**
 * The three calls of the metadata proposal that `@peculiar/x509` (through tsyringe) needs at import. The usual package for
 * them, reflect-metadata, is not among this project's; tests that make certificates need no more than this.
 */
type Metadata = Map<unknown, unknown>;
const metadata = new WeakMap<object, Metadata>();

const own = (key: unknown, target: object): unknown => metadata.get(target)?.get(key);
const inherited = (key: unknown, target: object | null): unknown =>
  target === null ? undefined : (own(key, target) ?? inherited(key, Reflect.getPrototypeOf(target)));

if (!("getMetadata" in Reflect)) {
  Object.assign(Reflect, {
    getOwnMetadata: own,
    getMetadata: inherited,
    defineMetadata: (key: unknown, value: unknown, target: object): void => {
      const all = metadata.get(target) ?? new Map<unknown, unknown>();
      metadata.set(target, all.set(key, value));
    },
  });
}
