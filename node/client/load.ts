import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { keyPairFromSeed } from "../codec/signature.ts";
import { authoritiesIn } from "./authorities.ts";
import { type Client, openClient } from "./client.ts";
import { type History, openHistory, outcomeOf } from "./load-history.ts";
import { LOAD_USAGE, type LoadOptions, parseLoadArguments } from "./load-options.ts";
import { accountBase, fundingOf } from "./load-plan.ts";
import { type ReadyBatch, readyBatches } from "./load-ready.ts";
import { type LoadReport, loadReport } from "./load-report.ts";
import { setUp } from "./load-setup.ts";

const PROGRESS_MS = 2_000;
const DRAIN_MS = 20_000;
/** Batches without an answer; what would come on top is counted as shed and not sent. */
const OUTSTANDING_MAX = 4_096;
/** So much of the schedule is signed ahead, in seconds. */
const SIGNED_AHEAD_S = 2;

/** While a file of this name lies beside the history nothing new is sent: whoever compares books needs them at rest. */
const pauseFile = (historyFile: string): string => join(dirname(historyFile), "pause");

export type LoadRun = {
  /** Stops sending; what is outstanding is waited for. */
  readonly stop: AbortSignal;
  readonly print: (line: string) => void;
  readonly drainMs?: number;
};

/** `hmn-node load`: answers with the exit code of the process. */
export async function loadMain(args: readonly string[]): Promise<number> {
  const parsed = parseLoadArguments(args);
  if (!parsed.ok) {
    process.stderr.write(`hmn-node load: ${parsed.detail ?? parsed.reason}\nusage: ${LOAD_USAGE}\n`);
    return 2;
  }
  const stop = new AbortController();
  const stopNow = () => stop.abort();
  process.on("SIGTERM", stopNow).on("SIGINT", stopNow);
  try {
    await runLoad(parsed.value, { stop: stop.signal, print: (line) => process.stdout.write(`${line}\n`) });
    return 0;
  } catch (error) {
    process.stderr.write(`hmn-node load: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

/**
 * Opens and funds the accounts, then sends batches by a schedule that is fixed beforehand, whatever the answers do: the
 * latency of a batch counts from when it was due. Returns when it has been stopped and what was outstanding is answered
 * or given up.
 */
export async function runLoad(options: LoadOptions, run: LoadRun): Promise<void> {
  const giveUp = new AbortController();
  const history = options.historyFile === undefined ? undefined : historyFrom(options.historyFile);
  const stopped = new AbortController();
  let drain: NodeJS.Timeout | undefined;
  let end: NodeJS.Timeout | undefined;
  let client: Client | undefined;
  const stop = () => {
    stopped.abort();
    // Before there is a client nothing is outstanding.
    drain ??= setTimeout(() => giveUp.abort(), client === undefined ? 0 : (run.drainMs ?? DRAIN_MS));
  };
  run.stop.addEventListener("abort", stop, { once: true });
  if (run.stop.aborted) stop();
  try {
    client = await openClient({
      targets: options.targets,
      ca: authoritiesIn(options.caFile),
      keyPair: keyPairFromSeed(options.seed),
      signal: giveUp.signal,
    });
    const { seed, treasury, plan } = options;
    await setUp({ client, history, seed, treasury, ...plan, funding: fundingOf(plan), stop: stopped.signal });
    if (options.seconds !== undefined) end = setTimeout(stop, options.seconds * 1_000);
    await sendAll({ options, client, history, stop: stopped.signal, print: run.print });
  } catch (error) {
    // Being stopped while still getting ready is no failure.
    if (!stopped.signal.aborted) throw error;
  } finally {
    client?.close();
    clearTimeout(drain);
    clearTimeout(end);
    run.stop.removeEventListener("abort", stop);
    history?.close();
  }
}

/** Its times are the wall clock's at the start, and go on with the machine's running clock. */
function historyFrom(file: string): History {
  const wallNs = BigInt(Date.now()) * 1_000_000n;
  const startNs = process.hrtime.bigint();
  return openHistory({ file, nowNs: () => wallNs + process.hrtime.bigint() - startNs });
}

async function sendAll({
  options,
  client,
  history,
  stop,
  print,
}: {
  options: LoadOptions;
  client: Client;
  history: History | undefined;
  stop: AbortSignal;
  print: (line: string) => void;
}): Promise<void> {
  const { seed, plan, rate, historyFile } = options;
  const ready = readyBatches({ client, seed, plan, batchesMax: rate * SIGNED_AHEAD_S });
  while (ready.fill());
  const started = performance.now();
  const report = loadReport(options.targets, () => performance.now() - started);
  const progress = setInterval(() => print(report.line()), PROGRESS_MS);
  const base = accountBase(seed).toString();
  const running = new Set<Promise<void>>();
  for (let number = 0; !stop.aborted; number++) {
    const due = started + (number * 1_000) / rate;
    // One for each that leaves keeps the stock.
    ready.fill();
    const waitMs = due - performance.now();
    if (waitMs > 0) await delay(waitMs, undefined, { signal: stop }).catch(() => undefined);
    // A loop that is behind its schedule still has to let answers in.
    else if (number % 16 === 0) await delay(0);
    if (stop.aborted) break;
    if (historyFile !== undefined && existsSync(pauseFile(historyFile))) continue;
    if (running.size >= OUTSTANDING_MAX) {
      report.shed();
      continue;
    }
    const sent = sendReady({
      client,
      history,
      report,
      base,
      targets: options.targets.length,
      ready: ready.take(),
      batch: plan.batch,
      due,
    });
    running.add(sent);
    void sent.finally(() => running.delete(sent));
  }
  await Promise.all(running);
  clearInterval(progress);
  print(report.line());
}

async function sendReady({
  client,
  history,
  report,
  base,
  targets,
  ready: { number, firstId, payments, signed },
  batch,
  due,
}: {
  client: Client;
  history: History | undefined;
  report: LoadReport;
  base: string;
  /** How many there are. */
  targets: number;
  ready: ReadyBatch;
  /** Transfers in it. */
  batch: number;
  due: number;
}): Promise<void> {
  const process = history?.invoke({
    f: "transfer",
    value: {
      firstId: firstId.toString(),
      base,
      moves: payments().map(({ payer, payee, amount }) => [payer, payee, amount] as const),
    },
  });
  report.sent();
  const result = await client.sendSigned(signed, { target: number % targets });
  if (process !== undefined) history?.complete(process, outcomeOf(result));
  if (result.type === "refused") report.refused();
  else if (result.type === "unknown") report.unknown();
  else {
    const { target, failures } = result;
    const latencyMs = performance.now() - due;
    report.acknowledged({ target, latencyMs, transfers: batch, refusedTransfers: failures.length });
  }
}
