import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseAddress, startRelay } from "./relay.ts";
import { freePorts } from "./relays.ts";

let folder = "";
let ends: (() => void)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hmn-relay-"));
});
afterEach(() => {
  for (const end of ends) end();
  ends = [];
  rmSync(folder, { recursive: true, force: true });
});

/** A service behind two relays, as the API server of a sealed network is: port → Unix socket → port. */
async function behindRelays(serve: (socket: Socket) => void): Promise<number> {
  const [inner = 0, outer = 0] = await freePorts(2);
  const socket = join(folder, "between.sock");
  const server: Server = createServer({ allowHalfOpen: true }, serve);
  await new Promise<void>((resolve) => server.listen(inner, "127.0.0.1", resolve));
  ends.push(() => server.close());
  ends.push(await startRelay(parseAddress(`unix:${socket}`), parseAddress(`tcp:127.0.0.1:${inner}`)));
  ends.push(await startRelay(parseAddress(`tcp:127.0.0.1:${outer}`), parseAddress(`unix:${socket}`)));
  return outer;
}

const readAll = (socket: Socket): Promise<string> =>
  new Promise((resolve, reject) => {
    let text = "";
    socket.setEncoding("latin1");
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.on("end", () => resolve(text));
    socket.on("error", reject);
  });

test("an answer comes back after the client has closed its side", async () => {
  const port = await behindRelays((socket) => {
    void readAll(socket).then((text) => socket.end(`${text.length} bytes`));
  });
  const client = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  client.end("x".repeat(3_000_000));
  expect(await readAll(client)).toBe("3000000 bytes");
});

test("both directions of one connection flow at once, as an upgraded stream needs", async () => {
  const port = await behindRelays((socket) => {
    socket.write("hello;");
    socket.on("data", (chunk: Buffer) => socket.write(chunk.toString().toUpperCase()));
    socket.on("end", () => socket.end());
  });
  const client = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  const all = readAll(client);
  await new Promise((resolve) => client.once("data", resolve));
  client.write("first;");
  await new Promise((resolve) => client.once("data", resolve));
  client.end("second;");
  expect(await all).toBe("hello;FIRST;SECOND;");
});

test("a connection ends when the far side breaks or is not there", async () => {
  const port = await behindRelays((socket) => socket.resetAndDestroy());
  const broken = connect({ host: "127.0.0.1", port });
  await new Promise((resolve) => broken.on("error", () => {}).on("close", resolve));
  const [nobody = 0, outer = 0] = await freePorts(2);
  ends.push(await startRelay(parseAddress(`tcp:127.0.0.1:${outer}`), parseAddress(`tcp:127.0.0.1:${nobody}`)));
  const refused = connect({ host: "127.0.0.1", port: outer });
  await new Promise((resolve) => refused.on("error", () => {}).on("close", resolve));
});

test("only addresses of this machine are relayed", () => {
  expect(() => parseAddress("tcp:0.0.0.0:80")).toThrow("not an address of this machine");
  expect(() => parseAddress("unix:relative")).toThrow("not an address of this machine");
});
