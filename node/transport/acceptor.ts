import { createServer, type Server, type TLSSocket } from "node:tls";
import { OBSERVER_IDS, observerId } from "../api/contract.ts";
import { SERVER_TLS } from "./credentials.ts";
import { type GateLimits, guard, onHandshakeFailure } from "./gate.ts";
import { dials, nodeOf } from "./identity.ts";
import { openLink } from "./link.ts";
import type { LinkContext } from "./transport.ts";

/** From the first byte to the peer's hello. */
export const HANDSHAKE_MS = 5_000;
/** Connections that have not yet said a peer's hello; a proved peer has one connection and takes no place here. */
export const UNPROVED: GateLimits = { total: 32, perAddress: 16 };

const OBSERVERS = Array.from({ length: OBSERVER_IDS.count }, (_, observer) => observerId(observer));

/** The server side: takes connections of validators with a lower id under the CA bundle, of observers where they are admitted, and of nobody else. */
export function acceptPeers(context: LinkContext): Server {
  const { credentials, network, peers, self, refusals } = context;
  const handshakeMs = context.handshakeMs ?? HANDSHAKE_MS;
  const server = createServer({
    ...credentials.material(),
    requestCert: true,
    rejectUnauthorized: true,
    ...SERVER_TLS,
    handshakeTimeout: handshakeMs,
  });
  credentials.onChange((material) => server.setSecureContext({ ...material, ...SERVER_TLS }));
  const gate = guard(server, context.unproved ?? UNPROVED, (limit) =>
    refusals.note({ reason: "limit", detail: `too many connections without a hello: ${limit}` }),
  );
  onHandshakeFailure(server, (detail) => refusals.note({ reason: "handshake", detail }));
  server.on("error", (error) => context.log.error({ reason: error.message }, "server for peers failed"));
  server.on("secureConnection", (socket: TLSSocket) => {
    const certificate = socket.getPeerX509Certificate();
    const known = [self, ...peers().map(({ id }) => id), ...(context.admitsObservers === true ? OBSERVERS : [])];
    const peer = certificate === undefined ? undefined : nodeOf(certificate, known, network);
    if (peer === undefined || !dials(peer, self)) {
      const names = certificate?.subjectAltName ?? "no certificate";
      refusals.note({ reason: "not-a-peer", detail: `no peer that dials this node: ${names}` });
      socket.on("error", () => {});
      socket.destroy();
      return;
    }
    const late = setTimeout(() => link.end("no hello", "no-hello"), handshakeMs);
    const link = openLink(
      socket,
      peer,
      context.hello,
      {
        ...context.linkEvents,
        onOpen: (opened) => {
          clearTimeout(late);
          gate.settle(socket);
          context.linkEvents.onOpen(opened);
        },
        onEnd: (ended, reason, refusal) => {
          clearTimeout(late);
          context.linkEvents.onEnd(ended, reason, refusal);
        },
      },
      context.timing,
    );
  });
  const close = server.close.bind(server);
  server.close = (callback) => {
    gate.destroyAll();
    return close(callback);
  };
  return server;
}
