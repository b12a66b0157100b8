/**
 * Memory for what goes to the disk. The log thread gives its buffers back, so that a busy log neither makes garbage on two
 * threads nor asks the system for pages again and again.
 */
export type WriteBuffers = {
  /** Bytes of an allocation of their own, which may be longer, and not cleared: whoever takes them writes every one. */
  take(length: number): Uint8Array<ArrayBuffer>;
  /** Nobody reads or writes it any more. */
  give(buffer: ArrayBuffer): void;
};

/** Kept for later: what a busy log has on its way. */
const KEPT_BYTES_MAX = 32 * 1024 * 1024;
/** Sizes are powers of two from this one on: few enough that one of the right size is found. */
const LEAST_BYTES = 16 * 1024;
/** Larger ones are rare. */
const MOST_BYTES = 8 * 1024 * 1024;

export function createWriteBuffers(): WriteBuffers {
  const free = new Map<number, ArrayBuffer[]>();
  let keptBytes = 0;
  return {
    take: (length) => {
      if (length > MOST_BYTES) return unfilled(length, length);
      let size = LEAST_BYTES;
      while (size < length) size *= 2;
      const kept = free.get(size)?.pop();
      if (kept === undefined) return unfilled(size, length);
      keptBytes -= size;
      return new Uint8Array(kept, 0, length);
    },
    give: (buffer) => {
      const size = buffer.byteLength;
      const own = size >= LEAST_BYTES && size <= MOST_BYTES && (size & (size - 1)) === 0;
      if (!own || keptBytes + size > KEPT_BYTES_MAX) return;
      keptBytes += size;
      const others = free.get(size);
      if (others === undefined) free.set(size, [buffer]);
      else others.push(buffer);
    },
  };
}

const unfilled = (size: number, length: number): Uint8Array<ArrayBuffer> =>
  new Uint8Array(Buffer.allocUnsafeSlow(size).buffer, 0, length);

/** Those of this process's log. */
export const writeBuffers = createWriteBuffers();
