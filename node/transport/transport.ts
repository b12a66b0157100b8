import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import { WIRE_VERSION } from "../api/contract.ts";
import type { Hex } from "../base/bytes.ts";
import { acceptPeers } from "./acceptor.ts";
import type { Credentials } from "./credentials.ts";
import { dialPeer } from "./dialer.ts";
import type { Hello } from "./hello.ts";
import { LINK_TIMING, type Link, type LinkEvents, type LinkTiming } from "./link.ts";

export type Peer = { readonly id: number; readonly host: string; readonly port: number };

export type TransportEvents = {
  onConnected(peer: number): void;
  onDisconnected(peer: number): void;
  onFrame(peer: number, frame: Uint8Array): void;
};

export type TransportOptions = {
  readonly self: number;
  readonly network: string;
  readonly chainId: Hex;
  readonly peers: readonly Peer[];
  readonly listen: { readonly host?: string; readonly port: number };
  readonly credentials: Credentials;
  readonly events: TransportEvents;
  readonly log: Logger;
  readonly timing?: LinkTiming;
  readonly wireVersion?: number;
};

/** Mutually authenticated connections, at most one to each peer. Frames to a peer that is not connected are dropped: the protocol repeats what matters. */
export type Transport = {
  readonly port: number;
  send(peer: number, frame: Uint8Array): void;
  broadcast(frame: Uint8Array): void;
  connectedPeers(): readonly number[];
  close(): Promise<void>;
};

/** What dialing and accepting share. */
export type LinkContext = TransportOptions & {
  readonly hello: Hello;
  readonly linkEvents: LinkEvents;
  readonly timing: LinkTiming;
};

const FLUSH_MAX_MS = 500;

/** Of each pair of nodes the one with the lower id dials, so that a pair has one connection; when it comes twice, the newer one stays. */
export async function openTransport(options: TransportOptions): Promise<Transport> {
  const links = new Map<number, Link>();
  const { events, log, self } = options;
  const context: LinkContext = {
    ...options,
    timing: options.timing ?? LINK_TIMING,
    hello: { wireVersion: options.wireVersion ?? WIRE_VERSION, chainId: options.chainId },
    linkEvents: {
      onOpen: (link) => {
        links.get(link.peer)?.end("replaced by a newer connection");
        links.set(link.peer, link);
        log.info({ peer: link.peer }, "peer connected");
        events.onConnected(link.peer);
      },
      onFrame: (link, frame) => {
        if (links.get(link.peer) === link) events.onFrame(link.peer, frame);
      },
      onEnd: (link, reason) => {
        if (links.get(link.peer) !== link) return;
        links.delete(link.peer);
        log.info({ peer: link.peer, reason }, "peer disconnected");
        events.onDisconnected(link.peer);
      },
    },
  };
  const acceptor = acceptPeers(context);
  const { host, port } = options.listen;
  acceptor.listen({ port, ...(host === undefined ? {} : { host }) });
  await once(acceptor, "listening");
  const dialers = options.peers.filter(({ id }) => id > self).map((peer) => dialPeer(context, peer));
  const address = acceptor.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : port,
    send: (peer, frame) => links.get(peer)?.send(frame),
    broadcast: (frame) => {
      for (const link of [...links.values()]) link.send(frame);
    },
    connectedPeers: () => [...links.keys()].toSorted((a, b) => a - b),
    close: async () => {
      for (const dialer of dialers) dialer.close();
      // The last frames say that this node stops: they get a moment to leave.
      for (const link of links.values()) link.finish();
      const deadline = Date.now() + FLUSH_MAX_MS;
      while (links.size > 0 && Date.now() < deadline) await delay(5);
      for (const link of [...links.values()]) link.end("this node stops");
      acceptor.close();
      await once(acceptor, "close");
    },
  };
}
