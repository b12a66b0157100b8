import { connect, type TLSSocket } from "node:tls";
import { unreachable } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import {
  CLIENT_FRAME_BYTES_MAX,
  CLIENT_IN_FLIGHT_MAX,
  CLIENT_VERSION,
  type ClientFrame,
  encodeRequestHead,
  parseClientFrame,
} from "../codec/client-protocol.ts";
import type { ClientAnswer } from "../ports.ts";
import { frameReader, writeFrame } from "../transport/frames.ts";
import { type Authorities, pemOf } from "./authorities.ts";

export type Target = {
  readonly host: string;
  readonly port: number;
  /** DNS name that the node's certificate has to carry: `<validator id>.<network>`. */
  readonly servername: string;
};

export type Network = { readonly network: string; readonly chainId: Hex };

/** What came of sending a batch once. `unanswered` says nothing about whether it will be executed. */
export type Attempt =
  | { readonly type: "answered"; readonly answer: ClientAnswer }
  | { readonly type: "unanswered"; readonly reason: string };

export type ConnectionOptions = {
  readonly target: Target;
  /** The authorities that nodes' certificates have to chain to. */
  readonly ca: Authorities;
  /** Says whether this network is the expected one; a connection to another one is closed. */
  readonly onHello: (network: Network) => boolean;
  /** A place became free: the connection is up, or a request has ended. */
  readonly onFree: (what: "connected" | "answered") => void;
};

/** One connection to one node, made again whenever it ends, until `close`. */
export type Connection = {
  readonly target: Target;
  hasRoom(): boolean;
  /** Why it is not up, or undefined while it is. */
  problem(): string | undefined;
  /** Sends a batch; the caller has asked `hasRoom`. The signal gives the answer up. */
  ask(batch: Uint8Array, timeoutMs: number, signal: AbortSignal): Promise<Attempt>;
  close(): void;
};

const RETRY_MS = { first: 100, most: 2_000 } as const;
const HELLO_TIMEOUT_MS = 5_000;
/** Of unanswered requests, beside their number. */
const IN_FLIGHT_BYTES_MAX = 16 * 1024 * 1024;

export function openConnection(options: ConnectionOptions): Connection {
  type Waiting = { end(attempt: Attempt): void };
  const waiting = new Map<bigint, Waiting>();
  let socket: TLSSocket | undefined;
  let up = false;
  let closed = false;
  let retryMs: number = RETRY_MS.first;
  let retry: NodeJS.Timeout | undefined;
  let lastRequest = 0n;
  let waitingBytes = 0;
  let problem = "not connected yet";

  const onFrame = (from: TLSSocket, frame: ClientFrame): void => {
    switch (frame.type) {
      case "hello": {
        const { wireVersion, network, chainId } = frame;
        if (wireVersion !== CLIENT_VERSION) {
          from.destroy(new Error(`the node speaks client version ${wireVersion}, this client ${CLIENT_VERSION}`));
          return;
        }
        if (!options.onHello(frame)) {
          from.destroy(new Error(`another network: ${network}, chain ${chainId}`));
          return;
        }
        up = true;
        retryMs = RETRY_MS.first;
        from.setTimeout(0);
        options.onFree("connected");
        return;
      }
      case "reply":
        waiting.get(frame.requestId)?.end({ type: "answered", answer: frame.answer });
        return;
      case "request":
        from.destroy(new Error("a node sends no requests"));
        return;
      default:
        unreachable(frame);
    }
  };

  const dial = (): void => {
    const { host, port, servername } = options.target;
    const made = connect({ host, port, servername, ca: pemOf(options.ca), minVersion: "TLSv1.3" });
    made.setNoDelay(true);
    const frames = frameReader(CLIENT_FRAME_BYTES_MAX);
    socket = made;
    made.setTimeout(HELLO_TIMEOUT_MS, () => made.destroy(new Error("no hello in time")));
    made.on("data", (chunk: Buffer) => {
      const cut = frames.push(chunk);
      if (!cut.ok) return made.destroy(new Error(cut.reason));
      for (const bytes of cut.value) {
        const frame = parseClientFrame(bytes);
        if (!frame.ok) return made.destroy(new Error(frame.detail ?? frame.reason));
        onFrame(made, frame.value);
      }
    });
    made.on("error", (error) => {
      problem = error.message;
    });
    made.on("close", () => {
      if (up) problem = "connection closed";
      up = false;
      for (const request of [...waiting.values()]) request.end({ type: "unanswered", reason: problem });
      if (closed) return;
      retry = setTimeout(dial, retryMs);
      retryMs = Math.min(RETRY_MS.most, 2 * retryMs);
    });
  };

  const ask = (batch: Uint8Array, timeoutMs: number, signal: AbortSignal): Promise<Attempt> =>
    new Promise((resolve) => {
      const abort = (): void => end({ type: "unanswered", reason: "aborted" });
      lastRequest += 1n;
      const requestId = lastRequest;
      const end = (attempt: Attempt): void => {
        if (!waiting.delete(requestId)) return;
        clearTimeout(timer);
        signal.removeEventListener("abort", abort);
        waitingBytes -= batch.length;
        resolve(attempt);
        options.onFree("answered");
      };
      const timer = setTimeout(() => end({ type: "unanswered", reason: `no answer in ${timeoutMs} ms` }), timeoutMs);
      signal.addEventListener("abort", abort, { once: true });
      waiting.set(requestId, { end });
      waitingBytes += batch.length;
      if (socket !== undefined) writeFrame(socket, encodeRequestHead(requestId), batch);
    });

  dial();
  return {
    target: options.target,
    hasRoom: () => up && waiting.size < CLIENT_IN_FLIGHT_MAX && waitingBytes < IN_FLIGHT_BYTES_MAX,
    problem: () => (up ? undefined : problem),
    ask,
    close: () => {
      closed = true;
      clearTimeout(retry);
      socket?.destroy();
    },
  };
}
