import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "../client/client.ts";
import { closedLoop, openLoop } from "../client/load-loops.ts";
import { accountBase, type Plan } from "../client/load-plan.ts";
import { readyBatches } from "../client/load-ready.ts";
import { quantile } from "../client/load-report.ts";
import type { LoadPlan, Measured } from "./generator-api.ts";
import { type CpuUs, cpuOf } from "./machine.ts";
import { appliedBy, badMix, faultOf, type Mix, plainMix } from "./mix.ts";

/** Signed before the run begins, so that signing does not compete with the nodes for this machine. */
const READY_BYTES_MAX = 512 * 1024 * 1024;
const READY_BATCHES_MAX = 40_000;
/** Transfers a second that nothing here exceeds: more are not signed ahead. */
const RATE_MAX = 1_000_000;

export type Loaded = { readonly client: Client; readonly seed: Uint8Array; readonly targets: number };

type Window = { readonly fromMs: number; readonly untilMs: number };
/** What the two loops write down. */
type Tally = {
  transfers: number;
  readonly latenciesMs: number[];
  readonly lateMs: number[];
  errors: number;
  firstError: string;
};

/** Runs one load to its end: every batch is answered when this returns. */
export async function runLoadPlan(
  loaded: Loaded,
  plan: Omit<Plan, "batch" | "spread">,
  run: LoadPlan,
): Promise<Measured> {
  const { client, seed } = loaded;
  const { batch, spread, pace } = run;
  const ready = readyBatches({
    client,
    seed,
    plan: { ...plan, batch, spread },
    batchesMax: Math.min(READY_BATCHES_MAX, batchesOf(run)),
    bytesMax: READY_BYTES_MAX,
  });
  while (ready.fill()) {
    // Until enough are ready.
  }
  const mix = run.mixed ? badMix(ready, client, accountBase(seed)) : plainMix(ready);
  const started = performance.now();
  const window = { fromMs: started + run.warmMs, untilMs: started + run.warmMs + run.measureMs };
  const tally: Tally = { transfers: 0, latenciesMs: [], lateMs: [], errors: 0, firstError: "" };
  const usage = cpuWithin(window, run.pids);
  const load = { loaded, mix, tally, window };
  const { untilMs } = window;
  if ("perSecond" in pace) {
    const send = (turn: number, due: number): Promise<void> => {
      if (due >= window.fromMs) tally.lateMs.push(performance.now() - due);
      return sendOne(load, turn, due);
    };
    await openLoop({ perSecond: pace.perSecond, startedMs: started, untilMs, send });
  } else {
    await closedLoop({ clients: pace.outstanding, untilMs, send: (turn, due) => sendOne(load, turn, due) });
  }
  const sorted = tally.latenciesMs.toSorted((a, b) => a - b);
  return {
    transfers: tally.transfers,
    windowMs: run.measureMs,
    latencyMs: {
      p50: quantile(sorted, 0.5),
      p95: quantile(sorted, 0.95),
      p99: quantile(sorted, 0.99),
      max: sorted.at(-1) ?? 0,
    },
    lateMsP99: quantile(
      tally.lateMs.toSorted((a, b) => a - b),
      0.99,
    ),
    errors: tally.errors,
    firstError: tally.firstError,
    ...(await usage),
  };
}

function batchesOf({ pace, batch, warmMs, measureMs }: LoadPlan): number {
  const perSecond = "perSecond" in pace ? pace.perSecond : RATE_MAX / batch;
  return Math.ceil((perSecond * (warmMs + measureMs)) / 1_000);
}

type Load = { readonly loaded: Loaded; readonly mix: Mix; readonly tally: Tally; readonly window: Window };

async function sendOne({ loaded, mix, tally, window }: Load, turn: number, due: number): Promise<void> {
  const sending = mix.next();
  const result = await loaded.client.sendSigned(sending.signed, { target: turn % loaded.targets });
  const now = performance.now();
  const fault = faultOf(sending, result);
  if (fault === undefined) mix.committed(sending);
  else {
    tally.errors += 1;
    tally.firstError ||= fault;
  }
  if (now >= window.fromMs && now < window.untilMs) tally.transfers += appliedBy(sending, result);
  // A wrong signature is refused at once: its time would hide that of commits.
  if (due >= window.fromMs && due < window.untilMs && sending.kind !== "bad-signature")
    tally.latenciesMs.push(now - due);
}

/** CPU time that this process and the given ones spend within the window. */
async function cpuWithin(
  { fromMs, untilMs }: Window,
  pids: readonly number[],
): Promise<{ generatorCpu: CpuUs; cpu: CpuUs[] }> {
  await delay(fromMs - performance.now());
  const own = process.cpuUsage();
  const before = pids.map(cpuOf);
  await delay(untilMs - performance.now());
  const generatorCpu = process.cpuUsage(own);
  const after = pids.map(cpuOf);
  const cpu = after.map(({ user, system }, index) => ({
    user: user - (before[index]?.user ?? 0),
    system: system - (before[index]?.system ?? 0),
  }));
  return { generatorCpu, cpu };
}
