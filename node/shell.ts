import { mkdirSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import { type Allowance, createAllowance, UNLIMITED } from "./api/allowance.ts";
import { type ClientServer, startClientServer } from "./api/client-server.ts";
import { isObserver, LEDGERS, type NetworkFile, operatorIdentity } from "./api/contract.ts";
import { startControlServer } from "./api/control-server.ts";
import { createHoldings, type Holdings } from "./api/holdings.ts";
import { type Intake, startIntake } from "./api/intake.ts";
import { type JsonApi, startJsonApi } from "./api/json-api.ts";
import { createMetrics } from "./api/metrics.ts";
import { restoredPath, stateParts } from "./backup/state-file.ts";
import { toHex } from "./base/bytes.ts";
import { accept, type Result, refuse } from "./base/result.ts";
import { accountsAfter, heightOf } from "./chain/chain.ts";
import { exportChain, importChain } from "./chain/snapshot.ts";
import type { MemoryEntry } from "./codec/memory-entry.ts";
import type { KeyPair } from "./codec/signature.ts";
import { DEFAULT_TIMING } from "./consensus/timing.ts";
import { DEFAULT_LANE_PACE } from "./lanes/pace.ts";
import { DamagedData } from "./node.ts";
import { type Engine, startEngine } from "./shell-engine.ts";
import type { Faults } from "./shell-faults.ts";
import { type Genesis, readGenesis } from "./shell-genesis.ts";
import { countersignature, governanceOf } from "./shell-governance.ts";
import { openJournal } from "./shell-journal.ts";
import { eventLog, progressLog } from "./shell-log.ts";
import type { RunningMesh } from "./shell-mesh.ts";
import { meshPeers, startNodeMesh } from "./shell-mesh-start.ts";
import { readNetwork, watchNetwork } from "./shell-network.ts";
import type { StartOptions } from "./shell-options.ts";
import { readRestored } from "./shell-restored.ts";
import { startServices } from "./shell-services.ts";
import { type Facts, healthOf, readinessOf, statusOf } from "./shell-status.ts";
import { isDiskRefusal, realDisk } from "./storage/disk.ts";
import { lockFolder } from "./storage/folder-lock.ts";
import { openStorage, type Storage } from "./storage/storage.ts";
import { threadExecutor } from "./storage/thread-executor.ts";
import { loadVoteKey } from "./storage/vote-key.ts";
import type { RunningServices } from "./supervisor/run.ts";
import { watchCredentials } from "./transport/credentials.ts";
import { openTransport, type Transport } from "./transport/transport.ts";

/** A node that runs. `stop` is the way out of SIGTERM: answers that are owed leave first, for at most ten seconds. */
export type Running = { readonly ports: { readonly control: number }; stop(): Promise<void> };

const GENESIS_POLL_MS = 500;
const DRAIN_MAX_MS = 10_000;
/** Log, at most, behind which a snapshot is written at the next checkpoint. */
const SNAPSHOT_BYTES = 256 * 1024 * 1024;
const NO_KEY = "0".repeat(64);

/** What exists only once there is a chain. */
type Service = {
  readonly genesis: Genesis;
  readonly engine: Engine;
  readonly transport: Transport;
  readonly mesh: RunningMesh;
  readonly intake: Intake;
  readonly clients: ClientServer;
  readonly api: JsonApi;
  readonly services: RunningServices;
  readonly peersFile: { close(): void };
};

/** What the data folder holds, once it could be opened. */
type Folder = { readonly storage: Storage; readonly keyPair: KeyPair };

type Shell = {
  readonly options: StartOptions;
  readonly faults: Faults;
  readonly log: Logger;
  readonly network: NetworkFile;
  readonly credentials: ReturnType<typeof watchCredentials>;
  readonly metrics: ReturnType<typeof createMetrics>;
  readonly facts: () => Facts;
};

/** Starts one node: data folder and key, control server, and, once there is a genesis, everything else. Throws when the folder, its key or its certificates can't be used. */
export async function startNode(options: StartOptions, faults: Faults, log: Logger): Promise<Running> {
  const network = readNetwork(options.config);
  mkdirSync(options.data, { recursive: true });
  const lock = lockFolder(options.data);
  if (!lock.ok) throw new Error(lock.detail);
  let folder = openFolder(options.data, log);
  if (!folder.ok) log.error({ reason: folder.detail }, "disk takes no writes: this node only shows its state");
  const credentials = watchCredentials(options.tls, (cause) => log.error({ err: cause }, "new certificates refused"));
  const metrics = createMetrics();

  let service: Service | undefined;
  let waitingFor = "waiting for genesis";
  let stopping = false;
  const facts = (): Facts => ({
    version: options.version,
    network: network.network,
    validator: options.validator,
    publicKey: folder.ok ? toHex(folder.value.keyPair.publicKey) : NO_KEY,
    chainId: service?.genesis.chainId ?? null,
    waitingFor,
    restored: service === undefined ? readRestored(options.data) : undefined,
    stopping,
    chain: service === undefined ? undefined : { view: service.engine.view(), lagMs: service.engine.lagMs() },
    readOnly: folder.ok ? service?.engine.readOnly() : `the disk takes no writes: ${folder.detail ?? folder.reason}`,
    governance: service === undefined ? undefined : governanceOf(service.engine.chain()),
    damage: folder.ok ? folder.value.storage.damage()[0] : undefined,
    freeBytes: freeBytes(options.data),
    connectedPeers: service?.transport.connectedPeers() ?? [],
    connectedObservers: service?.transport.connectedObservers() ?? [],
    refusedPeers: service?.transport.refusedPeers() ?? [],
    services: service?.services.health(),
    caBundleHash: credentials.caBundleHash(),
    certificateHash: credentials.certificateHash(),
    faults: faults.names,
    silent: faults.silent,
  });
  const shell: Shell = { options, faults, log, network, credentials, metrics, facts };
  const tryGenesis = async (): Promise<void> => {
    if (!folder.ok) {
      folder = openFolder(options.data, log);
      if (!folder.ok) return;
      log.info({}, "disk takes writes again");
    }
    const genesis = readGenesis({ ...options, network: network.network }, realDisk);
    if (genesis.ok) {
      service = await startService(shell, folder.value, genesis.value);
      return;
    }
    const reason = genesis.detail ?? genesis.reason;
    if (reason !== waitingFor) log.warn({ reason }, "genesis not taken");
    waitingFor = reason;
  };
  // A node that has a chain executes its log again before it answers probes: that belongs to the start, which the startup
  // probe waits for, and must not look like a process that hangs.
  await tryGenesis();
  const control = await startControlServer({
    listen: listenOn(options, options.ports.control),
    credentials,
    registry: metrics.registry,
    onRefused: (reason) => metrics.connectionRefused("control", reason),
    status: () => statusOf(facts()),
    readiness: () => readinessOf(facts()),
    health: () => healthOf(facts()),
    operator: operatorIdentity(network.network),
    countersign: (body) =>
      service === undefined || !folder.ok || isObserver(options.validator)
        ? refuse("not_ready", "it is an observer, or has no chain or no key yet")
        : countersignature(body, {
            validator: options.validator,
            keyPair: folder.value.keyPair,
            chainId: service.genesis.chainId,
          }),
  });
  log.info({ port: control.port }, "control server listens");

  // A failure in here ends the process as an unhandled rejection, like any other bug.
  const running = (async () => {
    while (service === undefined && !stopping) {
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
    if (folder.ok) await folder.value.storage.close();
    lock.value.release();
  };
  return { ports: { control: control.port }, stop };
}

/** Opens storage and key, in this order. A disk that takes no writes is waited for; a damaged key is not. */
function openFolder(data: string, log: Logger): Result<Folder, "disk"> {
  const opened = openStorage(realDisk, data, { executor: threadExecutor, onProgress: progressLog(log) });
  if (!opened.ok) return opened;
  const storage = opened.value;
  try {
    const key = loadVoteKey(realDisk, data);
    if (!key.ok) throw new DamagedData("votes", key.detail ?? key.reason);
    for (const finding of storage.findings) log.warn({ finding }, "data folder opened");
    return accept({ storage, keyPair: key.value });
  } catch (cause) {
    void storage.close();
    if (!isDiskRefusal(cause)) throw cause;
    return refuse("disk", cause.message);
  }
}

async function startService(shell: Shell, { storage, keyPair }: Folder, genesis: Genesis): Promise<Service> {
  const { options, network, credentials, metrics, log, faults } = shell;
  let transport: Transport | undefined;
  let intake: Intake | undefined;
  let clients: ClientServer | undefined;
  let api: JsonApi | undefined;
  let mesh: RunningMesh | undefined;
  const logEvent = eventLog(log);
  const restored = stateParts(restoredPath(options.data));
  const engine = startEngine({
    config: {
      self: options.validator,
      keyPair,
      genesis: genesis.file,
      ...(restored === undefined ? {} : { restored }),
      timing: DEFAULT_TIMING,
      lanes: DEFAULT_LANE_PACE,
      snapshots: {
        exportChain,
        importChain: (file, parts, stateVersionMax) => importChain(file, parts, stateVersionMax, faults.chainRules),
        readPart: storage.readSnapshotPart,
      },
      snapshotPolicy: { everyBlocks: options.snapshotBlocks, everyBytes: SNAPSHOT_BYTES },
      ...(network.trust === undefined ? {} : { trust: network.trust }),
    },
    chainRules: faults.chainRules,
    storage,
    archive: options.archive,
    log,
    send: (peer, frame) => transport?.send(peer, frame),
    broadcast: (frame) => transport?.broadcast(frame),
    answer: (request, answer) => intake?.answer(request, answer),
    connectedPeers: () => [...(transport?.connectedPeers() ?? []), ...(transport?.connectedObservers() ?? [])],
    onEvent: (event) => {
      metrics.observe(event);
      logEvent(event);
      if (event.type === "anchored") mesh?.onAnchored(event);
      if (event.type !== "block-executed") return;
      api?.blockExecuted({ height: event.height, applied: event.applied, resultsHash: event.hash });
    },
    onBlock: (height, live) => mesh?.onBlock(height, live),
    onReadOnly: (reason) => {
      intake?.dropAll();
      clients?.dropAll(reason);
    },
  });
  // After the engine: by then everything that was executed is noted.
  const journal = openJournal(storage, genesis.file, () => engine.readOnly() === undefined);
  transport = await openTransport({
    self: options.validator,
    network: network.network,
    chainId: genesis.chainId,
    peers: network.peers.filter(({ id }) => id !== options.validator),
    admitsObservers: !isObserver(options.validator),
    listen: listenOn(options, options.ports.consensus),
    credentials,
    events: {
      onConnected: (peer) => engine.push({ type: "peer-connected", peer }),
      onDisconnected: (peer) => engine.push({ type: "peer-disconnected", peer }),
      onFrame: (peer, frame) => engine.push({ type: "peer-frame", peer, frame }),
      onRefused: (reason) => metrics.connectionRefused("peers", reason),
    },
    log,
  });
  const onMemory = (entry: MemoryEntry): void => api?.memoryChanged(entry);
  mesh = await startNodeMesh({ ...shell, chainId: genesis.chainId, engine, keyPair, onChanged: onMemory });
  const { holdings, allowance } = limitsOf(options, engine);
  intake = startIntake({
    ...{ metrics, log, allowance, slowMs: faults.slowMs },
    height: () => heightOf(engine.chain()),
    submit: (request, batch) => {
      const cannot = engine.readOnly();
      if (cannot === undefined) engine.push({ type: "client-batch", request, batch });
      return cannot;
    },
  });
  clients = await startClientServer({
    listen: listenOn(options, options.ports.client),
    credentials,
    network: network.network,
    chainId: genesis.chainId,
    intake,
    metrics,
    log,
  });
  api = await startJsonApi({
    listen: listenOn(options, options.ports.api),
    ...{ credentials, intake, metrics, log, version: options.version },
    status: () => statusOf(shell.facts()),
    chain: () => engine.chain(),
    prove: (asked) => engine.prove(asked),
    journal,
    memory: mesh,
  });
  const { connectedPeers, wireVersionWith, setPeers } = transport;
  const peers = { connectedPeers, wireVersionWith };
  const services = startServices({ engine, storage, intake, holdings, mesh, metrics, log, ...peers });
  const peersFile = watchNetwork(options.config, network, {
    peers: (peers) => {
      log.info({ peers: peers.map(({ id }) => id) }, "peers changed");
      setPeers(peers);
      mesh.setPeers(meshPeers(peers, options.validator));
    },
    trust: (anchor) => {
      log.info({ anchor }, "trust anchor changed");
      engine.push({ type: "trust", anchor });
    },
    refused: (cause) => log.error({ err: cause }, "changed network.json refused"),
  });
  log.info({ chainId: genesis.chainId, height: engine.view().height }, "node runs");
  return { genesis, engine, transport, mesh, intake, clients, api, services, peersFile };
}

/** What each key may have executed through this node. */
function limitsOf({ allowance }: StartOptions, engine: Engine): { holdings: Holdings; allowance: Allowance } {
  const nowMs = (): number => performance.now();
  const holdings = createHoldings({
    ledger: LEDGERS.RES,
    accountsAfter: (after, limit) => accountsAfter(engine.chain(), after, limit),
    nowMs,
  });
  if (allowance === 0) return { holdings, allowance: UNLIMITED };
  return { holdings, allowance: createAllowance({ perSecond: allowance, nowMs, resOf: holdings.of }) };
}

async function stopService(service: Service, log: Logger): Promise<void> {
  const { engine, transport, mesh, intake, clients, api } = service;
  service.peersFile.close();
  engine.push({ type: "stop" });
  clients.stopTaking();
  const deadline = Date.now() + DRAIN_MAX_MS;
  // At least one turn, so that the peers hear of it. It votes on until its lane is empty: what it took is ordered by the others.
  const owes = (): boolean => intake.outstanding() > 0 || engine.view().pendingBatches > 0;
  do await delay(20);
  while (owes() && Date.now() < deadline);
  if (intake.outstanding() > 0) log.warn({ outstanding: intake.outstanding() }, "stops with answers owed");
  await clients.close();
  await api.close();
  service.services.close();
  await mesh.close();
  intake.close();
  engine.close();
  await transport.close();
}

const listenOn = ({ host }: StartOptions, port: number): { host?: string; port: number } =>
  host === undefined ? { port } : { host, port };

function freeBytes(data: string): number {
  try {
    return realDisk.freeBytes(data);
  } catch {
    // The volume does not even answer: the write that fails next says why.
    return 0;
  }
}
