/**
 * The three functions of the decorator metadata proposal that `tsyringe` wants to find (@peculiar/x509 wires itself
 * with it): https://rbuckton.github.io/reflect-metadata. Kept on the class itself, looked up along its ancestors.
 */
export function provideReflect(): void {
  if ("getMetadata" in Reflect) return;
  const kept = new WeakMap<object, Map<unknown, unknown>>();
  const own = (key: unknown, target: object): unknown => kept.get(target)?.get(key);
  Object.assign(Reflect, {
    defineMetadata: (key: unknown, value: unknown, target: object) => {
      const entries = kept.get(target) ?? new Map<unknown, unknown>();
      kept.set(target, entries.set(key, value));
    },
    getOwnMetadata: own,
    getMetadata: (key: unknown, target: object): unknown => {
      for (let at: object | null = target; at !== null; at = Object.getPrototypeOf(at)) {
        const value = own(key, at);
        if (value !== undefined) return value;
      }
      return undefined;
    },
  });
}
