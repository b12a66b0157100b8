import {
  isObserver,
  type NodeState,
  type NodeStatus,
  observerNumber,
  WIRE_VERSION,
  WIRE_VERSIONS,
} from "./api/contract.ts";
import type { Restored } from "./api/contract-restored.ts";
import type { ServiceHealth } from "./api/control-server.ts";
import type { Hex } from "./base/bytes.ts";
import { PPM } from "./base/units.ts";
import { INITIAL_STABILITY } from "./cal/stability.ts";
import type { NodeView } from "./node.ts";
import { type ServiceName, serviceNames } from "./supervisor/core.ts";

/** Everything that `/status` and `/readyz` are made of. */
export type Facts = {
  readonly version: string;
  readonly network: string;
  readonly validator: number;
  readonly publicKey: Hex;
  readonly chainId: Hex | null;
  /** Why there is no chain yet; unused once there is one. */
  readonly waitingFor: string;
  /** The backup with which it waits for a genesis. */
  readonly restored: Restored | undefined;
  readonly stopping: boolean;
  /** Absent before genesis. */
  readonly chain: { readonly view: NodeView; readonly lagMs: number } | undefined;
  /** Why the node only answers questions: its disk takes no writes. Undefined: it does. */
  readonly readOnly: string | undefined;
  /** What is damaged on its disk, first of all; undefined: nothing that is known. */
  readonly damage: string | undefined;
  /** Who joins and leaves; absent before genesis. */
  readonly governance: NodeStatus["governance"];
  readonly freeBytes: number;
  readonly connectedPeers: readonly number[];
  readonly connectedObservers: readonly number[];
  /** Peers that were reached, and why they are not connected. */
  readonly refusedPeers: readonly { readonly peer: number; readonly reason: string }[];
  /** What the supervisor knows of each service; absent before genesis. */
  readonly services: Readonly<Record<ServiceName, ServiceHealth>> | undefined;
  readonly caBundleHash: Hex;
  readonly certificateHash: Hex;
  readonly faults: readonly string[];
  readonly silent: boolean;
};

/** An executed block may be so far behind the newest certificate (operator: readiness). */
export const LAG_MAX_MS = 10_000;
const NO_HASH = "0".repeat(64);
const REASON_MAX = 1024;

type Standing = { readonly state: NodeState; readonly reason: string };

function standingOf({ chain, readOnly, stopping, waitingFor }: Facts): Standing {
  if (readOnly !== undefined) return { state: "ReadOnly", reason: readOnly };
  if (stopping) return { state: "Stopping", reason: "SIGTERM: takes no new batches and is about to leave" };
  if (chain === undefined) return { state: "WaitingForGenesis", reason: waitingFor };
  return { state: chain.view.state, reason: chain.view.reason };
}

/** A missing quorum does not make a node unready: that is the cluster's state, and restarting nodes would not help it. */
export function readinessOf(facts: Facts): { readonly ready: boolean; readonly reason: string } {
  const { state, reason } = standingOf(facts);
  const no = (why: string) => ({ ready: false, reason: why });
  if (facts.silent) return no("silent: switched on for a test");
  if (state === "ReadOnly" || state === "Stopping" || state === "WaitingForGenesis" || state === "Halted")
    return no(reason);
  const { chain } = facts;
  if (chain === undefined) return no(facts.waitingFor);
  if (chain.view.role === "Voter" && state === "Following")
    return no(reason === "" ? "a voter that may not vote" : reason);
  // Who reads from it could not tell how old its state is.
  if (isObserver(facts.validator) && chain.view.lastBlockAtMs === 0) return no("no new block since it started");
  if (chain.lagMs >= LAG_MAX_MS) {
    const { height, certifiedHeight } = chain.view;
    return no(
      `executed up to ${height}, certified up to ${certifiedHeight}: ${Math.round(chain.lagMs / 1000)} s behind`,
    );
  }
  return { ready: true, reason: "" };
}

export function statusOf(facts: Facts): NodeStatus {
  const { chain } = facts;
  const { state, reason } = standingOf(facts);
  const readiness = readinessOf(facts);
  const view = chain?.view;
  return {
    version: facts.version,
    wireVersion: WIRE_VERSION,
    wireVersionMin: WIRE_VERSIONS.min,
    network: facts.network,
    chainId: facts.chainId,
    validator: facts.validator,
    publicKey: facts.publicKey,
    state,
    reason: (reason === "" ? readiness.reason : reason).slice(0, REASON_MAX),
    ready: readiness.ready,
    role: view?.role ?? "Observer",
    height: view?.height ?? 0,
    certifiedHeight: view?.certifiedHeight ?? 0,
    resultsHash: view?.resultsHash ?? NO_HASH,
    checkpoint: view?.checkpoint ?? { height: 0, stateRoot: NO_HASH },
    lastBlockAtMs: view?.lastBlockAtMs ?? 0,
    view: view?.view ?? 0,
    epoch: view?.epoch ?? 0,
    validators: view === undefined ? [] : [...view.validators],
    ...(view?.trustAnchor === undefined ? {} : { trustAnchor: view.trustAnchor }),
    ...(facts.governance === undefined ? {} : { governance: facts.governance }),
    connectedPeers: [...facts.connectedPeers],
    refusedPeers: facts.refusedPeers.map(({ peer, reason: why }) => ({ peer, reason: why.slice(0, REASON_MAX) })),
    ...(isObserver(facts.validator) ? {} : { observers: facts.connectedObservers.map(observerNumber) }),
    resultsDiffer: view?.resultsDiffer ?? false,
    finality: view?.finality ?? null,
    ...(facts.restored === undefined ? {} : { restored: facts.restored }),
    storage: {
      writable: facts.readOnly === undefined,
      reason: (facts.readOnly ?? facts.damage ?? "").slice(0, REASON_MAX),
      freeBytes: facts.freeBytes,
    },
    coherence: view?.coherence ?? { measured: false, psiPpm: PPM, lambdaPpm: INITIAL_STABILITY.lambdaPpm },
    caBundleHash: facts.caBundleHash,
    certificateHash: facts.certificateHash,
    faults: [...facts.faults],
  };
}

/** Each of the five services: what its supervisor says of it, unless the node as a whole keeps it from working. */
export function healthOf(facts: Facts): Readonly<Record<ServiceName, ServiceHealth>> {
  const { state, reason } = standingOf(facts);
  const all = (health: ServiceHealth): Record<ServiceName, ServiceHealth> => ({
    ...{ ledger: health, cal_engine: health, mining_agent: health, memory_mesh: health, consensus: health },
  });
  const { chain, services } = facts;
  if (chain === undefined || services === undefined) {
    return all({ state: state === "ReadOnly" ? "failed" : "waiting", reason });
  }
  const health = { ...all({ state: "waiting", reason: "" }) };
  for (const name of serviceNames) health[name] = services[name];
  if (state === "ReadOnly" || state === "Halted")
    return { ...health, ledger: { state: "failed", reason }, consensus: { state: "failed", reason } };
  if (chain.view.role === "Voter" && state === "Following")
    return { ...health, consensus: { state: "failed", reason } };
  return health;
}
