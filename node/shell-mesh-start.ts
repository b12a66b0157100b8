import type { Logger } from "pino";
import { type NetworkFile, PORTS } from "./api/contract.ts";
import { createMeshMetrics } from "./api/mesh-metrics.ts";
import type { Metrics } from "./api/metrics.ts";
import type { Hex } from "./base/bytes.ts";
import { seconds } from "./base/units.ts";
import { alignmentPpm } from "./cal/omega.ts";
import type { Chain } from "./chain/chain.ts";
import { coherenceView } from "./chain/coherence-view.ts";
import type { MemoryEntry } from "./codec/memory-entry.ts";
import { meshRefusals } from "./mesh/mesh.ts";
import type { Engine } from "./shell-engine.ts";
import { type RunningMesh, startMesh } from "./shell-mesh.ts";
import type { StartOptions } from "./shell-options.ts";
import { paceOf } from "./shell-services.ts";
import { realDisk } from "./storage/disk.ts";
import { threadExecutor } from "./storage/thread-executor.ts";
import type { Credentials } from "./transport/credentials.ts";
import type { Peer } from "./transport/transport.ts";

/** The shortest epoch (domain.md, "λ(t)"): exchanges that come so often are often enough for every other. */
const EPOCH_MS = seconds(10);

/** The mesh of this node: validators, pace and proximity come from its chain, and what its exchanges show goes to its reports. */
export function startNodeMesh(parts: {
  readonly options: StartOptions;
  readonly network: NetworkFile;
  readonly chainId: Hex;
  readonly credentials: Credentials;
  readonly metrics: Metrics;
  readonly engine: Engine;
  readonly onChanged: (entry: MemoryEntry) => void;
  readonly log: Logger;
}): Promise<RunningMesh> {
  const { options, network, credentials, metrics, engine } = parts;
  const { validator: self, host } = options;
  const log = parts.log.child({ part: "mesh" });
  return startMesh({
    transport: {
      ...{ self, network: network.network, chainId: parts.chainId, credentials, log },
      peers: meshPeers(network.peers).filter(({ id }) => id !== self),
      listen: { ...(host === undefined ? {} : { host }), port: options.ports.mesh },
    },
    ...{ disk: realDisk, data: options.data, executor: threadExecutor, onChanged: parts.onChanged, log },
    members: () => engine.view().validators.map(({ id }) => id),
    pace: () => paceOf(engine.chain()),
    proximityOf: (peer) => proximityPpm(engine.chain(), self, peer),
    epochMs: () => EPOCH_MS,
    metrics: createMeshMetrics(metrics.registry, meshRefusals),
    onExchanged: (peer, equal) => engine.push({ type: "mesh-exchange", peer, equal }),
    onRefused: (reason) => metrics.connectionRefused("mesh", reason),
  });
}

/** The same peers, where they listen for the mesh. */
export const meshPeers = (peers: NetworkFile["peers"]): readonly Peer[] =>
  peers.map(({ id, host, meshPort = PORTS.mesh }) => ({ id, host, port: meshPort }));

function proximityPpm(chain: Chain, self: number, peer: number): number | undefined {
  const { validators } = coherenceView(chain);
  const [own, other] = [self, peer].map((id) => validators.find((validator) => validator.id === id)?.omega);
  return own === undefined || other === undefined ? undefined : alignmentPpm(own, other);
}
