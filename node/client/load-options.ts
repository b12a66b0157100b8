import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { fromHex } from "../base/bytes.ts";
import { accept, type Result, refuse } from "../base/result.ts";
import { BATCH_RECORDS_MAX } from "../codec/batch.ts";
import { SEED_BYTES } from "../codec/signature.ts";
import { U128_MAX } from "../codec/transfer.ts";
import type { Target } from "./connection.ts";
import { type Plan, SPREADS } from "./load-plan.ts";

export type LoadOptions = {
  readonly targets: readonly Target[];
  /** Path of the PEM bundle. */
  readonly caFile: string;
  /** Seed of the treasury's key, from which the owners' keys are derived too. */
  readonly seed: Uint8Array;
  /** The treasury's FLX account. */
  readonly treasury: bigint;
  readonly plan: Plan;
  /** Batches per second, over all targets. */
  readonly rate: number;
  /** Undefined: no history is kept. */
  readonly historyFile: string | undefined;
  /** Stop sending after so long; without it, at SIGTERM. */
  readonly seconds: number | undefined;
};

export const LOAD_USAGE = `hmn-node load --targets HOST:PORT/SERVERNAME,... --ca FILE (--seed HEX | --seed-file FILE) --treasury ID
  --accounts N --rate BATCHES_PER_SECOND --batch TRANSFERS [--history FILE] [--seconds S] [--owners N] [--spread ${SPREADS.join("|")}]`;

const ACCOUNTS_MAX = 1_000_000;
const RATE_MAX = 10_000;
const SECONDS_MAX = 7 * 86_400;

/** Reads the arguments behind `load`; a refusal says which one is wrong and what it should be. */
export function parseLoadArguments(args: readonly string[]): Result<LoadOptions, "usage"> {
  const text = { type: "string" } as const;
  const options = {
    targets: text,
    ca: text,
    seed: text,
    "seed-file": text,
    treasury: text,
    accounts: text,
    rate: text,
    batch: text,
    history: text,
    seconds: text,
    owners: text,
    spread: text,
  };
  let values: Partial<Record<keyof typeof options, string>>;
  try {
    values = parseArgs({ args: [...args], options, allowPositionals: false }).values;
  } catch (cause) {
    return refuse("usage", cause instanceof Error ? cause.message : String(cause));
  }
  const targets = (values.targets ?? "").split(",").map(parseTarget);
  const good = targets.filter((target) => target !== undefined);
  if (good.length !== targets.length) return refuse("usage", "--targets: HOST:PORT/SERVERNAME, separated by commas");
  if (!values.ca) return refuse("usage", "--ca: file with the cluster's CA bundle");
  const seed = readSeed(values);
  if (!seed.ok) return seed;
  const treasury = /^[0-9]{1,39}$/.test(values.treasury ?? "") ? BigInt(values.treasury ?? "") : 0n;
  if (treasury === 0n || treasury >= U128_MAX) return refuse("usage", "--treasury: a decimal account id");
  const accounts = number(values.accounts, { least: 2, most: ACCOUNTS_MAX, whole: true });
  if (accounts === undefined) return refuse("usage", `--accounts: 2 to ${ACCOUNTS_MAX}`);
  const rate = number(values.rate, { least: 0.01, most: RATE_MAX, whole: false });
  if (rate === undefined) return refuse("usage", `--rate: 0.01 to ${RATE_MAX} batches per second`);
  const batch = number(values.batch, { least: 1, most: BATCH_RECORDS_MAX, whole: true });
  if (batch === undefined) return refuse("usage", `--batch: 1 to ${BATCH_RECORDS_MAX} transfers`);
  if (values.history === "") return refuse("usage", "--history: file to append the history to");
  const owners = number(values.owners ?? `${accounts}`, { least: 1, most: accounts, whole: true });
  if (owners === undefined || accounts % owners !== 0)
    return refuse("usage", `--owners: a divisor of --accounts (${accounts})`);
  const spread = SPREADS.find((name) => name === (values.spread ?? "even"));
  if (spread === undefined) return refuse("usage", `--spread: ${SPREADS.join(", ")}`);
  const seconds = number(values.seconds, { least: 1, most: SECONDS_MAX, whole: false });
  if (values.seconds !== undefined && seconds === undefined)
    return refuse("usage", `--seconds: 1 to ${SECONDS_MAX}; leave it out to run until SIGTERM`);
  const plan = { accounts, owners, spread, batch };
  const files = { caFile: values.ca, historyFile: values.history };
  return accept({ targets: good, seed: seed.value, treasury, plan, rate, seconds, ...files });
}

/** From the command line, where everybody on the machine can read it, or from a file. */
function readSeed(values: { seed?: string; "seed-file"?: string }): Result<Uint8Array, "usage"> {
  const file = values["seed-file"];
  if ((values.seed === undefined) === (file === undefined))
    return refuse("usage", "--seed or --seed-file: one of them");
  let text = values.seed ?? "";
  try {
    if (file !== undefined) text = readFileSync(file, "utf8").trim();
  } catch (cause) {
    return refuse("usage", `--seed-file: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  const seed = fromHex(text, SEED_BYTES);
  const name = file === undefined ? "--seed" : "--seed-file";
  return seed === undefined ? refuse("usage", `${name}: 64 lower-case hexadecimal digits`) : accept(seed);
}

function parseTarget(text: string): Target | undefined {
  const [, host, port, servername] = /^(.+):([0-9]{1,5})\/([^/]+)$/.exec(text) ?? [];
  if (host === undefined || servername === undefined || Number(port) < 1 || Number(port) > 65_535) return undefined;
  return { host: host.replace(/^\[(.*)\]$/, "$1"), port: Number(port), servername };
}

function number(
  text: string | undefined,
  { least, most, whole }: { least: number; most: number; whole: boolean },
): number | undefined {
  if (text === undefined || !/^[0-9]+(\.[0-9]+)?$/.test(text)) return undefined;
  const value = Number(text);
  return value >= least && value <= most && (!whole || Number.isInteger(value)) ? value : undefined;
}
