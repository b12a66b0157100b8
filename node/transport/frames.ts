import { accept, type Result, refuse } from "../base/result.ts";

/** A frame between nodes: its length (u32, little-endian) and that many bytes. */
export const FRAME_BYTES_MAX = 16 * 1024 * 1024;
const LENGTH_BYTES = 4;

export type FrameReader = {
  push(chunk: Uint8Array): Result<readonly Uint8Array[], "frame-too-long">;
  /** Whether a frame has begun and not ended. */
  unfinished(): boolean;
};

/** Cuts a byte stream into frames. Chunks of an unfinished frame are kept apart and copied once, when it is whole. */
export function frameReader(maxBytes: number = FRAME_BYTES_MAX): FrameReader {
  let chunks: Buffer[] = [];
  let waiting = 0;
  /** Bytes that the next frame needs, its length included; unknown before that has come. */
  let needed: number | undefined;
  return {
    push: (chunk) => {
      chunks.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      waiting += chunk.length;
      const frames: Uint8Array[] = [];
      while (waiting >= (needed ?? LENGTH_BYTES)) {
        let input = joined(chunks);
        if (needed === undefined) {
          const length = input.readUInt32LE(0);
          if (length > maxBytes) return refuse("frame-too-long", `${length} bytes, at most ${maxBytes} are taken`);
          needed = LENGTH_BYTES + length;
        }
        if (waiting >= needed) {
          frames.push(new Uint8Array(input.subarray(LENGTH_BYTES, needed)));
          input = input.subarray(needed);
          waiting -= needed;
          needed = undefined;
        }
        chunks = input.length === 0 ? [] : [input];
      }
      return accept(frames);
    },
    unfinished: () => waiting > 0,
  };
}

const joined = (chunks: readonly Buffer[]): Buffer => {
  const [only] = chunks;
  return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks);
};

/** The length that goes in front of a frame of so many bytes. */
export function lengthPrefix(length: number): Uint8Array {
  const prefix = new Uint8Array(LENGTH_BYTES);
  new DataView(prefix.buffer).setUint32(0, length, true);
  return prefix;
}
