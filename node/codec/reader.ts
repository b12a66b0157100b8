/** Outside bytes ended early, ran over, or broke a limit. Caught at the door of each parser, never let through. */
export class MalformedBytes extends Error {
  override readonly name = "MalformedBytes";
}

/** Reads what a `Writer` wrote. Throws `MalformedBytes`; every parser catches it and answers with a refusal. */
export type Reader = {
  u8(): number;
  u16(): number;
  u32(): number;
  u64(): bigint;
  u128(): bigint;
  fixed(length: number): Uint8Array;
  /** Bytes behind their length, at most `max`. */
  bytes(max: number): Uint8Array;
  text(max: number): string;
  /** A count of things that follow, at most `max`. */
  count(max: number): number;
  remaining(): number;
  /** The last call: bytes left over make the input malformed. */
  end(): void;
};

export function reader(input: Uint8Array): Reader {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  let offset = 0;
  const take = (length: number): number => {
    if (offset + length > input.length) throw new MalformedBytes(`ends after ${input.length} bytes`);
    offset += length;
    return offset - length;
  };
  const self: Reader = {
    u8: () => view.getUint8(take(1)),
    u16: () => view.getUint16(take(2), true),
    u32: () => view.getUint32(take(4), true),
    u64: () => view.getBigUint64(take(8), true),
    u128: () => {
      const at = take(16);
      return view.getBigUint64(at, true) | (view.getBigUint64(at + 8, true) << 64n);
    },
    fixed: (length) => {
      const at = take(length);
      return input.subarray(at, at + length);
    },
    bytes: (max) => self.fixed(self.count(max)),
    text: (max) => {
      try {
        // A byte order mark is a character like any other: left out, the text would have two encodings.
        return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(self.bytes(max));
      } catch (cause) {
        if (cause instanceof MalformedBytes) throw cause;
        throw new MalformedBytes("text is not UTF-8");
      }
    },
    count: (max) => {
      const count = self.u32();
      if (count > max) throw new MalformedBytes(`${count} is over the limit of ${max}`);
      return count;
    },
    remaining: () => input.length - offset,
    end: () => {
      if (offset !== input.length) throw new MalformedBytes(`${input.length - offset} bytes too many`);
    },
  };
  return self;
}
