/** Writes canonical little-endian bytes: one value has one encoding. */
export type Writer = {
  u8(value: number): Writer;
  u16(value: number): Writer;
  u32(value: number): Writer;
  u64(value: bigint): Writer;
  u128(value: bigint): Writer;
  /** Bytes of a length that the reader knows. */
  fixed(value: Uint8Array): Writer;
  /** Bytes behind their length (u32). */
  bytes(value: Uint8Array): Writer;
  /** UTF-8 behind its length in bytes (u32). */
  text(value: string): Writer;
  done(): Uint8Array;
};

/** Room for most records at the start; it doubles when it is used up. */
const FIRST_BYTES = 256;

/** One growing buffer: a part of its own for each number costs more than all hashing (measured on replaying a log). */
export function writer(): Writer {
  let buffer = new Uint8Array(FIRST_BYTES);
  let view = new DataView(buffer.buffer);
  let length = 0;
  /** Where the next `size` bytes go. */
  const take = (size: number): number => {
    const at = length;
    length += size;
    if (length > buffer.length) {
      const larger = new Uint8Array(Math.max(2 * buffer.length, length));
      larger.set(buffer);
      buffer = larger;
      view = new DataView(buffer.buffer);
    }
    return at;
  };
  // `take` may replace `view`, so it runs in a statement of its own.
  const self: Writer = {
    u8: (value) => {
      const at = take(1);
      view.setUint8(at, value);
      return self;
    },
    u16: (value) => {
      const at = take(2);
      view.setUint16(at, value, true);
      return self;
    },
    u32: (value) => {
      const at = take(4);
      view.setUint32(at, value, true);
      return self;
    },
    u64: (value) => {
      const at = take(8);
      view.setBigUint64(at, value, true);
      return self;
    },
    u128: (value) => {
      const at = take(16);
      view.setBigUint64(at, value & 0xffff_ffff_ffff_ffffn, true);
      view.setBigUint64(at + 8, value >> 64n, true);
      return self;
    },
    fixed: (value) => {
      const at = take(value.length);
      buffer.set(value, at);
      return self;
    },
    bytes: (value) => self.u32(value.length).fixed(value),
    text: (value) => self.bytes(new TextEncoder().encode(value)),
    done: () => buffer.slice(0, length),
  };
  return self;
}
