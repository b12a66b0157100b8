import type { Reader } from "../codec/reader.ts";
import type { Writer } from "../codec/writer.ts";

/** Items behind their number. */
export function writeList<T>(to: Writer, items: readonly T[], write: (to: Writer, item: T) => Writer): Writer {
  to.u32(items.length);
  for (const item of items) write(to, item);
  return to;
}

export const readList = <T>(from: Reader, max: number, read: (from: Reader) => T): readonly T[] => {
  const items: T[] = [];
  for (let left = from.count(max); left > 0; left--) items.push(read(from));
  return items;
};
