import type { ServerResponse } from "node:http";

/** Server-sent events (WHATWG HTML, "Server-sent events") to a bounded number of listeners. */
export type EventStream = {
  /** Takes over the response; false if there are too many already, and the response is untouched. */
  add(response: ServerResponse): boolean;
  publish(event: { readonly name: string; readonly id: number; readonly data: object }): void;
  listeners(): number;
  close(): void;
};

const LISTENERS_MAX = 32;
const HEARTBEAT_MS = 5_000;
/** A listener that lets this many bytes wait is cut off; it connects anew and asks `/v1/blocks` for what it missed. */
const QUEUE_BYTES_MAX = 64 * 1024;

export function openEventStream({
  heartbeatMs = HEARTBEAT_MS,
  listenersMax = LISTENERS_MAX,
  onCutOff,
}: {
  heartbeatMs?: number;
  listenersMax?: number;
  onCutOff: () => void;
}): EventStream {
  const listeners = new Set<ServerResponse>();
  const write = (response: ServerResponse, text: string): void => {
    response.write(text);
    if (response.writableLength <= QUEUE_BYTES_MAX) return;
    onCutOff();
    response.destroy();
  };
  const heartbeat = setInterval(() => {
    for (const response of listeners) write(response, ": heartbeat\n\n");
  }, heartbeatMs);
  return {
    add: (response) => {
      if (listeners.size >= listenersMax) return false;
      listeners.add(response);
      response.on("close", () => listeners.delete(response));
      response.on("error", () => {});
      response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
      write(response, ": hello\n\n");
      return true;
    },
    publish: ({ name, id, data }) => {
      if (listeners.size === 0) return;
      const text = `id: ${id}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
      for (const response of listeners) write(response, text);
    },
    listeners: () => listeners.size,
    close: () => {
      clearInterval(heartbeat);
      for (const response of listeners) response.end();
    },
  };
}
