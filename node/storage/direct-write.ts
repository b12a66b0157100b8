import { constants, openSync, writeSync } from "node:fs";

/**
 * Writing past the system's page cache (open(2), O_DIRECT). A log that is written once and hardly read again would take a fresh
 * page of memory for every 4 KiB, and memory that nobody used for a while is dear where a host takes it back. Here what is
 * written goes through one piece of memory, used again and again.
 */
const SECTOR_BYTES = 512;
const BUFFER_BYTES = 1024 * 1024;
/** Of WebAssembly, whose memory begins at a page, as the device wants it; no other memory in JavaScript is known to. */
const WASM_PAGE_BYTES = 64 * 1024;

declare namespace WebAssembly {
  class Memory {
    constructor(pages: { readonly initial: number });
    readonly buffer: ArrayBuffer;
  }
}

let buffer: Uint8Array | undefined;

/** The file again, for `writeDirect`; undefined where system or file system has no such writes. */
export function openDirect(path: string): number | undefined {
  try {
    return constants.O_DIRECT === undefined ? undefined : openSync(path, constants.O_RDWR | constants.O_DIRECT);
  } catch (cause) {
    if (isUnfit(cause)) return undefined;
    throw cause;
  }
}

/**
 * Writes the bytes, and zeros up to the end of the last sector; `position` is where a sector begins. False: the device wants
 * another alignment or took only a part, so all of it has to be written in the ordinary way.
 */
export function writeDirect(file: number, position: number, bytes: Uint8Array): boolean {
  buffer ??= new Uint8Array(new WebAssembly.Memory({ initial: BUFFER_BYTES / WASM_PAGE_BYTES }).buffer);
  for (let from = 0; from < bytes.length; from += BUFFER_BYTES) {
    const part = bytes.subarray(from, from + BUFFER_BYTES);
    const length = Math.ceil(part.length / SECTOR_BYTES) * SECTOR_BYTES;
    buffer.set(part);
    buffer.fill(0, part.length, length);
    try {
      if (writeSync(file, buffer, 0, length, position + from) < length) return false;
    } catch (cause) {
      if (isUnfit(cause)) return false;
      throw cause;
    }
  }
  return true;
}

const isUnfit = (cause: unknown): boolean => cause instanceof Error && "code" in cause && cause.code === "EINVAL";
