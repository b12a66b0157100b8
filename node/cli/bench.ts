import { setTimeout as delay } from "node:timers/promises";
import { PORTS } from "../api/contract.ts";
import { accept, type Result, refuse } from "../base/result.ts";
import { type Client, openClient, type SendResult } from "../client/client.ts";
import { closedLoop, openLoop } from "../client/load-loops.ts";
import { fundingOf, type Plan } from "../client/load-plan.ts";
import { type ReadyBatches, readyBatches } from "../client/load-ready.ts";
import { quantile } from "../client/load-report.ts";
import { setUp } from "../client/load-setup.ts";
import { BATCH_RECORDS_MAX } from "../codec/batch.ts";
import { keyPairFromSeed } from "../codec/signature.ts";
import { TRANSFER_BYTES } from "../codec/transfer.ts";
import { command } from "./command.ts";
import type { Parsed } from "./flags.ts";
import { readSeedFile } from "./key-file.ts";
import { decimalOf } from "./numbers.ts";
import { parseAddress, REACH_FLAGS, reachOf } from "./reach.ts";
import { table } from "./table.ts";

/** Before the measurement and not counted: connections, caches and the pace of blocks settle. */
const WARM_SHARE = 0.2;
/** Signed before the run, so that signing does not compete with sending: so much is kept ready at most. */
const READY_BYTES_MAX = 256 * 1024 * 1024;
const READY_BATCHES_MAX = 4_000;
/** Transfers a second that are signed ahead where answers set the pace; what is sent above that is signed as it leaves. */
const CLOSED_RATE_MAX = 100_000;
/** For opening and funding accounts, and for the last answers. */
const PATIENCE_MS = 120_000;
const REASONS_MAX = 20;

const FLAGS = {
  ...REACH_FLAGS,
  node: { ...REACH_FLAGS.node, many: true, help: "a node, and the name in its certificate; several times for several" },
  key: { value: "FILE", help: "seed of the key that owns the treasury, as keygen writes it" },
  treasury: { value: "ID", help: "FLX account that pays for the bench's accounts and funds them" },
  accounts: { value: "N", help: "that pay each other; opened once for a key. 1000 without" },
  owners: { value: "N", help: "keys that own them, a divisor of --accounts. 10 without" },
  batch: { value: "N", help: `transfers in a batch, up to ${BATCH_RECORDS_MAX}. 1000 without` },
  clients: { value: "N", help: "closed loop: so many batches on their way, the next when one is answered. 4 without" },
  rate: {
    value: "N",
    help: "open loop instead: so many batches a second by a fixed schedule, whatever the answers do",
  },
  seconds: { value: "N", help: "measured; a fifth of it before that is not counted. 10 without" },
  json: { help: "as JSON" },
} as const;

type Asked = {
  readonly treasury: bigint;
  readonly plan: Plan;
  /** Batches a second; undefined: closed loop. */
  readonly rate: number | undefined;
  readonly clients: number;
  readonly measureMs: number;
};

/** `hmn-node bench`: what a running network does under load, as this client sees it; 1 if any batch failed. */
export const bench = command(
  {
    command: "bench",
    summary: `loads a running network with transfers (port ${PORTS.client}) and tells throughput and latency; 1 if anything failed`,
    flags: FLAGS,
  },
  async (flags, world) => {
    const asked = askedBy(flags);
    if (!asked.ok) return asked;
    const keyFile = flags.text("key");
    if (keyFile === undefined) return refuse("usage", "--key is missing");
    const seed = readSeedFile(keyFile);
    if (!seed.ok) return seed;
    const reach = reachOf(flags, world, PORTS.client);
    if (!reach.ok) return reach;
    const targets = [reach.value.address];
    for (const text of flags.texts("node").slice(1)) {
      const address = parseAddress(text);
      if (!address.ok) return address;
      targets.push(address.value);
    }
    const { plan, treasury, measureMs } = asked.value;
    const signal = AbortSignal.timeout(PATIENCE_MS + (1 + WARM_SHARE) * measureMs);
    const keyPair = keyPairFromSeed(seed.value);
    const client = await openClient({ targets, ca: reach.value.ca, keyPair, signal });
    try {
      const funding = fundingOf(plan);
      await setUp({ client, history: undefined, seed: seed.value, treasury, ...plan, funding, stop: signal });
      const measured = await measure({ client, targets: targets.length, seed: seed.value }, asked.value);
      world.out(flags.on("json") ? `${JSON.stringify(measured, null, 2)}\n` : table(rowsOf(measured)));
      return measured.errors === 0 ? 0 : 1;
    } finally {
      client.close();
    }
  },
);

function askedBy(flags: Parsed<typeof FLAGS>): Result<Asked, "usage"> {
  const treasury = decimalOf(flags.text("treasury") ?? "");
  if (treasury === undefined) return refuse("usage", "--treasury: a decimal account id");
  const asked = {
    accounts: within(flags, "accounts", { least: 2, most: 1_000_000, without: 1_000 }),
    owners: within(flags, "owners", { least: 1, most: 1_000_000, without: 10 }),
    batch: within(flags, "batch", { least: 1, most: BATCH_RECORDS_MAX, without: 1_000 }),
    clients: within(flags, "clients", { least: 1, most: 1_000, without: 4 }),
    rate: within(flags, "rate", { least: 1, most: 10_000, without: 0 }),
    seconds: within(flags, "seconds", { least: 1, most: 3_600, without: 10 }),
  };
  for (const one of Object.values(asked)) if (typeof one !== "number") return one;
  const { accounts, owners, batch, clients, rate, seconds } = asked as Readonly<Record<keyof typeof asked, number>>;
  if (accounts % owners !== 0) return refuse("usage", `--owners: a divisor of --accounts (${accounts})`);
  if (rate > 0 && flags.text("clients") !== undefined) return refuse("usage", "--clients or --rate: one of them");
  const plan: Plan = { accounts, owners, batch, spread: "even" };
  return accept({ treasury, plan, rate: rate > 0 ? rate : undefined, clients, measureMs: seconds * 1_000 });
}

function within(
  flags: Parsed<typeof FLAGS>,
  name: keyof typeof FLAGS,
  { least, most, without }: { readonly least: number; readonly most: number; readonly without: number },
): number | ReturnType<typeof refuse<"usage">> {
  const text = flags.text(name);
  if (text === undefined) return without;
  const value = /^[0-9]{1,9}$/.test(text) ? Number(text) : -1;
  return value >= least && value <= most ? value : refuse("usage", `--${name}: ${least} to ${most}`);
}

type Measured = Awaited<ReturnType<typeof measure>>;
type Tally = {
  batches: number;
  applied: number;
  errors: number;
  readonly latenciesMs: number[];
  lateMs: number[];
  readonly reasons: Map<string, number>;
};

/** What counts are the answers that come within the window, and the latencies of the batches that were due in it. */
async function measure(
  { client, targets, seed }: { readonly client: Client; readonly targets: number; readonly seed: Uint8Array },
  { plan, rate, clients, measureMs }: Asked,
) {
  const warmMs = WARM_SHARE * measureMs;
  const perSecond = rate ?? CLOSED_RATE_MAX / plan.batch;
  const batchesMax = Math.min(READY_BATCHES_MAX, Math.ceil((perSecond * (warmMs + measureMs)) / 1_000));
  const ready = readyBatches({ client, seed, plan, batchesMax, bytesMax: READY_BYTES_MAX });
  for (let made = 1; ready.fill(); made++) if (made % 16 === 0) await delay(0);
  const startedMs = performance.now();
  const window = { fromMs: startedMs + warmMs, untilMs: startedMs + warmMs + measureMs };
  const tally: Tally = { batches: 0, applied: 0, errors: 0, latenciesMs: [], lateMs: [], reasons: new Map() };
  const send = (turn: number, due: number): Promise<void> =>
    sendOne({ client, ready, tally, window, target: turn % targets }, due);
  if (rate === undefined) await closedLoop({ clients, untilMs: window.untilMs, send });
  else await openLoop({ perSecond: rate, startedMs, untilMs: window.untilMs, send });
  return {
    loop: rate === undefined ? `closed, ${clients} on their way` : `open, ${rate} batches/s offered`,
    transfersPerBatch: plan.batch,
    measuredMs: measureMs,
    batchesAccepted: tally.batches,
    transfersApplied: tally.applied,
    transfersPerSecond: Math.round((tally.applied * 1_000) / measureMs),
    /** From when a batch was due to its answer, in milliseconds. */
    latencyMs: quantilesOf(tally.latenciesMs),
    /** How late batches left: what the machine that measures could not keep up with. */
    lateMs: quantilesOf(tally.lateMs),
    errors: tally.errors,
    reasons: Object.fromEntries(tally.reasons),
  };
}

async function sendOne(
  {
    client,
    ready,
    tally,
    window,
    target,
  }: {
    readonly client: Client;
    readonly ready: ReadyBatches;
    readonly tally: Tally;
    readonly window: { readonly fromMs: number; readonly untilMs: number };
    readonly target: number;
  },
  due: number,
): Promise<void> {
  const { signed } = ready.take();
  const leftMs = performance.now();
  const result = await client.sendSigned(signed, { target });
  const nowMs = performance.now();
  for (const reason of faultsOf(result)) {
    tally.errors += 1;
    if (tally.reasons.size < REASONS_MAX || tally.reasons.has(reason))
      tally.reasons.set(reason, (tally.reasons.get(reason) ?? 0) + 1);
  }
  if (nowMs >= window.fromMs && nowMs < window.untilMs && result.type === "committed") {
    tally.batches += 1;
    tally.applied += signed.payload.length / TRANSFER_BYTES - result.failures.length;
  }
  if (due < window.fromMs || due >= window.untilMs) return;
  tally.lateMs.push(leftMs - due);
  // What failed has no latency: a quick refusal would hide a slow commit.
  if (result.type === "committed") tally.latenciesMs.push(nowMs - due);
}

/** One for a batch that failed as a whole, one for each transfer that was refused in it. */
const faultsOf = (result: SendResult): readonly string[] =>
  result.type === "committed" ? result.failures.map(({ code }) => code) : [`${result.type}: ${result.reason}`];

function quantilesOf(values: readonly number[]) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (q: number): number => Number(quantile(sorted, q).toFixed(2));
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}

function rowsOf(measured: Measured): string[][] {
  const { latencyMs, lateMs } = measured;
  const text = (ms: Measured["latencyMs"]): string => `p50 ${ms.p50}, p95 ${ms.p95}, p99 ${ms.p99}, max ${ms.max} ms`;
  const reasons = Object.entries(measured.reasons).map(([reason, count]) => `${reason} ${count}`);
  return [
    ["loop", `${measured.loop}, ${measured.transfersPerBatch} transfers each, ${measured.measuredMs / 1_000} s`],
    ["accepted", `${measured.batchesAccepted} batches, ${measured.transfersApplied} transfers`],
    ["throughput", `${measured.transfersPerSecond} transfers/s`],
    ["latency", text(latencyMs)],
    ["sent late", text(lateMs)],
    ["errors", [`${measured.errors}`, ...reasons].join(", ")],
  ];
}
