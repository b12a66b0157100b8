import type { TLSSocket } from "node:tls";
import { assert } from "../base/assert.ts";
import { FRAME_BYTES_MAX, frameReader, writeFrame } from "./frames.ts";
import { checkHello, encodeHello, type Hello } from "./hello.ts";
import type { RefusalReason } from "./refusals.ts";

/** One authenticated connection to a peer, from its hello on. */
export type Link = {
  readonly peer: number;
  /** The wire version that both ends speak; undefined before the peer's hello. */
  wireVersion(): number | undefined;
  /** Takes the frame, or ends the link when the peer reads too slowly. */
  send(frame: Uint8Array): void;
  /** At once. A refusal says why the link never came to be, where that is a reason to count. */
  end(reason: string, refusal?: RefusalReason): void;
  /** After what is queued has left. */
  finish(): void;
};

export type LinkEvents = {
  /** The peer's hello was in order: frames may go. */
  onOpen(link: Link): void;
  onFrame(link: Link, frame: Uint8Array): void;
  /** Called once, whatever ended it, also before it was open. */
  onEnd(link: Link, reason: string, refusal: RefusalReason | undefined): void;
};

/** A peer that lets this many bytes wait is cut off and connected anew: its consensus state repeats itself anyway. */
export const QUEUE_BYTES_MAX = 2 * FRAME_BYTES_MAX;

/** How many pings in a row may pass without a byte, and without the end of a frame that has begun. */
export type LinkTiming = { readonly pingMs: number; readonly silentPings: number; readonly framePings: number };
/** A vanished peer (no RST ever comes) is noticed after five seconds; the largest frame needs 4 Mbit/s. */
export const LINK_TIMING: LinkTiming = { pingMs: 1_000, silentPings: 5, framePings: 30 };

/** Speaks over a socket whose TLS handshake is done and whose identity is proved. An empty frame is a ping. */
export function openLink(
  socket: TLSSocket,
  peer: number,
  hello: Hello,
  events: LinkEvents,
  timing: LinkTiming = LINK_TIMING,
): Link {
  const frames = frameReader();
  let wireVersion: number | undefined;
  /** Own pings since the peer was last heard: counted, not timed, so that a stall of this process ends no link. */
  let silent = 0;
  /** Own pings since the frame that is under way began. */
  let unfinished = 0;
  let ended = false;
  const write = (frame: Uint8Array): void => {
    writeFrame(socket, frame);
    if (socket.writableLength > QUEUE_BYTES_MAX) end("the peer reads too slowly");
  };
  const end = (reason: string, refusal?: RefusalReason): void => {
    if (ended) return;
    ended = true;
    clearInterval(ping);
    socket.destroy();
    events.onEnd(link, reason, refusal);
  };
  const link: Link = {
    peer,
    wireVersion: () => wireVersion,
    end,
    finish: () => {
      socket.end();
    },
    send: (frame) => {
      assert(frame.length > 0, "an empty frame is a ping");
      assert(frame.length <= FRAME_BYTES_MAX, "frame within its limit");
      if (!ended && socket.writable) write(frame);
    },
  };
  const ping = setInterval(() => {
    silent += 1;
    unfinished = frames.unfinished() ? unfinished + 1 : 0;
    if (silent > timing.silentPings) return end("the peer is silent");
    // A byte now and then is not silence, but holds memory and says nothing.
    if (unfinished > timing.framePings) return end("the peer does not finish a frame");
    if (socket.writable) write(new Uint8Array(0));
  }, timing.pingMs);
  socket.setNoDelay(true);
  socket.setKeepAlive(true, 10_000);
  socket.on("error", (error) => end(error.message));
  socket.on("close", () => end("closed by the peer"));
  socket.on("data", (chunk: Buffer) => {
    silent = 0;
    const cut = frames.push(chunk);
    if (!cut.ok) return end(cut.detail ?? cut.reason, wireVersion === undefined ? "malformed" : undefined);
    if (cut.value.length > 0) unfinished = 0;
    for (const frame of cut.value) {
      if (ended) return;
      if (frame.length === 0) continue;
      if (wireVersion !== undefined) {
        events.onFrame(link, frame);
        continue;
      }
      const checked = checkHello(frame, hello);
      if (!checked.ok) return end(checked.detail ?? checked.reason, checked.reason);
      wireVersion = checked.value;
      events.onOpen(link);
    }
  });
  write(encodeHello(hello));
  return link;
}
