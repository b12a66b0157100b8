import { createServer, type Server, type TLSSocket } from "node:tls";
import { SERVER_TLS } from "./credentials.ts";
import { validatorOf } from "./identity.ts";
import { openLink } from "./link.ts";
import type { LinkContext } from "./transport.ts";

/** From the first byte to the peer's hello. */
export const HANDSHAKE_MS = 5_000;
/** Connections beyond one per peer: what replaces a dead one, and strangers until their handshake fails. */
const SPARE_CONNECTIONS = 32;

/** The server side: takes connections of validators with a lower id under the CA bundle, and of nobody else. */
export function acceptPeers(context: LinkContext): Server {
  const { credentials, log, network, peers, self } = context;
  const validators = [self, ...peers.map(({ id }) => id)];
  const server = createServer({
    ...credentials.material(),
    requestCert: true,
    rejectUnauthorized: true,
    ...SERVER_TLS,
    handshakeTimeout: HANDSHAKE_MS,
  });
  credentials.onChange((material) => server.setSecureContext({ ...material, ...SERVER_TLS }));
  const sockets = new Set<{ destroy(): void }>();
  server.maxConnections = peers.length + SPARE_CONNECTIONS;
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  server.on("tlsClientError", (error) => log.warn({ reason: error.message }, "connection refused in the handshake"));
  server.on("error", (error) => log.error({ reason: error.message }, "server for peers failed"));
  server.on("secureConnection", (socket: TLSSocket) => {
    const certificate = socket.getPeerX509Certificate();
    const peer = certificate === undefined ? undefined : validatorOf(certificate, validators, network);
    if (peer === undefined || peer >= self) {
      log.warn({ names: certificate?.subjectAltName }, "connection refused: not a peer that dials this node");
      socket.on("error", () => {});
      socket.destroy();
      return;
    }
    let open = false;
    const late = setTimeout(() => link.end("no hello"), HANDSHAKE_MS);
    const link = openLink(
      socket,
      peer,
      context.hello,
      {
        ...context.linkEvents,
        onOpen: (opened) => {
          open = true;
          clearTimeout(late);
          context.linkEvents.onOpen(opened);
        },
        onEnd: (ended, reason) => {
          clearTimeout(late);
          if (open) return context.linkEvents.onEnd(ended, reason);
          log.warn({ peer, reason }, "peer refused");
        },
      },
      context.timing,
    );
  });
  const close = server.close.bind(server);
  server.close = (callback) => {
    for (const socket of sockets) socket.destroy();
    return close(callback);
  };
  return server;
}
