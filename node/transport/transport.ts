import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import { isObserver, WIRE_VERSIONS } from "../api/contract.ts";
import type { Hex } from "../base/bytes.ts";
import { acceptPeers } from "./acceptor.ts";
import type { Credentials } from "./credentials.ts";
import { type Dialer, dialPeer } from "./dialer.ts";
import type { GateLimits } from "./gate.ts";
import type { Hello, WireVersions } from "./hello.ts";
import { dials } from "./identity.ts";
import { LINK_TIMING, type Link, type LinkEvents, type LinkTiming } from "./link.ts";
import { noteRefusals, type RefusalReason, type Refusals } from "./refusals.ts";

export type Peer = { readonly id: number; readonly host: string; readonly port: number };

export type TransportEvents = {
  onConnected(peer: number): void;
  onDisconnected(peer: number): void;
  onFrame(peer: number, frame: Uint8Array): void;
  /** For metrics: a connection that did not come about. */
  onRefused(reason: RefusalReason): void;
};

export type TransportOptions = {
  readonly self: number;
  readonly network: string;
  readonly chainId: Hex;
  readonly peers: readonly Peer[];
  /** Observers may connect: they are no peers, and `broadcast` reaches them. */
  readonly admitsObservers?: boolean;
  readonly listen: { readonly host?: string; readonly port: number };
  readonly credentials: Credentials;
  readonly events: TransportEvents;
  readonly log: Logger;
  readonly timing?: LinkTiming;
  readonly handshakeMs?: number;
  readonly unproved?: GateLimits;
  readonly wireVersions?: WireVersions;
};

/** Mutually authenticated connections, at most one to each peer. Frames to a peer that is not connected are dropped: the protocol repeats what matters. */
export type Transport = {
  readonly port: number;
  send(peer: number, frame: Uint8Array): void;
  broadcast(frame: Uint8Array): void;
  connectedPeers(): readonly number[];
  /** Ids of those that follow this node. */
  connectedObservers(): readonly number[];
  /** The wire version spoken with a peer; undefined if it is not connected. */
  wireVersionWith(peer: number): number | undefined;
  /** What kept peers that were reached from becoming connected. */
  refusedPeers(): ReturnType<Refusals["latest"]>;
  /** Dials who is new or has moved, and parts with who is gone. */
  setPeers(peers: readonly Peer[]): void;
  close(): Promise<void>;
};

/** What dialing and accepting share. */
export type LinkContext = Omit<TransportOptions, "peers"> & {
  readonly peers: () => readonly Peer[];
  readonly hello: Hello;
  readonly linkEvents: LinkEvents;
  readonly timing: LinkTiming;
  readonly refusals: Refusals;
};

const FLUSH_MAX_MS = 500;

/** One connection to each peer; when it comes twice, the newer one stays. */
export async function openTransport(options: TransportOptions): Promise<Transport> {
  const links = new Map<number, Link>();
  const dialers = new Map<number, Dialer & { readonly peer: Peer }>();
  const { events, log, self } = options;
  let { peers } = options;
  const refusals = noteRefusals(log, events.onRefused);
  const context: LinkContext = {
    ...options,
    peers: () => peers,
    timing: options.timing ?? LINK_TIMING,
    hello: { versions: options.wireVersions ?? WIRE_VERSIONS, chainId: options.chainId },
    refusals,
    linkEvents: {
      onOpen: (link) => {
        if (!isObserver(link.peer) && !peers.some(({ id }) => id === link.peer)) return link.end("no peer any more");
        links.get(link.peer)?.end("replaced by a newer connection");
        links.set(link.peer, link);
        refusals.forget(link.peer);
        log.info({ peer: link.peer, wireVersion: link.wireVersion() }, "peer connected");
        events.onConnected(link.peer);
      },
      onFrame: (link, frame) => {
        if (links.get(link.peer) === link) events.onFrame(link.peer, frame);
      },
      onEnd: (link, detail, reason) => {
        if (reason !== undefined) refusals.note({ reason, peer: link.peer, detail });
        if (links.get(link.peer) !== link) return;
        links.delete(link.peer);
        log.info({ peer: link.peer, reason: detail }, "peer disconnected");
        events.onDisconnected(link.peer);
      },
    },
  };
  const acceptor = acceptPeers(context);
  const { host, port } = options.listen;
  acceptor.listen({ port, ...(host === undefined ? {} : { host }) });
  await once(acceptor, "listening");

  const part = (peer: number, reason: string): void => {
    dialers.get(peer)?.close();
    dialers.delete(peer);
    links.get(peer)?.end(reason);
    refusals.forget(peer);
  };
  const setPeers = (next: readonly Peer[]): void => {
    const before = peers;
    peers = next.filter(({ id }) => id !== self);
    for (const { id } of before) if (!peers.some((peer) => peer.id === id)) part(id, "no peer any more");
    for (const peer of peers) {
      if (!dials(self, peer.id)) continue;
      const dialed = dialers.get(peer.id)?.peer;
      if (dialed !== undefined && dialed.host === peer.host && dialed.port === peer.port) continue;
      if (dialed !== undefined) part(peer.id, "the peer has moved");
      dialers.set(peer.id, { ...dialPeer(context, peer), peer });
    }
  };
  setPeers(peers);

  const address = acceptor.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : port,
    send: (peer, frame) => links.get(peer)?.send(frame),
    broadcast: (frame) => {
      for (const link of [...links.values()]) link.send(frame);
    },
    connectedPeers: () => [...links.keys()].filter((id) => !isObserver(id)).toSorted((a, b) => a - b),
    connectedObservers: () => [...links.keys()].filter(isObserver).toSorted((a, b) => a - b),
    wireVersionWith: (peer) => links.get(peer)?.wireVersion(),
    refusedPeers: () => refusals.latest().filter(({ peer }) => !isObserver(peer) && !links.has(peer)),
    setPeers,
    close: async () => {
      for (const dialer of dialers.values()) dialer.close();
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
