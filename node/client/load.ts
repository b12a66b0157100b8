import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { accountFlags } from "../codec/account.ts";
import { keyPairFromSeed } from "../codec/signature.ts";
import { newTransfer } from "../codec/transfer.ts";
import { TOKENS } from "../ledger/tokens.ts";
import { type Client, openClient, type SendResult } from "./client.ts";
import { type History, type Operation, type Outcome, openHistory } from "./load-history.ts";
import { LOAD_USAGE, type LoadOptions, parseLoadArguments } from "./load-options.ts";
import { accountBase, fundingOf, ownerOf, plannedTransfers } from "./load-plan.ts";
import { type LoadReport, loadReport } from "./load-report.ts";

const PROGRESS_MS = 5_000;
const DRAIN_MS = 20_000;
/** Batches without an answer; what would come on top is counted as shed and not sent. */
const OUTSTANDING_MAX = 4_096;
/** Records in one batch while accounts are opened and funded. */
const SETUP_BATCH = 500;
const TRANSFER_CODE = 1;

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
  const history = openHistory({
    file: options.historyFile,
    process: randomBytes(8).toString("hex"),
    nowNs: () => BigInt(Date.now()) * 1_000_000n,
  });
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
      ca: readFileSync(options.caFile, "utf8"),
      keyPair: keyPairFromSeed(options.seed),
      signal: giveUp.signal,
    });
    await setUp({ options, client, history, stop: stopped.signal });
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
    history.close();
  }
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
  history: History;
  stop: AbortSignal;
  print: (line: string) => void;
}): Promise<void> {
  const started = performance.now();
  const report = loadReport(options.targets, () => performance.now() - started);
  const progress = setInterval(() => print(report.line()), PROGRESS_MS);
  const running = new Set<Promise<void>>();
  for (let number = 0; !stop.aborted; number++) {
    const due = started + (number * 1_000) / options.rate;
    const waitMs = due - performance.now();
    if (waitMs > 0) await delay(waitMs, undefined, { signal: stop }).catch(() => undefined);
    // A loop that is behind its schedule still has to let answers in.
    else if (number % 16 === 0) await delay(0);
    if (stop.aborted) break;
    if (existsSync(pauseFile(options.historyFile))) continue;
    if (running.size >= OUTSTANDING_MAX) {
      report.shed();
      continue;
    }
    const sending = sendPlanned({ options, client, history, report, number, due });
    running.add(sending);
    void sending.finally(() => running.delete(sending));
  }
  await Promise.all(running);
  clearInterval(progress);
  print(report.line());
}

async function sendPlanned({
  options,
  client,
  history,
  report,
  number,
  due,
}: {
  options: LoadOptions;
  client: Client;
  history: History;
  report: LoadReport;
  number: number;
  due: number;
}): Promise<void> {
  const { accounts, batch, targets } = options;
  const base = accountBase(options.seed);
  const firstId = client.newIds(batch);
  const transfers = plannedTransfers({ number, firstId, base, accounts, batch });
  const plan = { number, firstId: firstId.toString(), base: base.toString(), accounts, count: batch };
  const operation = history.invoke({ f: "transfer", ...plan });
  report.sent();
  const keyPair = ownerOf(options.seed, number % accounts);
  const result = await client.transfer(transfers, { keyPair, target: number % targets.length });
  history.complete(operation, outcomeOf(result));
  if (result.type === "refused") report.refused();
  else if (result.type === "unknown") report.unknown();
  else {
    const { target, failures } = result;
    report.acknowledged({ target, latencyMs: performance.now() - due, refusedTransfers: failures.length });
  }
}

/** Opens the accounts, which repeats nothing at a second start, and funds each once per start. */
async function setUp({
  options,
  client,
  history,
  stop,
}: {
  options: LoadOptions;
  client: Client;
  history: History;
  stop: AbortSignal;
}): Promise<void> {
  const base = accountBase(options.seed);
  const payer = options.treasury.toString();
  const amount = fundingOf(options);
  for (let from = 0; from < options.accounts && !stop.aborted; from += SETUP_BATCH) {
    const count = Math.min(SETUP_BATCH, options.accounts - from);
    const indices = Array.from({ length: count }, (_, index) => from + index);
    const part = { base: (base + BigInt(from)).toString(), count, payer };
    await record({ history, operation: { f: "open", ...part } }, () =>
      client.createAccounts(
        indices.map((index) => ({
          id: base + BigInt(index),
          payer: options.treasury,
          userData128: 0n,
          userData64: 0n,
          userData32: 0,
          ledger: TOKENS.FLX,
          code: TRANSFER_CODE,
          flags: accountFlags.debitsMustNotExceedCredits,
          owner: ownerOf(options.seed, index),
        })),
      ),
    );
    const firstId = client.newIds(count);
    const funding = { ...part, firstId: firstId.toString(), amount: amount.toString() };
    await record({ history, operation: { f: "fund", ...funding } }, () =>
      client.transfer(
        indices.map((index, at) =>
          newTransfer({
            id: firstId + BigInt(at),
            debit: options.treasury,
            credit: base + BigInt(index),
            amount,
            ledger: TOKENS.FLX,
            code: TRANSFER_CODE,
          }),
        ),
      ),
    );
  }
}

/** One step of the set-up, with its two lines of history. Without accounts and funds there is nothing to send. */
async function record(
  { history, operation }: { history: History; operation: Operation },
  send: () => Promise<SendResult>,
): Promise<void> {
  const number = history.invoke(operation);
  const result = await send();
  history.complete(number, outcomeOf(result));
  if (result.type !== "committed") throw new Error(`cannot ${operation.f} accounts: ${result.type}: ${result.reason}`);
  const [failure] = result.failures;
  if (failure !== undefined)
    throw new Error(`cannot ${operation.f} account ${failure.index} of batch from ${operation.base}: ${failure.code}`);
}

const outcomeOf = (result: SendResult): Outcome => {
  switch (result.type) {
    case "committed":
      return { type: "ok", height: result.height, target: result.target, failures: result.failures };
    case "refused":
      return { type: "fail", reason: result.reason };
    case "unknown":
      return { type: "info", reason: result.reason };
  }
};
