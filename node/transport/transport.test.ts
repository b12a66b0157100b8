import { mkdtempSync, rmSync } from "node:fs";
import { connect as connectTcp, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { pino } from "pino";
import { afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { nodeIdentity, OBSERVER_IDS, observerId } from "../api/contract.ts";
import { type Credentials, type Material, watchCredentials } from "./credentials.ts";
import { FRAME_BYTES_MAX, lengthPrefix } from "./frames.ts";
import { encodeHello } from "./hello.ts";
import { type TestAuthority, testAuthority, writeMaterial } from "./test-authority.ts";
import { openTransport, type Peer, type Transport, type TransportOptions } from "./transport.ts";

const NETWORK = "payments";
const CHAIN = "ab".repeat(32);
let authority: TestAuthority;
const leaves = new Map<number, Material>();

beforeAll(async () => {
  authority = await testAuthority();
  for (const id of [0, 1, 2]) leaves.set(id, await authority.issue(`${id}.${NETWORK}`, `payments-${id}.demo.svc`));
});

let folder = "";
const cleanups: (() => unknown)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hmn-transport-"));
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  rmSync(folder, { recursive: true });
});

type Heard = { transport: Transport; events: string[]; logs: string[]; refused: string[]; folder: string };

function credentialsOf(name: string, material: Material): { credentials: Credentials; at: string } {
  const at = join(folder, name);
  writeMaterial(at, material);
  const credentials = watchCredentials(at, () => {}, { pollMs: 20 });
  cleanups.push(() => credentials.close());
  return { credentials, at };
}

async function start(
  self: number,
  peers: readonly Peer[],
  options: Partial<TransportOptions> & { material?: Material } = {},
): Promise<Heard> {
  const material = options.material ?? leaves.get(self);
  if (material === undefined) throw new Error(`no certificate for ${self}`);
  const { credentials, at } = credentialsOf(`tls-${self}-${cleanups.length}`, material);
  const events: string[] = [];
  const logs: string[] = [];
  const refused: string[] = [];
  const transport = await openTransport({
    self,
    network: NETWORK,
    chainId: CHAIN,
    peers,
    listen: { host: "127.0.0.1", port: 0 },
    credentials,
    events: {
      onConnected: (peer) => events.push(`+${peer}`),
      onDisconnected: (peer) => events.push(`-${peer}`),
      onRefused: (reason) => refused.push(reason),
      onFrame: (peer, frame) => events.push(`${peer}: ${frame.length > 20 ? frame.length : Buffer.from(frame)}`),
    },
    log: pino({}, { write: (line: string) => logs.push(line) }),
    ...options,
  });
  cleanups.push(() => transport.close());
  return { transport, events, logs, refused, folder: at };
}

const at = (id: number, port: number): Peer => ({ id, host: "127.0.0.1", port });
const until = (condition: () => void): Promise<void> => vi.waitFor(condition, { timeout: 60_000, interval: 10 });
const frame = (text: string): Uint8Array => new TextEncoder().encode(text);
/** A peer that will dial us: its address is never used. */
const dialsUs = (id: number): Peer => at(id, 1);

/** A bare TLS client of this identity, connected to the transport. */
function client(material: Material, port: number): TLSSocket {
  const socket = connect({ host: "127.0.0.1", port, servername: `1.${NETWORK}`, ...material });
  socket.on("error", () => {});
  socket.resume();
  cleanups.push(() => socket.destroy());
  return socket;
}
const greet = (socket: TLSSocket): void => {
  const hello = encodeHello({ versions: { min: 1, max: 1 }, chainId: CHAIN });
  socket.write(lengthPrefix(hello.length));
  socket.write(hello);
};

test("the lower id dials the higher, frames go both ways, an end is seen and mended", async () => {
  const one = await start(1, [dialsUs(0)]);
  const zero = await start(0, [at(1, one.transport.port)]);
  await until(() => expect([...zero.events, ...one.events]).toEqual(["+1", "+0"]));
  expect(zero.transport.connectedPeers()).toEqual([1]);
  zero.transport.send(1, frame("ping"));
  one.transport.broadcast(frame("pong"));
  const large = new Uint8Array(FRAME_BYTES_MAX).fill(7);
  zero.transport.send(1, large);
  await until(() => expect(one.events).toEqual(["+0", "0: ping", `0: ${large.length}`]));
  await until(() => expect(zero.events).toEqual(["+1", "1: pong"]));
  const { port } = one.transport;
  await one.transport.close();
  cleanups.splice(cleanups.length - 2, 1);
  await until(() => expect(zero.events.at(-1)).toBe("-1"));
  const again = await start(1, [dialsUs(0)], { listen: { host: "127.0.0.1", port } });
  await until(() => expect(zero.events.at(-1)).toBe("+1"));
  zero.transport.send(1, frame("again"));
  await until(() => expect(again.events).toEqual(["+0", "0: again"]));
});

test("the server refuses: no certificate, a foreign CA, the operator, several names, a wildcard, a node that must not dial", async () => {
  const foreign = await testAuthority();
  const one = await start(1, [dialsUs(0), dialsUs(2)]);
  const names: [string, Material][] = [
    ["foreign CA", { ...(await foreign.issue(`0.${NETWORK}`)), ca: authority.ca }],
    ["operator", await authority.issue(`operator.${NETWORK}`)],
    ["other network", await authority.issue("0.savings")],
    ["several names", await authority.issue(`0.${NETWORK}`, `2.${NETWORK}`)],
    ["wildcard", await authority.issue(`*.${NETWORK}`)],
    ["dials the wrong way", leaves.get(2) ?? (await authority.issue())],
    ["itself", leaves.get(1) ?? (await authority.issue())],
  ];
  for (const [what, material] of names) {
    const socket = client(material, one.transport.port);
    socket.on("secureConnect", () => greet(socket));
    await until(() => expect(socket.destroyed, what).toBe(true));
  }
  const bare = connect({ host: "127.0.0.1", port: one.transport.port, ca: authority.ca, servername: `1.${NETWORK}` });
  bare.on("error", () => {});
  await until(() => expect(bare.destroyed).toBe(true));
  expect(one.events).toEqual([]);
  // The same path lets the right one in, so the refusals above are not for another reason.
  const right = client(leaves.get(0) ?? (await authority.issue()), one.transport.port);
  right.on("secureConnect", () => greet(right));
  await until(() => expect(one.events).toEqual(["+0"]));
});

test("the dialler refuses a server that is not the peer it dialled", async () => {
  const impostor = await start(1, [dialsUs(0)], { material: leaves.get(2) ?? (await authority.issue()) });
  const zero = await start(0, [at(1, impostor.transport.port)]);
  await until(() => expect(zero.logs.join()).toContain(`is not that of 1.${NETWORK}`));
  expect([...zero.events, ...impostor.events]).toEqual([]);
});

test("nodes of one release and the next speak the highest version that both know", async () => {
  const one = await start(1, [dialsUs(0)], { wireVersions: { min: 2, max: 3 } });
  const zero = await start(0, [at(1, one.transport.port)], { wireVersions: { min: 1, max: 2 } });
  await until(() => expect([...zero.events, ...one.events]).toEqual(["+1", "+0"]));
  expect([zero.transport.wireVersionWith(1), one.transport.wireVersionWith(0)]).toEqual([2, 2]);
  expect(zero.transport.wireVersionWith(7)).toBeUndefined();
});

test.each([
  ["chain", { chainId: "cd".repeat(32) }, /the peer is of chain (ab|cd)/],
  [
    "wire-version",
    { wireVersions: { min: 3, max: 4 } },
    /the peer speaks wire version (3 to 4, this node 1 to 2|1 to 2, this node 3 to 4)/,
  ],
])("a node of another %s is refused, counted, and told about", async (reason, other, message) => {
  const one = await start(1, [dialsUs(0)], other);
  const zero = await start(0, [at(1, one.transport.port)]);
  await until(() => expect([...zero.refused, ...one.refused]).toContain(reason));
  await until(() => expect(zero.logs.join() + one.logs.join()).toMatch(message));
  const told = [...zero.transport.refusedPeers(), ...one.transport.refusedPeers()];
  expect(told.map((refusal) => refusal.reason).join()).toMatch(message);
  expect([...zero.events, ...one.events]).toEqual([]);
});

test("changed peers: new ones are dialled, moved ones at their new place, and nobody talks to those that are gone", async () => {
  const one = await start(1, [dialsUs(0)]);
  const two = await start(2, [dialsUs(0)]);
  const zero = await start(0, [at(1, one.transport.port)]);
  await until(() => expect([...zero.events, ...one.events]).toEqual(["+1", "+0"]));
  zero.transport.setPeers([at(1, one.transport.port), at(2, two.transport.port)]);
  await until(() => expect([...zero.events, ...two.events]).toEqual(["+1", "+2", "+0"]));
  zero.transport.setPeers([at(2, two.transport.port)]);
  await until(() => expect([...zero.events.slice(2), ...one.events.slice(1)]).toEqual(["-1", "-0"]));
  const moved = await start(2, [dialsUs(0)]);
  zero.transport.setPeers([at(2, moved.transport.port)]);
  await until(() => expect([...moved.events, ...two.events]).toEqual(["+0", "+0", "-0"]));
  await until(() => expect(zero.transport.connectedPeers()).toEqual([2]));
  // The server side drops a peer that is gone too, and lets it in no more.
  moved.transport.setPeers([]);
  await until(() => expect(moved.events).toEqual(["+0", "-0"]));
  await until(() => expect(moved.refused).toContain("not-a-peer"));
  // Nobody went back to where a peer had been.
  expect([one.events, two.events]).toEqual([
    ["+0", "-0"],
    ["+0", "-0"],
  ]);
});

test("strangers get few places, and give them back; a proved peer takes none", async () => {
  const one = await start(1, [dialsUs(0)], { unproved: { total: 2, perAddress: 2 } });
  const peer = client(leaves.get(0) ?? (await authority.issue()), one.transport.port);
  peer.on("secureConnect", () => greet(peer));
  await until(() => expect(one.events).toEqual(["+0"]));
  const strangers = [1, 2, 3].map(() => {
    const socket = connectTcp(one.transport.port, "127.0.0.1");
    socket.on("error", () => {});
    socket.resume();
    cleanups.push(() => socket.destroy());
    return socket;
  });
  await until(() => expect(strangers.filter((socket) => socket.destroyed).length).toBe(1));
  expect(one.refused).toEqual(["limit"]);
  expect(peer.destroyed).toBe(false);
});

test("half a handshake and a missing hello end in time", async () => {
  const one = await start(1, [dialsUs(0)], { handshakeMs: 300 });
  const raw = connectTcp(one.transport.port, "127.0.0.1");
  raw.on("error", () => {});
  raw.resume();
  const mute = client(leaves.get(0) ?? (await authority.issue()), one.transport.port);
  await until(() => expect([raw.destroyed, mute.destroyed]).toEqual([true, true]));
  expect(one.refused.toSorted()).toEqual(["handshake", "no-hello"]);
  expect(one.transport.refusedPeers()).toEqual([{ peer: 0, reason: "no hello" }]);
});

test("a peer that does not finish a frame is cut off, however it drips", async () => {
  const one = await start(1, [dialsUs(0)], { timing: { pingMs: 20, silentPings: 5, framePings: 10 } });
  const socket = client(leaves.get(0) ?? (await authority.issue()), one.transport.port);
  socket.on("secureConnect", () => greet(socket));
  await until(() => expect(one.events).toEqual(["+0"]));
  socket.write(lengthPrefix(1_000_000));
  const drip = setInterval(() => socket.write(new Uint8Array(1)), 10);
  cleanups.push(() => clearInterval(drip));
  await until(() => expect(one.logs.join()).toContain("the peer does not finish a frame"));
  expect(one.events).toEqual(["+0", "-0"]);
});

test("a frame over the limit ends the connection", async () => {
  const one = await start(1, [dialsUs(0)]);
  const socket = client(leaves.get(0) ?? (await authority.issue()), one.transport.port);
  socket.on("secureConnect", () => greet(socket));
  await until(() => expect(one.events).toEqual(["+0"]));
  socket.write(lengthPrefix(FRAME_BYTES_MAX + 1));
  await until(() => expect(one.events).toEqual(["+0", "-0"]));
});

test("of two connections of one peer the newer one stays", async () => {
  const one = await start(1, [dialsUs(0)]);
  const material = leaves.get(0) ?? (await authority.issue());
  const older = client(material, one.transport.port);
  older.on("secureConnect", () => greet(older));
  await until(() => expect(one.events).toEqual(["+0"]));
  const newer = client(material, one.transport.port);
  newer.on("secureConnect", () => greet(newer));
  await until(() => expect(one.events).toEqual(["+0", "-0", "+0"]));
  await until(() => expect(older.destroyed).toBe(true));
  expect(newer.destroyed).toBe(false);
});

test("a peer that vanishes without a word is noticed", async () => {
  const timing = { pingMs: 20, silentPings: 5, framePings: 30 };
  const one = await start(1, [dialsUs(0)], { timing });
  const relay = await relayTo(one.transport.port);
  const zero = await start(0, [at(1, relay.port)], { timing });
  await until(() => expect([...zero.events, ...one.events]).toEqual(["+1", "+0"]));
  relay.swallow();
  await until(() => expect([...zero.events.slice(0, 2), ...one.events]).toEqual(["+1", "-1", "+0", "-0"]));
});

test("a peer that reads nothing is cut off instead of filling the memory", async () => {
  const one = await start(1, [dialsUs(0)]);
  const socket = client(leaves.get(0) ?? (await authority.issue()), one.transport.port);
  socket.on("secureConnect", () => greet(socket));
  await until(() => expect(one.events).toEqual(["+0"]));
  socket.pause();
  const large = new Uint8Array(FRAME_BYTES_MAX);
  for (let sent = 0; sent < 6; sent++) one.transport.send(0, large);
  expect(one.events).toEqual(["+0", "-0"]);
  expect(one.logs.join()).toContain("the peer reads too slowly");
});

test("new certificates are taken for new connections, and a set that does not fit together is not", async () => {
  const one = await start(1, [dialsUs(0)]);
  const before = leaves.get(1) ?? (await authority.issue());
  const serial = (socket: TLSSocket): string => socket.getPeerX509Certificate()?.serialNumber ?? "";
  const presented = async (): Promise<string> => {
    const socket = client(leaves.get(0) ?? before, one.transport.port);
    await new Promise((resolve) => socket.on("secureConnect", resolve));
    return serial(socket);
  };
  const old = await presented();
  const next = await authority.issue(`1.${NETWORK}`);
  writeMaterial(one.folder, { ...before, key: next.key });
  expect(await presented()).toBe(old);
  writeMaterial(one.folder, next);
  await vi.waitFor(async () => expect(await presented()).not.toBe(old), { timeout: 60_000, interval: 20 });
});

test("a changed CA bundle counts for new connections: a second CA comes in, then the first one goes", async () => {
  const one = await start(1, [dialsUs(0)]);
  const next = await testAuthority("next");
  const own = leaves.get(1) ?? (await authority.issue());
  const newcomer = await next.issue(`0.${NETWORK}`);
  const knock = async (material: Material): Promise<boolean> => {
    const both = `${authority.ca}\n${next.ca}`;
    const socket = client({ ...material, ca: both }, one.transport.port);
    const before = one.events.length;
    socket.on("secureConnect", () => greet(socket));
    await until(() => expect(socket.destroyed || one.events.length > before).toBe(true));
    return one.events.length > before;
  };
  expect(await knock(newcomer)).toBe(false);
  writeMaterial(one.folder, { ...own, ca: `${authority.ca}\n${next.ca}` });
  await vi.waitFor(async () => expect(await knock(newcomer)).toBe(true), { timeout: 60_000, interval: 20 });
  const old = leaves.get(0) ?? own;
  expect(await knock(old)).toBe(true);
  writeMaterial(one.folder, { ...(await next.issue(`1.${NETWORK}`)), ca: next.ca });
  await vi.waitFor(async () => expect(await knock(old)).toBe(false), { timeout: 60_000, interval: 20 });
  expect(await knock(newcomer)).toBe(true);
});

/** Forwards bytes until it is told to swallow them, as a network that lost a host does. */
async function relayTo(port: number): Promise<{ port: number; swallow(): void }> {
  const { connect: dial } = await import("node:net");
  let open = true;
  const sockets: Socket[] = [];
  const server: Server = createServer((inner) => {
    const outer = dial(port, "127.0.0.1");
    for (const [from, to] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      sockets.push(from);
      from.on("error", () => {});
      from.on("data", (chunk) => {
        if (open) to.write(chunk);
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no address");
  return {
    port: address.port,
    swallow: () => {
      open = false;
    },
  };
}

test("an observer dials and is admitted by its certificate alone, where observers are; it is told everything and is no peer", async () => {
  const [observer, second] = [observerId(0), observerId(1)];
  for (const id of [observer, second]) leaves.set(id, await authority.issue(nodeIdentity(id, NETWORK)));
  const one = await start(1, [], { admitsObservers: true });
  const closed = await start(1, []);
  const follower = await start(observer, [at(1, one.transport.port)]);
  await until(() => expect([...follower.events, ...one.events]).toEqual(["+1", `+${observer}`]));
  expect(one.transport.connectedPeers()).toEqual([]);
  expect(one.transport.connectedObservers()).toEqual([observer]);
  one.transport.broadcast(frame("news"));
  follower.transport.send(1, frame("question"));
  await until(() => expect(follower.events).toContain("1: news"));
  await until(() => expect(one.events).toContain(`${observer}: question`));
  // A change of the peers' file does not part with it.
  one.transport.setPeers([dialsUs(0)]);
  expect(one.transport.connectedObservers()).toEqual([observer]);

  await start(second, [at(1, closed.transport.port)]);
  await until(() => expect(closed.refused).toContain("not-a-peer"));
  const both = await authority.issue(nodeIdentity(second, NETWORK), `0.${NETWORK}`);
  await start(second, [at(1, one.transport.port)], { material: both });
  const beyond = await authority.issue(`observer-${OBSERVER_IDS.count}.${NETWORK}`);
  await start(second, [at(1, one.transport.port)], { material: beyond });
  await until(() => expect(one.refused.length).toBeGreaterThan(3));
  expect(new Set(one.refused)).toEqual(new Set(["not-a-peer"]));
  expect(one.transport.connectedObservers()).toEqual([observer]);
  expect(one.transport.refusedPeers()).toEqual([]);
});
