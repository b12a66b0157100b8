import type { Logger } from "pino";
import { PROBE_WIRE_VERSION } from "./api/contract.ts";
import type { Holdings } from "./api/holdings.ts";
import type { Intake } from "./api/intake.ts";
import type { Metrics } from "./api/metrics.ts";
import { millis, PPM, ppm } from "./base/units.ts";
import { type Chain, chainId } from "./chain/chain.ts";
import { coherenceView } from "./chain/coherence-view.ts";
import { mintFault } from "./chain/prove-mint.ts";
import type { Engine } from "./shell-engine.ts";
import type { RunningMesh } from "./shell-mesh.ts";
import type { Storage } from "./storage/storage.ts";
import type { TickReport } from "./supervisor/core.ts";
import type { Pace } from "./supervisor/interval.ts";
import { type RunningServices, superviseServices } from "./supervisor/run.ts";

/** What one tick of the ledger's may take from the node's own work. */
const SWEEP_MS = millis(5);
/** Of the log, read again in one tick of the ledger's: 40 GiB a day. */
const SCRUB_BYTES = 512 * 1024;
const STALLED_MS = millis(60_000);

export type ServiceParts = {
  readonly engine: Engine;
  readonly intake: Intake;
  readonly holdings: Holdings;
  readonly metrics: Metrics;
  readonly mesh: RunningMesh;
  readonly storage: Pick<Storage, "scrub">;
  readonly connectedPeers: () => readonly number[];
  /** The wire version spoken with a peer; undefined if it is not connected. */
  readonly wireVersionWith: (peer: number) => number | undefined;
  readonly log: Logger;
};

/** The node's five services under their supervisor. */
export function startServices(parts: ServiceParts): RunningServices {
  const { engine, metrics, log } = parts;
  return superviseServices({
    ticks: {
      ledger: () => keepHouse(parts),
      cal_engine: () => observePeers(parts),
      mining_agent: miningAgent(parts),
      memory_mesh: () => running(parts.mesh.upkeep().reason),
      consensus: () => watchConsensus(parts),
    },
    pace: () => paceOf(engine.chain()),
    onInterval: metrics.serviceInterval,
    onRestart: metrics.serviceRestarted,
    onFailure: (service, cause) => log.error({ service, err: cause }, "service failed"),
  });
}

const running = (reason = ""): TickReport => ({ state: "running", reason });

/** Committed values alone: λ_eff and Ĉ (domain.md, "λ(t)"). */
function paceOf(chain: Chain): Pace {
  const { lambdaEffectivePpm, coherencePpm } = coherenceView(chain);
  return { lambdaPpm: ppm(lambdaEffectivePpm), coherencePpm: ppm(coherencePpm) };
}

/** Probes the other members and publishes what is committed; what the node saw it reports by itself, each epoch. */
function observePeers({ engine, metrics, connectedPeers, wireVersionWith }: ServiceParts): TickReport {
  const peers = connectedPeers().filter((peer) => (wireVersionWith(peer) ?? 0) >= PROBE_WIRE_VERSION);
  engine.push({ type: "probe", peers });
  const view = coherenceView(engine.chain());
  metrics.coherence(view);
  if (view.measuredEpoch === 0) return running(`probes ${peers.length} peers; the first epochs are not measured yet`);
  const { measuredEpoch, coherencePpm, meanPsiPpm, band, mode, lambdaEffectivePpm } = view;
  return running(
    `probes ${peers.length} peers; epoch ${measuredEpoch}: Ĉ ${ratio(coherencePpm)}, Ψ̄ ${ratio(meanPsiPpm)} (${band}), ` +
      `λ_eff ${ratio(lambdaEffectivePpm)}${mode === "Emergency" ? ", emergency" : ""}`,
  );
}

const ratio = (value: number): string => (value / PPM).toFixed(3);

/** Computes each new mint again from what is committed. One that differs is a failure that a person has to look at. */
function miningAgent({ engine, metrics, log }: ServiceParts): () => TickReport {
  let provedEpoch = 0;
  return () => {
    const chain = engine.chain();
    const { coherence } = chain.governance;
    for (const record of coherence.mints) {
      if (record.epoch <= provedEpoch) continue;
      const fault = mintFault(coherence, record, chainId(chain));
      if (fault !== undefined) throw new Error(`the mint of epoch ${record.epoch} is not proved: ${fault}`);
      provedEpoch = record.epoch;
      metrics.mintProved(record.epoch);
      log.info({ epoch: record.epoch, height: record.height, mint: record.id }, "mint proved");
    }
    if (coherence.stability.emergency.active) return running("nothing is minted in an emergency");
    return provedEpoch === 0
      ? running("watches: there was no mint yet")
      : running(`the mint of epoch ${provedEpoch} is proved`);
  };
}

function keepHouse({ engine, intake, holdings, metrics, storage }: ServiceParts): TickReport {
  holdings.sweep(SWEEP_MS);
  storage.scrub(SCRUB_BYTES);
  metrics.waiting({ batches: engine.view().pendingBatches, answers: intake.outstanding() });
  return running();
}

/** The protocol runs by events, not by this: the tick looks whether it gets on. */
function watchConsensus({ engine, metrics, connectedPeers }: ServiceParts): TickReport {
  const view = engine.view();
  metrics.consensus({ view: view.view, epoch: view.epoch, connectedPeers: connectedPeers().length });
  const silentMs = view.lastBlockAtMs === 0 ? 0 : Date.now() - view.lastBlockAtMs;
  if (silentMs < STALLED_MS) return running();
  return running(`no block for ${Math.round(silentMs / 1_000)} s: is a quorum of the validators connected?`);
}
