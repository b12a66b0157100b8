import { mkdirSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import { type ClientServer, startClientServer } from "./api/client-server.ts";
import type { NetworkFile } from "./api/contract.ts";
import { startControlServer } from "./api/control-server.ts";
import { type JsonApi, startJsonApi } from "./api/json-api.ts";
import { createMetrics } from "./api/metrics.ts";
import { present } from "./base/assert.ts";
import { toHex } from "./base/bytes.ts";
import type { KeyPair } from "./codec/signature.ts";
import { DEFAULT_TIMING } from "./consensus/timing.ts";
import { DEFAULT_LANE_PACE } from "./lanes/pace.ts";
import { type Engine, startEngine } from "./shell-engine.ts";
import type { Faults } from "./shell-faults.ts";
import { type Genesis, readGenesis, readNetwork } from "./shell-genesis.ts";
import { eventLog } from "./shell-log.ts";
import type { StartOptions } from "./shell-options.ts";
import { type Facts, healthOf, readinessOf, statusOf } from "./shell-status.ts";
import { realDisk } from "./storage/disk.ts";
import { lockFolder } from "./storage/folder-lock.ts";
import { openStorage, type Storage } from "./storage/storage.ts";
import { loadVoteKey } from "./storage/vote-key.ts";
import { watchCredentials } from "./transport/credentials.ts";
import { openTransport, type Transport } from "./transport/transport.ts";

/** A node that runs. `stop` is the way out of SIGTERM: answers that are owed leave first, for at most ten seconds. */
export type Running = { readonly ports: { readonly control: number }; stop(): Promise<void> };

const GENESIS_POLL_MS = 500;
const DRAIN_MAX_MS = 10_000;

/** What exists only once there is a chain. */
type Service = {
  readonly genesis: Genesis;
  readonly engine: Engine;
  readonly transport: Transport;
  readonly clients: ClientServer;
  readonly api: JsonApi;
};

type Shell = {
  readonly options: StartOptions;
  readonly faults: Faults;
  readonly log: Logger;
  readonly network: NetworkFile;
  readonly keyPair: KeyPair;
  readonly credentials: ReturnType<typeof watchCredentials>;
  readonly metrics: ReturnType<typeof createMetrics>;
  readonly storage: Storage | undefined;
  readonly facts: () => Facts;
};

/** Starts one node: data folder and key, control server, and, once there is a genesis, everything else. Throws when the folder, its key or its certificates can't be used. */
export async function startNode(options: StartOptions, faults: Faults, log: Logger): Promise<Running> {
  const network = readNetwork(options.config);
  mkdirSync(options.data, { recursive: true });
  const lock = lockFolder(options.data);
  if (!lock.ok) throw new Error(lock.detail);
  const opened = openStorage(realDisk, options.data);
  const storage = opened.ok ? opened.value : undefined;
  const damage = opened.ok ? undefined : opened.detail;
  if (damage !== undefined) log.error({ reason: damage }, "data folder damaged: this node only shows its state");
  for (const finding of storage?.findings ?? []) log.warn({ finding }, "data folder opened");
  const key = loadVoteKey(realDisk, options.data);
  if (!key.ok) throw new Error(key.detail);
  const credentials = watchCredentials(options.tls, (cause) => log.error({ err: cause }, "new certificates refused"));
  const metrics = createMetrics();

  let service: Service | undefined;
  let waitingFor = "waiting for genesis";
  let stopping = false;
  const facts = (): Facts => ({
    version: options.version,
    network: network.network,
    validator: options.validator,
    publicKey: toHex(key.value.publicKey),
    chainId: service?.genesis.chainId ?? null,
    waitingFor,
    stopping,
    chain: service === undefined ? undefined : { view: service.engine.view(), lagMs: service.engine.lagMs() },
    readOnly: damage ?? service?.engine.readOnly(),
    freeBytes: freeBytes(storage),
    connectedPeers: service?.transport.connectedPeers() ?? [],
    caBundleHash: credentials.caBundleHash(),
    faults: faults.names,
    silent: faults.silent,
  });
  const shell: Shell = {
    ...{ options, faults, log, network, credentials, metrics, storage, facts },
    keyPair: key.value,
  };
  const tryGenesis = async (): Promise<void> => {
    const genesis = readGenesis({ ...options, network: network.network }, realDisk);
    if (genesis.ok) {
      service = await startService(shell, genesis.value);
      return;
    }
    const reason = genesis.detail ?? genesis.reason;
    if (reason !== waitingFor) log.warn({ reason }, "genesis not taken");
    waitingFor = reason;
  };
  // A node that has a chain executes its log again before it answers probes: that belongs to the start, which the startup
  // probe waits for, and must not look like a process that hangs.
  if (storage !== undefined) await tryGenesis();
  const control = await startControlServer({
    listen: listenOn(options, options.ports.control),
    credentials,
    registry: metrics.registry,
    status: () => statusOf(facts()),
    readiness: () => readinessOf(facts()),
    health: () => healthOf(facts()),
  });
  log.info({ port: control.port }, "control server listens");

  // A failure in here ends the process as an unhandled rejection, like any other bug.
  const running = (async () => {
    while (storage !== undefined && service === undefined && !stopping) {
      await delay(GENESIS_POLL_MS);
      await tryGenesis();
    }
  })();

  const stop = async (): Promise<void> => {
    stopping = true;
    await running;
    if (service !== undefined) await stopService(service, log);
    await control.close();
    credentials.close();
    storage?.close();
    lock.value.release();
  };
  return { ports: { control: control.port }, stop };
}

async function startService(shell: Shell, genesis: Genesis): Promise<Service> {
  const { options, network, credentials, metrics, log, faults } = shell;
  const storage = present(shell.storage, "a chain needs its storage");
  let transport: Transport | undefined;
  let clients: ClientServer | undefined;
  const logEvent = eventLog(log);
  const engine = startEngine({
    config: {
      self: options.validator,
      keyPair: shell.keyPair,
      genesis: genesis.file,
      timing: DEFAULT_TIMING,
      lanes: DEFAULT_LANE_PACE,
    },
    storage,
    log,
    send: (peer, frame) => transport?.send(peer, frame),
    broadcast: (frame) => transport?.broadcast(frame),
    answer: (request, answer) => clients?.answer(request, answer),
    connectedPeers: () => transport?.connectedPeers() ?? [],
    onEvent: (event) => {
      metrics.observe(event);
      logEvent(event);
    },
    onReadOnly: (reason) => clients?.dropAll(reason),
  });
  transport = await openTransport({
    self: options.validator,
    network: network.network,
    chainId: genesis.chainId,
    peers: network.peers.filter(({ id }) => id !== options.validator),
    listen: listenOn(options, options.ports.consensus),
    credentials,
    events: {
      onConnected: (peer) => engine.push({ type: "peer-connected", peer }),
      onDisconnected: (peer) => engine.push({ type: "peer-disconnected", peer }),
      onFrame: (peer, frame) => engine.push({ type: "peer-frame", peer, frame }),
    },
    log,
  });
  clients = await startClientServer({
    listen: listenOn(options, options.ports.client),
    credentials,
    network: network.network,
    chainId: genesis.chainId,
    metrics,
    log,
    submit: (request, batch) => {
      const cannot = engine.readOnly();
      if (cannot === undefined) engine.push({ type: "client-batch", request, batch });
      return cannot;
    },
    slowMs: faults.slowMs,
  });
  const api = await startJsonApi({
    listen: listenOn(options, options.ports.api),
    credentials,
    status: () => statusOf(shell.facts()),
    chain: () => engine.chain(),
  });
  log.info({ chainId: genesis.chainId, height: engine.view().height }, "node runs");
  return { genesis, engine, transport, clients, api };
}

async function stopService({ engine, transport, clients, api }: Service, log: Logger): Promise<void> {
  engine.push({ type: "stop" });
  clients.stopTaking();
  const deadline = Date.now() + DRAIN_MAX_MS;
  // At least one turn, so that the peers hear of it. It votes on until its lane is empty: what it took is ordered by the others.
  const owes = (): boolean => clients.outstanding() > 0 || engine.view().pendingBatches > 0;
  do await delay(20);
  while (owes() && Date.now() < deadline);
  if (clients.outstanding() > 0) log.warn({ outstanding: clients.outstanding() }, "stops with answers owed");
  await clients.close();
  await api.close();
  engine.close();
  await transport.close();
}

const listenOn = ({ host }: StartOptions, port: number): { host?: string; port: number } =>
  host === undefined ? { port } : { host, port };

function freeBytes(storage: Storage | undefined): number {
  try {
    return storage?.freeBytes() ?? 0;
  } catch {
    // The volume does not even answer: the write that fails next says why.
    return 0;
  }
}
