import type { IncomingMessage } from "node:http";
import type { Item } from "./resource.ts";
import { isItem } from "./verbs.ts";

export type WatchEvent =
  | { readonly type: "set" | "removed"; readonly item: Item }
  | { readonly type: "bookmark"; readonly version: string }
  | { readonly type: "error"; readonly code: number; readonly message: string };

/** No object of etcd is larger than 1.5 MiB; JSON may take a little more. */
const LINE_MAX_BYTES = 8 * 1024 * 1024;

/** The events of an open watch, one by one. Ends when the server ends the stream; throws when it breaks. */
export async function* watchEvents(stream: IncomingMessage, heard: () => void): AsyncGenerator<WatchEvent> {
  let rest: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    heard();
    let bytes: Buffer = chunk;
    for (let end = bytes.indexOf(0x0a); end !== -1; end = bytes.indexOf(0x0a)) {
      rest.push(bytes.subarray(0, end));
      const line = Buffer.concat(rest).toString("utf8");
      rest = [];
      length = 0;
      bytes = bytes.subarray(end + 1);
      if (line.length > 0) yield parseEvent(line);
    }
    rest.push(bytes);
    length += bytes.length;
    if (length > LINE_MAX_BYTES) throw new Error(`a watch event is longer than ${LINE_MAX_BYTES} bytes`);
  }
}

function parseEvent(line: string): WatchEvent {
  const event: unknown = JSON.parse(line);
  if (typeof event !== "object" || event === null || !("type" in event) || !("object" in event)) {
    return { type: "error", code: 0, message: "a watch event without type and object" };
  }
  const { type, object } = event;
  switch (type) {
    case "ADDED":
    case "MODIFIED":
      return isItem(object) ? { type: "set", item: object } : malformed(type);
    case "DELETED":
      return isItem(object) ? { type: "removed", item: object } : malformed(type);
    case "BOOKMARK":
      return { type: "bookmark", version: bookmarkVersion(object) };
    case "ERROR":
      return failure(object);
    default:
      return malformed(String(type));
  }
}

const malformed = (type: string): WatchEvent => ({ type: "error", code: 0, message: `malformed watch event ${type}` });

function bookmarkVersion(object: unknown): string {
  if (typeof object !== "object" || object === null || !("metadata" in object)) return "";
  const { metadata } = object;
  if (typeof metadata !== "object" || metadata === null || !("resourceVersion" in metadata)) return "";
  return String(metadata.resourceVersion);
}

function failure(status: unknown): WatchEvent {
  const fields: Record<string, unknown> = typeof status === "object" && status !== null ? { ...status } : {};
  return { type: "error", code: Number(fields.code ?? 0), message: String(fields.message ?? "") };
}
