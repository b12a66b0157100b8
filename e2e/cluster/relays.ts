import { connect, createServer } from "node:net";
import { join } from "node:path";
import type { Progress } from "../kit/progress.ts";
import { found, Hopeless, instead, waitFor } from "../kit/wait.ts";
import { cachePath } from "./cache.ts";
import { findDaemon, logTail, startDaemon, stopDaemon } from "./daemon.ts";
import { inside } from "./sealed.ts";

/** Preferred on this machine's loopback, so that a kubeconfig stays valid; another is taken when it is in use. */
const PREFERRED_PORT = 36443;
const RELAY = join(import.meta.dirname, "relay.ts");
const START_MS = 15_000;

/** Makes the sealed network's 127.0.0.1:`innerPort` visible on this machine; returns the port here. Starts what is dead. */
export async function ensureRelays(innerPort: number, progress: Progress): Promise<number> {
  const socket = cachePath("run", "api.sock");
  const relay = (from: string, to: string): [string, ...string[]] => [process.execPath, RELAY, from, to];
  if (findDaemon("relay-inside")?.key !== String(innerPort)) {
    await stopDaemon("relay-inside");
    const command = inside(...relay(`unix:${socket}`, `tcp:127.0.0.1:${innerPort}`));
    startDaemon("relay-inside", command, { key: String(innerPort) });
  }
  const running = findDaemon("relay-outside");
  if (running !== undefined) return Number(running.key);
  const port = (await freePorts(1, PREFERRED_PORT))[0] ?? 0;
  startDaemon("relay-outside", relay(`tcp:127.0.0.1:${port}`, `unix:${socket}`), { key: String(port) });
  await waitFor(
    "the relay to the sealed network",
    async () => {
      if (findDaemon("relay-outside") === undefined)
        throw new Hopeless(`the relay ended:\n${logTail("relay-outside")}`);
      return (await accepts(port)) ? found(true) : instead("starting");
    },
    { progress, timeoutMs: START_MS, everyMs: 100 },
  );
  return port;
}

export async function stopRelays(): Promise<void> {
  await stopDaemon("relay-outside");
  await stopDaemon("relay-inside");
}

/** Ports of loopback that nobody uses now; the preferred one first, if it is free. */
export async function freePorts(count: number, preferred = 0): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const listen = (index: number, port: number): Promise<number> =>
    new Promise((resolve, reject) => {
      const server = servers[index];
      if (server === undefined) return reject(new Error(`no server ${index}`));
      server.once("error", reject);
      server.listen({ host: "127.0.0.1", port }, () => {
        const address = server.address();
        resolve(typeof address === "object" && address !== null ? address.port : 0);
      });
    });
  // All are held until all are found, so that none is found twice.
  const ports: number[] = [];
  for (let index = 0; index < count; index += 1)
    ports.push(await (index === 0 ? listen(0, preferred).catch(() => listen(0, 0)) : listen(index, 0)));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.on("connect", () => end(true));
    socket.on("error", () => end(false));
  });
}
