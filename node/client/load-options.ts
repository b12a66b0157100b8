import { parseArgs } from "node:util";
import { fromHex } from "../base/bytes.ts";
import { accept, type Result, refuse } from "../base/result.ts";
import { BATCH_RECORDS_MAX } from "../codec/batch.ts";
import { SEED_BYTES } from "../codec/signature.ts";
import { U128_MAX } from "../codec/transfer.ts";
import type { Target } from "./connection.ts";

export type LoadOptions = {
  readonly targets: readonly Target[];
  /** Path of the PEM bundle. */
  readonly caFile: string;
  /** Seed of the treasury's key, from which the owners' keys are derived too. */
  readonly seed: Uint8Array;
  /** The treasury's FLX account. */
  readonly treasury: bigint;
  readonly accounts: number;
  /** Batches per second, over all targets. */
  readonly rate: number;
  /** Transfers in a batch. */
  readonly batch: number;
  readonly historyFile: string;
  /** Stop sending after so long; without it, at SIGTERM. */
  readonly seconds: number | undefined;
};

export const LOAD_USAGE =
  "hmn-node load --targets HOST:PORT/SERVERNAME,... --ca FILE --seed HEX --treasury ID --accounts N --rate BATCHES_PER_SECOND --batch TRANSFERS --history FILE [--seconds S]";

const ACCOUNTS_MAX = 100_000;
const RATE_MAX = 10_000;
const SECONDS_MAX = 7 * 86_400;

/** Reads the arguments behind `load`; a refusal says which one is wrong and what it should be. */
export function parseLoadArguments(args: readonly string[]): Result<LoadOptions, "usage"> {
  const text = { type: "string" } as const;
  const options = {
    targets: text,
    ca: text,
    seed: text,
    treasury: text,
    accounts: text,
    rate: text,
    batch: text,
    history: text,
    seconds: text,
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
  const seed = fromHex(values.seed ?? "", SEED_BYTES);
  if (seed === undefined) return refuse("usage", "--seed: 64 lower-case hexadecimal digits");
  const treasury = /^[0-9]{1,39}$/.test(values.treasury ?? "") ? BigInt(values.treasury ?? "") : 0n;
  if (treasury === 0n || treasury >= U128_MAX) return refuse("usage", "--treasury: a decimal account id");
  const accounts = number(values.accounts, { least: 2, most: ACCOUNTS_MAX, whole: true });
  if (accounts === undefined) return refuse("usage", `--accounts: 2 to ${ACCOUNTS_MAX}`);
  const rate = number(values.rate, { least: 0.01, most: RATE_MAX, whole: false });
  if (rate === undefined) return refuse("usage", `--rate: 0.01 to ${RATE_MAX} batches per second`);
  const batch = number(values.batch, { least: 1, most: BATCH_RECORDS_MAX, whole: true });
  if (batch === undefined) return refuse("usage", `--batch: 1 to ${BATCH_RECORDS_MAX} transfers`);
  if (!values.history) return refuse("usage", "--history: file to append the history to");
  const seconds = number(values.seconds, { least: 1, most: SECONDS_MAX, whole: false });
  if (values.seconds !== undefined && seconds === undefined)
    return refuse("usage", `--seconds: 1 to ${SECONDS_MAX}; leave it out to run until SIGTERM`);
  const files = { caFile: values.ca, historyFile: values.history };
  return accept({ targets: good, seed, treasury, accounts, rate, batch, seconds, ...files });
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
