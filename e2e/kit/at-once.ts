/** Acts on each, in order, on so many at a time. The first failure ends it. */
export async function forEachAtOnce<T>(items: Iterable<T>, most: number, act: (item: T) => Promise<unknown>) {
  const waiting = items[Symbol.iterator]();
  const work = async (): Promise<void> => {
    for (let next = waiting.next(); next.done !== true; next = waiting.next()) await act(next.value);
  };
  await Promise.all(Array.from({ length: most }, work));
}
