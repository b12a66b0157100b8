import type { Writable } from "node:stream";
import { accept, type Result, refuse } from "../base/result.ts";

/** A frame between nodes: its length (u32, little-endian) and that many bytes. */
export const FRAME_BYTES_MAX = 16 * 1024 * 1024;
const LENGTH_BYTES = 4;

export type FrameReader = { push(chunk: Uint8Array): Result<readonly Uint8Array[], "frame-too-long"> };

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
      const frames: Uint8Array[] = [];
      for (let at = 0; at < chunk.length; ) {
        if (frame === undefined) {
          // Byte by byte: four at most, and a view of them costs more.
          while (prefixBytes < LENGTH_BYTES && at < chunk.length) prefix[prefixBytes++] = chunk[at++] ?? 0;
          if (prefixBytes < LENGTH_BYTES) break;
          const length = prefixView.getUint32(0, true);
          if (length > maxBytes) return refuse("frame-too-long", `${length} bytes, at most ${maxBytes} are taken`);
          frame = unfilled(length);
          frameBytes = 0;
        }
        const take = Math.min(frame.length - frameBytes, chunk.length - at);
        if (take > 0) frame.set(chunk.subarray(at, at + take), frameBytes);
        frameBytes += take;
        at += take;
        if (frameBytes < frame.length) break;
        frames.push(frame);
        frame = undefined;
        prefixBytes = 0;
      }
      return accept(frames);
    },
  };
}

/** Bytes of its own, not of Node's pool, and not cleared: every one of them is written before anybody reads it. */
const unfilled = (length: number): Uint8Array =>
  length === 0 ? new Uint8Array(0) : new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);

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
