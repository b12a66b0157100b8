import { chmodSync, rmSync } from "node:fs";
import { connect, createServer, type NetConnectOpts, type Socket } from "node:net";

/**
 * Carries connections from one address to another: `relay.ts FROM TO`, each `tcp:127.0.0.1:PORT` or `unix:PATH`.
 * Two of them make a port of the sealed network visible on this machine's loopback: Unix sockets cross network namespaces.
 */
type Address = { readonly host: "127.0.0.1"; readonly port: number } | { readonly path: string };

export function parseAddress(text: string): Address {
  const tcp = /^tcp:127\.0\.0\.1:([0-9]{1,5})$/.exec(text);
  if (tcp !== null) return { host: "127.0.0.1", port: Number(tcp[1]) };
  const unix = /^unix:(\/.+)$/.exec(text);
  if (unix?.[1] !== undefined) return { path: unix[1] };
  throw new Error(`not an address of this machine: ${text} (tcp:127.0.0.1:PORT or unix:/PATH)`);
}

/** Starts to relay; returns how to end it. A connection lives as long as both its ends: streams stay open for days. */
export async function startRelay(from: Address, to: Address): Promise<() => void> {
  const open = new Set<Socket>();
  // Half-closed connections stay half open: a client may end its request and still read the answer.
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    const far = connect({ ...to, allowHalfOpen: true, noDelay: true } as NetConnectOpts);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(socket);
      socket.setKeepAlive(true, 30_000);
      socket.pipe(other);
      socket.on("error", () => other.destroy());
      socket.on("close", (hadError) => {
        open.delete(socket);
        if (hadError || !other.writableEnded) other.destroy();
      });
    }
  });
  if ("path" in from) rmSync(from.path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.on("error", reject);
    server.listen(from, resolve);
  });
  if ("path" in from) chmodSync(from.path, 0o600);
  return () => {
    server.close();
    for (const socket of open) socket.destroy();
  };
}

if (import.meta.main) {
  const [from = "", to = ""] = process.argv.slice(2);
  const stop = await startRelay(parseAddress(from), parseAddress(to));
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, stop);
}
