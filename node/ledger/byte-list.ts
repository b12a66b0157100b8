/** Bytes that are only ever added. */
export type ByteList = { bytes: Uint8Array; view: DataView; length: number };

const FIRST_BYTES = 256;

export function byteList(): ByteList {
  const bytes = new Uint8Array(FIRST_BYTES);
  return { bytes, view: new DataView(bytes.buffer), length: 0 };
}

/** Makes room for so many bytes, which are zero, and answers where they begin. */
export function room(list: ByteList, bytes: number): number {
  const at = list.length;
  list.length += bytes;
  if (list.length > list.bytes.length) {
    const larger = new Uint8Array(Math.max(2 * list.bytes.length, list.length));
    larger.set(list.bytes.subarray(0, at));
    list.bytes = larger;
    list.view = new DataView(larger.buffer);
  } else list.bytes.fill(0, at, list.length);
  return at;
}

// `room` may replace `view`, so it runs in a statement of its own.
export function pushByte(list: ByteList, value: number): void {
  const at = room(list, 1);
  list.view.setUint8(at, value);
}

export function pushU16(list: ByteList, value: number): void {
  const at = room(list, 2);
  list.view.setUint16(at, value, true);
}

export function pushU32(list: ByteList, value: number): void {
  const at = room(list, 4);
  list.view.setUint32(at, value, true);
}
