import type { Server, Socket } from "node:net";
import type { Server as TlsServer } from "node:tls";

/** How many connections of a server may be open (or, where `settle` is used, unproved) at a time. */
export type GateLimits = { readonly total: number; readonly perAddress: number };

export type Gate = {
  /** The connection has proved who it is: it gives its place back and stays. */
  settle(socket: Endpoint): void;
  open(): number;
  /** Ends every connection, proved or not. */
  destroyAll(): void;
};

type Endpoint = Pick<Socket, "remoteAddress" | "remotePort">;

/**
 * Turns away connections beyond the limits before their TLS handshake costs anything: of one address, so that nobody takes
 * everybody's room, and in total. `onTurnedAway` is told which limit it was.
 */
export function guard(server: Server, limits: GateLimits, onTurnedAway: (limit: keyof GateLimits) => void): Gate {
  const sockets = new Set<Socket>();
  /** Address of each connection that holds a place, by its end point. */
  const places = new Map<string, string>();
  const perAddress = new Map<string, number>();
  const leave = (endpoint: string): void => {
    const address = places.get(endpoint);
    if (address === undefined) return;
    places.delete(endpoint);
    const others = (perAddress.get(address) ?? 1) - 1;
    if (others === 0) perAddress.delete(address);
    else perAddress.set(address, others);
  };
  server.on("connection", (socket) => {
    const address = socket.remoteAddress ?? "";
    const endpoint = nameOf(socket);
    const reached =
      places.size >= limits.total
        ? "total"
        : (perAddress.get(address) ?? 0) >= limits.perAddress
          ? "perAddress"
          : undefined;
    if (reached !== undefined) {
      socket.destroy();
      onTurnedAway(reached);
      return;
    }
    places.set(endpoint, address);
    perAddress.set(address, (perAddress.get(address) ?? 0) + 1);
    sockets.add(socket);
    socket.on("close", () => {
      sockets.delete(socket);
      leave(endpoint);
    });
  });
  return {
    settle: (socket) => leave(nameOf(socket)),
    open: () => sockets.size,
    destroyAll: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Calls back with what was wrong with a handshake, and ends the connection: Node only tells that one took too long. */
export function onHandshakeFailure(server: TlsServer, failed: (detail: string) => void): void {
  server.on("tlsClientError", (error: NodeJS.ErrnoException, socket) => {
    socket.destroy();
    // Whoever connects and leaves again, or was turned away, did not fail.
    if (error.code !== "ECONNRESET") failed(error.message);
  });
}

const nameOf = ({ remoteAddress, remotePort }: Endpoint): string => `${remoteAddress} ${remotePort}`;
