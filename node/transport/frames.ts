import type { Writable } from "node:stream";
import { accept, type Result, refuse } from "../base/result.ts";

/** A frame between nodes: its length (u32, little-endian) and that many bytes. */
export const FRAME_BYTES_MAX = 16 * 1024 * 1024;
const LENGTH_BYTES = 4;

export type FrameReader = {
  push(chunk: Uint8Array): Result<readonly Uint8Array[], "frame-too-long">;
  /** Whether a frame has begun and not ended. */
  unfinished(): boolean;
};

/**
 * Cuts a byte stream into frames. Each byte of a frame is copied once, into the frame's own buffer: what somebody keeps of
 * a frame then never keeps a whole chunk of the socket. The buffer of a large frame is taken when its length is known; the
 * system gives its pages only as bytes come.
 */
export function frameReader(maxBytes: number = FRAME_BYTES_MAX): FrameReader {
  const prefix = new Uint8Array(LENGTH_BYTES);
  const prefixView = new DataView(prefix.buffer);
  let prefixBytes = 0;
  let frame: Uint8Array | undefined;
  let frameBytes = 0;
  return {
    push: (chunk) => {
      const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length);
      const frames: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; ) {
        if (frame === undefined) {
          // Byte by byte: four at most, and a view of them costs more.
          while (prefixBytes < LENGTH_BYTES && at < bytes.length) prefix[prefixBytes++] = bytes[at++] ?? 0;
          if (prefixBytes < LENGTH_BYTES) break;
          prefixBytes = 0;
          const length = prefixView.getUint32(0, true);
          if (length > maxBytes) return refuse("frame-too-long", `${length} bytes, at most ${maxBytes} are taken`);
          if (length === 0) {
            frames.push(NO_BYTES);
            continue;
          }
          frame = unfilled(length);
          frameBytes = 0;
        }
        const part = bytes.subarray(at, at + frame.length - frameBytes);
        frame.set(part, frameBytes);
        frameBytes += part.length;
        at += part.length;
        if (frameBytes < frame.length) break;
        frames.push(frame);
        frame = undefined;
      }
      return accept(frames);
    },
    unfinished: () => frame !== undefined || prefixBytes > 0,
  };
}

const NO_BYTES = new Uint8Array(0);
/** What follows a tag and a length in a frame begins at a whole word, where execution reads it without a copy: the batches of a car. */
const ALIGNED_AFTER_BYTES = 5;
const OFFSET_BYTES = 8 - ALIGNED_AFTER_BYTES;

/** Bytes of its own, not of Node's pool, and not cleared: every one of them is written before anybody reads it. */
const unfilled = (length: number): Uint8Array =>
  new Uint8Array(Buffer.allocUnsafeSlow(OFFSET_BYTES + length).buffer, OFFSET_BYTES);

/** The length that goes in front of a frame of so many bytes. */
export const lengthPrefix = (length: number): Uint8Array =>
  Uint8Array.of(length, length >>> 8, length >>> 16, length >>> 24);

/**
 * Writes one frame, made of these parts, which must not change before they are written. All frames of one turn of the
 * event loop leave together: one TLS record and one system call for many small ones.
 */
export function writeFrame(to: Writable, ...parts: readonly Uint8Array[]): void {
  if (to.writableCorked === 0) {
    to.cork();
    process.nextTick(() => to.uncork());
  }
  to.write(lengthPrefix(parts.reduce((length, part) => length + part.length, 0)));
  for (const part of parts) if (part.length > 0) to.write(part);
}
