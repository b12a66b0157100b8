import { concatBytes } from "../base/bytes.ts";

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

export function writer(): Writer {
  const parts: Uint8Array[] = [];
  const number = (size: number, set: (view: DataView) => void): Writer => {
    const part = new Uint8Array(size);
    set(new DataView(part.buffer));
    parts.push(part);
    return self;
  };
  const self: Writer = {
    u8: (value) => number(1, (view) => view.setUint8(0, value)),
    u16: (value) => number(2, (view) => view.setUint16(0, value, true)),
    u32: (value) => number(4, (view) => view.setUint32(0, value, true)),
    u64: (value) => number(8, (view) => view.setBigUint64(0, value, true)),
    u128: (value) =>
      number(16, (view) => {
        view.setBigUint64(0, value & 0xffff_ffff_ffff_ffffn, true);
        view.setBigUint64(8, value >> 64n, true);
      }),
    fixed: (value) => {
      parts.push(value);
      return self;
    },
    bytes: (value) => self.u32(value.length).fixed(value),
    text: (value) => self.bytes(new TextEncoder().encode(value)),
    done: () => concatBytes(...parts),
  };
  return self;
}
