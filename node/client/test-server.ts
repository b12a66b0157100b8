import { once } from "node:events";
import { createServer, type TLSSocket } from "node:tls";
import { present } from "../base/assert.ts";
import { nanos } from "../base/units.ts";
import { admitBatch, type Chain, chainId, heightOf, lastBlockTimeOf, resultsHashOf } from "../chain/chain.ts";
import { executeKept } from "../chain/test-journal.ts";
import {
  CLIENT_FRAME_BYTES_MAX,
  CLIENT_VERSION,
  encodeClientFrame,
  parseClientFrame,
} from "../codec/client-protocol.ts";
import type { ClientAnswer } from "../ports.ts";
import { frameReader, lengthPrefix } from "../transport/frames.ts";

/** What a node of a test does with a request: answer it, drop the connection instead, or keep silent. */
export type Behaviour = (request: {
  readonly batch: Uint8Array;
  readonly answer: () => ClientAnswer;
}) => ClientAnswer | "disconnect" | "silence";

export type TestServer = {
  readonly port: number;
  /** Connections so far, whatever became of them. */
  connections(): number;
  close(): Promise<void>;
};

/** A real TLS server in front of a real chain, which makes a block of each batch at once: the network without consensus. */
export async function testServer({
  chain,
  material,
  behaviour = ({ answer }) => answer(),
}: {
  chain: Chain;
  material: { readonly cert: string; readonly key: string };
  behaviour?: Behaviour;
}): Promise<TestServer> {
  const sockets = new Set<TLSSocket>();
  let connections = 0;
  const server = createServer({ cert: material.cert, key: material.key, minVersion: "TLSv1.3" }, (socket) => {
    const send = (payload: Uint8Array): void => {
      socket.write(lengthPrefix(payload.length));
      socket.write(payload);
    };
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => undefined);
    const frames = frameReader(CLIENT_FRAME_BYTES_MAX);
    const { network } = chain.genesis;
    send(encodeClientFrame({ type: "hello", wireVersion: CLIENT_VERSION, network, chainId: chainId(chain) }));
    socket.on("data", (chunk: Buffer) => {
      const cut = frames.push(chunk);
      for (const bytes of cut.ok ? cut.value : []) {
        const frame = parseClientFrame(bytes);
        if (!frame.ok || frame.value.type !== "request") return socket.destroy();
        const { requestId, batch } = frame.value;
        const answer = behaviour({ batch, answer: () => executeAlone(chain, batch) });
        if (answer === "disconnect") return socket.destroy();
        if (answer !== "silence") send(encodeClientFrame({ type: "reply", requestId, answer }));
      }
    });
  });
  server.on("connection", () => {
    connections += 1;
  });
  server.listen({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    connections: () => connections,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** Admits a batch and executes it in a block of its own. */
export function executeAlone(chain: Chain, batch: Uint8Array): ClientAnswer {
  const admitted = admitBatch(chain, batch, Date.now());
  if (!admitted.ok) return { type: "refused", reason: admitted.reason, retryable: false };
  if (admitted.value.executed !== undefined) return { type: "committed", ...admitted.value.executed };
  const before = lastBlockTimeOf(chain);
  const clock = BigInt(Date.now()) * 1_000_000n;
  const height = heightOf(chain) + 1;
  const zeros = "00".repeat(32);
  const { outcomes } = executeKept(chain, {
    hash: zeros,
    epoch: 1,
    view: height,
    kind: "normal",
    height,
    parent: zeros,
    proposer: 0,
    time: nanos(clock > before ? clock : before + 1n),
    executed: { height: height - 1, resultsHash: present(resultsHashOf(chain), "newest results hash") },
    next: zeros,
    votes: [],
    evidence: [],
    tips: [],
    batches: [batch],
  });
  return { type: "committed", height, outcome: present(outcomes[0], "one outcome per batch") };
}
