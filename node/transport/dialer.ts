import { X509Certificate } from "node:crypto";
import { connect } from "node:tls";
import { nodeIdentity } from "../api/contract.ts";
import { HANDSHAKE_MS } from "./acceptor.ts";
import { isNode } from "./identity.ts";
import { type Link, openLink } from "./link.ts";
import type { LinkContext, Peer } from "./transport.ts";

const BACKOFF_MIN_MS = 100;
const BACKOFF_MAX_MS = 2_000;

export type Dialer = {
  /** Dials no more; a connection that is open stays. */
  close(): void;
};

/** Keeps one connection to the peer: dials, and dials again whenever it ends. The name is resolved anew each time, as a pod comes back with another address. */
export function dialPeer(context: LinkContext, peer: Peer): Dialer {
  const { credentials, log, network } = context;
  const handshakeMs = context.handshakeMs ?? HANDSHAKE_MS;
  let closed = false;
  let backoffMs = BACKOFF_MIN_MS;
  let retry: NodeJS.Timeout | undefined;
  /** Ends the attempt under way. */
  let abandon: (() => void) | undefined;
  let lastReason = "";

  const again = (reason: string): void => {
    abandon = undefined;
    if (closed) return;
    // The same cause is told once, not at every attempt.
    if (reason !== lastReason) log.warn({ peer: peer.id, reason }, "peer not reached");
    lastReason = reason;
    // Spread, so that nodes that lost each other together do not meet in lockstep.
    retry = setTimeout(dial, backoffMs * (0.5 + Math.random() / 2));
    backoffMs = Math.min(2 * backoffMs, BACKOFF_MAX_MS);
  };

  const dial = (): void => {
    const socket = connect({
      host: peer.host,
      port: peer.port,
      servername: nodeIdentity(peer.id, network),
      ...credentials.material(),
      minVersion: "TLSv1.3",
      checkServerIdentity: (_name, certificate) =>
        isNode(new X509Certificate(certificate.raw), peer.id, network)
          ? undefined
          : new Error(`the certificate of ${peer.host}:${peer.port} is not that of ${nodeIdentity(peer.id, network)}`),
    });
    let link: Link | undefined;
    let over = false;
    const end = (reason: string): void => {
      if (over) return;
      over = true;
      clearTimeout(late);
      socket.destroy();
      again(reason);
    };
    const late = setTimeout(
      () => (link === undefined ? end("no handshake") : link.end("no hello", "no-hello")),
      handshakeMs,
    );
    abandon = () => (link === undefined ? end("closed") : link.end("closed"));
    socket.on("error", (error) => end(error.message));
    socket.on("close", () => end("closed by the peer"));
    socket.on("secureConnect", () => {
      link = openLink(
        socket,
        peer.id,
        context.hello,
        {
          ...context.linkEvents,
          onOpen: (opened) => {
            abandon = undefined;
            clearTimeout(late);
            backoffMs = BACKOFF_MIN_MS;
            lastReason = "";
            context.linkEvents.onOpen(opened);
          },
          onEnd: (ended, reason, refusal) => {
            context.linkEvents.onEnd(ended, reason, refusal);
            end(reason);
          },
        },
        context.timing,
      );
    });
  };

  dial();
  return {
    close: () => {
      closed = true;
      clearTimeout(retry);
      abandon?.();
    },
  };
}
