import type { Logger } from "pino";
import { isObserver, type NetworkFile, PORTS } from "./api/contract.ts";
import { createMeshMetrics } from "./api/mesh-metrics.ts";
import type { Metrics } from "./api/metrics.ts";
import type { Hex } from "./base/bytes.ts";
import type { MemoryEntry } from "./codec/memory-entry.ts";
import type { KeyPair } from "./codec/signature.ts";
import { meshRefusals } from "./mesh/mesh.ts";
import type { Engine } from "./shell-engine.ts";
import { type RunningMesh, startMesh } from "./shell-mesh.ts";
import type { StartOptions } from "./shell-options.ts";
import { realDisk } from "./storage/disk.ts";
import { threadExecutor } from "./storage/thread-executor.ts";
import type { Credentials } from "./transport/credentials.ts";
import type { Peer } from "./transport/transport.ts";

/** The mesh of this node: validators, pace and proximity come from its chain, and what its exchanges show goes to its reports. */
export function startNodeMesh(parts: {
  readonly options: StartOptions;
  readonly network: NetworkFile;
  readonly chainId: Hex;
  readonly credentials: Credentials;
  readonly metrics: Metrics;
  readonly engine: Engine;
  readonly keyPair: KeyPair;
  readonly onChanged: (entry: MemoryEntry) => void;
  readonly log: Logger;
}): Promise<RunningMesh> {
  const { options, network, credentials, metrics, engine } = parts;
  const { validator: self, host } = options;
  const log = parts.log.child({ part: "mesh" });
  return startMesh({
    transport: {
      ...{ self, network: network.network, chainId: parts.chainId, credentials, log },
      peers: meshPeers(network.peers, self),
      listen: { ...(host === undefined ? {} : { host }), port: options.ports.mesh },
    },
    ...{ disk: realDisk, data: options.data, executor: threadExecutor, onChanged: parts.onChanged, log },
    chain: () => engine.chain(),
    keyPair: parts.keyPair,
    order: (payload) => engine.push({ type: "anchors", payload }),
    metrics: createMeshMetrics(metrics.registry, meshRefusals),
    onExchanged: (peer, equal) => engine.push({ type: "mesh-exchange", peer, equal }),
    onRefused: (reason) => metrics.connectionRefused("mesh", reason),
  });
}

/** The other peers, where they listen for the mesh; an observer has no part in it. */
export const meshPeers = (peers: NetworkFile["peers"], self: number): readonly Peer[] =>
  isObserver(self)
    ? []
    : peers
        .filter(({ id }) => id !== self)
        .map(({ id, host, meshPort = PORTS.mesh }) => ({ id, host, port: meshPort }));
