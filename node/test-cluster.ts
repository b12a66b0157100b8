import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type GenesisFile,
  isObserver,
  type NodeStatus,
  nodeIdentity,
  nodeStatusSchema,
  observerId,
  observerNumber,
  operatorIdentity,
} from "./api/contract.ts";
import type { Target } from "./client/connection.ts";
import type { Material } from "./transport/credentials.ts";
import { testAuthority, writeMaterial } from "./transport/test-authority.ts";

/** Real node processes on loopback, as the operator would run them: certificates, `network.json`, then `genesis.json`. */
export type TestNode = {
  readonly id: number;
  readonly data: string;
  readonly tls: string;
  readonly config: string;
  readonly ports: {
    readonly control: number;
    readonly client: number;
    readonly api: number;
    readonly mesh: number;
    readonly consensus: number;
  };
  start(environment?: Readonly<Record<string, string>>): void;
  /** Of the process that was started last, while it runs. */
  pid(): number | undefined;
  /** Waits for its end; answers with the exit code, or the signal that ended it. */
  ended(): Promise<Ending>;
  /** Ends it by this signal, if it runs. */
  end(signal: NodeJS.Signals): Promise<Ending>;
  /** HTTPS with the operator's certificate, or none. */
  get(port: "control" | "api", path: string, as?: "operator" | "nobody"): Promise<Answer>;
  status(): Promise<NodeStatus>;
  log(): string;
};

export type Ending = number | NodeJS.Signals | null;
export type Answer = { readonly code: number; readonly body: string };

export type TestCluster = {
  readonly network: string;
  readonly ca: string;
  readonly nodes: readonly TestNode[];
  readonly observers: readonly TestNode[];
  readonly targets: readonly Target[];
  writeGenesis(accounts: GenesisFile["accounts"], parameters?: GenesisFile["parameters"]): Promise<void>;
  /** Ends every process that still runs. */
  close(): Promise<void>;
};

export const MAIN = fileURLToPath(new URL("./main.ts", import.meta.url));
const HOST = "127.0.0.1";

/** `main`: the program that every node runs, unless it is this checkout's source. `observers`: how many may follow. */
export async function testCluster(
  folder: string,
  count: number,
  { main = MAIN, observers = 0 }: { main?: string; observers?: number } = {},
): Promise<TestCluster> {
  const network = "payments";
  const authority = await testAuthority();
  const operator = await authority.issue(operatorIdentity(network));
  const ports = await freePorts(5 * (count + observers));
  const port = (place: number, which: number): number => ports[5 * place + which] ?? 0;
  const peers = Array.from({ length: count }, (_, id) => ({
    id,
    host: HOST,
    port: port(id, 3),
    meshPort: port(id, 4),
  }));
  const make = async (id: number, place: number): Promise<TestNode> => {
    const home = join(folder, `node-${place}`);
    mkdirSync(join(home, "config"), { recursive: true });
    writeFileSync(join(home, "config", "network.json"), JSON.stringify({ network, peers }));
    writeMaterial(join(home, "tls"), await authority.issue(nodeIdentity(id, network)));
    const own = {
      control: port(place, 0),
      client: port(place, 1),
      api: port(place, 2),
      consensus: port(place, 3),
      mesh: port(place, 4),
    };
    return testNode({ id, home, main, network, ports: own, operator });
  };
  const nodes = await Promise.all(peers.map(({ id }) => make(id, id)));
  const followers = await Promise.all(
    Array.from({ length: observers }, (_, observer) => make(observerId(observer), count + observer)),
  );
  return {
    network,
    ca: authority.ca,
    nodes,
    observers: followers,
    targets: nodes.map(({ id, ports: { client } }) => ({
      host: HOST,
      port: client,
      servername: nodeIdentity(id, network),
    })),
    writeGenesis: async (accounts, parameters = {}) => {
      const keys = await Promise.all(nodes.map(async (node) => (await node.status()).publicKey));
      const genesis: GenesisFile = {
        network,
        timeNs: (BigInt(Date.now()) * 1_000_000n).toString(),
        authority: { publicKeys: [keys[0] ?? ""], threshold: 1 },
        validators: keys.map((key, id) => ({ id, consensusKey: key, ownerKey: key, bond: "1000000000" })),
        accounts,
        parameters,
      };
      for (const { config } of [...nodes, ...followers]) {
        writeFileSync(join(config, ".genesis.json"), JSON.stringify(genesis));
        renameSync(join(config, ".genesis.json"), join(config, "genesis.json"));
      }
    },
    close: async () => {
      await Promise.all([...nodes, ...followers].map((node) => node.end("SIGKILL")));
    },
  };
}

function testNode({
  id,
  home,
  main,
  network,
  ports,
  operator,
}: {
  id: number;
  home: string;
  main: string;
  network: string;
  ports: TestNode["ports"];
  operator: Material;
}): TestNode {
  let child: ChildProcess | undefined;
  const logPath = join(home, "log");
  const get: TestNode["get"] = (which, path, as = "operator") =>
    new Promise((resolve, reject) => {
      const identity = as === "operator" ? { cert: operator.cert, key: operator.key } : {};
      const options = { host: HOST, port: ports[which], path, servername: nodeIdentity(id, network) };
      const call = request({ ...options, ca: operator.ca, ...identity, agent: false, timeout: 5_000 }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () =>
          resolve({ code: response.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") }),
        );
      });
      call.on("error", reject);
      call.on("timeout", () => call.destroy(new Error("timeout")));
      call.end();
    });
  const folders = { data: join(home, "data"), tls: join(home, "tls"), config: join(home, "config") };
  const ended = async (): Promise<Ending> => {
    if (child === undefined) return null;
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    return child.exitCode ?? child.signalCode;
  };
  return {
    id,
    ports,
    ...folders,
    ended,
    pid: () => (child?.exitCode === null && child.signalCode === null ? child.pid : undefined),
    start: (environment = {}) => {
      const log = openSync(logPath, "a");
      // By the environment: an earlier release that a benchmark runs beside this one does not know the flag.
      const { mesh, ...listening } = ports;
      const all = {
        ...(isObserver(id) ? { observer: observerNumber(id) } : { validator: id }),
        ...folders,
        host: HOST,
        ...Object.fromEntries(Object.entries(listening).map(([k, v]) => [`${k}-port`, v])),
      };
      const args = Object.entries(all).flatMap(([name, value]) => [`--${name}`, String(value)]);
      child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", main, "start", ...args], {
        stdio: ["ignore", log, log],
        env: { PATH: process.env.PATH, HMN_VERSION: "1.2.3", HMN_MESH_PORT: `${mesh}`, ...environment },
      });
      closeSync(log);
    },
    end: (signal) => {
      child?.kill(signal);
      return ended();
    },
    get,
    status: async () => {
      const { code, body } = await get("control", "/status");
      if (code !== 200) throw new Error(`status answered ${code}: ${body}`);
      return nodeStatusSchema.parse(JSON.parse(body));
    },
    log: () => (existsSync(logPath) ? readFileSync(logPath, "utf8") : ""),
  };
}

/** Where the system takes ports of outgoing connections from begins above these: nobody is given one of them meanwhile. */
const PORTS = { from: 10_000, to: 30_000 } as const;

/** Ports that were free a moment ago: `network.json` names them before anybody listens. */
async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = PORTS.from + Math.floor(Math.random() * (PORTS.to - PORTS.from));
    if (!ports.has(port) && (await isFree(port))) ports.add(port);
  }
  return [...ports];
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, HOST);
  const free = await Promise.race([
    once(server, "listening").then(() => true),
    once(server, "error").then(() => false),
  ]).catch(() => false);
  if (!free) return false;
  server.close();
  await once(server, "close");
  return true;
}
