import type { Logger } from "pino";
import type { Holdings } from "./api/holdings.ts";
import type { Intake } from "./api/intake.ts";
import type { Metrics } from "./api/metrics.ts";
import { millis, ppm } from "./base/units.ts";
import type { Engine } from "./shell-engine.ts";
import type { TickReport } from "./supervisor/core.ts";
import type { Pace } from "./supervisor/interval.ts";
import { type RunningServices, superviseServices } from "./supervisor/run.ts";

/** λ_eff and Ĉ until coherence is measured (domain.md, "CAL": the values before epoch 2 closes). */
export const PACE: Pace = { lambdaPpm: ppm(700_000), coherencePpm: ppm(1_000_000) };
/** What one tick of the ledger's may take from the node's own work. */
const SWEEP_MS = millis(5);
const STALLED_MS = millis(60_000);

export type ServiceParts = {
  readonly engine: Engine;
  readonly intake: Intake;
  readonly holdings: Holdings;
  readonly metrics: Metrics;
  readonly connectedPeers: () => readonly number[];
  readonly log: Logger;
};

/** The node's five services under their supervisor. */
export function startServices(parts: ServiceParts): RunningServices {
  const { metrics, log } = parts;
  return superviseServices({
    ticks: {
      ledger: () => keepHouse(parts),
      cal_engine: () => idle("it does not follow the committed coherence yet"),
      mining_agent: () => idle("it does not look at mints yet"),
      memory_mesh: () => idle("there is no memory mesh yet"),
      consensus: () => watchConsensus(parts),
    },
    pace: () => PACE,
    onInterval: metrics.serviceInterval,
    onRestart: metrics.serviceRestarted,
    onFailure: (service, cause) => log.error({ service, err: cause }, "service failed"),
  });
}

const idle = (reason: string): TickReport => ({ state: "idle", reason });
const running = (reason = ""): TickReport => ({ state: "running", reason });

function keepHouse({ engine, intake, holdings, metrics }: ServiceParts): TickReport {
  holdings.sweep(SWEEP_MS);
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
