import { closeSync, existsSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { assert } from "../base/assert.ts";

/**
 * A backup's content as a file: frames behind their length. The first is the genesis of the network that it is of, the second
 * the proof of its subroots, the others are the parts of the state. A node that begins from a backup has it beside its log.
 */
export const restoredPath = (data: string): string => join(data, "restored.state");

const LENGTH_BYTES = 4;
/** A part is at most some hundred KiB; a proof carries the closing blocks of 256 epochs. */
export const FRAME_BYTES_MAX = 256 * 1024 * 1024;
const HEAD_FRAMES = 2;

export function frame(bytes: Uint8Array): Uint8Array {
  assert(bytes.length <= FRAME_BYTES_MAX, "frames are bounded");
  const framed = Buffer.alloc(LENGTH_BYTES + bytes.length);
  framed.writeUInt32BE(bytes.length);
  framed.set(bytes, LENGTH_BYTES);
  return framed;
}

/** Genesis and proof, as texts. */
export function readHead(path: string): { readonly genesis: string; readonly proof: string } {
  const [genesis, proof] = take(framesOf(path), HEAD_FRAMES).map((bytes) => new TextDecoder().decode(bytes));
  return { genesis: genesis ?? "", proof: proof ?? "" };
}

function take<T>(items: Iterable<T>, count: number): readonly T[] {
  const taken: T[] = [];
  for (const item of items) {
    taken.push(item);
    if (taken.length === count) break;
  }
  return taken;
}

/** The state's parts, read anew each time; undefined where there is no such file. Bytes that make no frame end them. */
export function stateParts(path: string): Iterable<Uint8Array> | undefined {
  if (!existsSync(path)) return undefined;
  return {
    [Symbol.iterator]: function* () {
      let index = 0;
      for (const bytes of framesOf(path)) {
        if (index >= HEAD_FRAMES) yield bytes;
        index += 1;
      }
    },
  };
}

function* framesOf(path: string): Generator<Uint8Array> {
  const file = openSync(path, "r");
  const read = (length: number): Buffer | undefined => {
    const bytes = Buffer.alloc(length);
    return readSync(file, bytes) === length ? bytes : undefined;
  };
  try {
    for (;;) {
      const length = read(LENGTH_BYTES)?.readUInt32BE();
      if (length === undefined || length > FRAME_BYTES_MAX) return;
      const bytes = read(length);
      if (bytes === undefined) return;
      yield new Uint8Array(bytes);
    }
  } finally {
    closeSync(file);
  }
}
