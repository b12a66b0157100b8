#!/usr/bin/env node
import type { Command, World } from "./cli/command.ts";
import { versionOf } from "./shell-options.ts";

/** Every command by name. Each is loaded only when it is asked for: a node does not carry the others' code. */
const COMMANDS: Readonly<Record<string, { readonly summary: string; readonly load: () => Promise<Command> }>> = {
  start: { summary: "runs a node (the default)", load: async () => (await import("./cli/start.ts")).start },
  status: { summary: "how a node stands", load: async () => (await import("./cli/status.ts")).status },
  health: { summary: "whether a node is well", load: async () => (await import("./cli/health.ts")).health },
  stats: { summary: "what a node has done", load: async () => (await import("./cli/stats.ts")).stats },
  coherence: {
    summary: "how well the validators work together, and why",
    load: async () => (await import("./cli/coherence.ts")).coherence,
  },
  supply: { summary: "what exists of each token", load: async () => (await import("./cli/supply.ts")).supply },
  account: { summary: "an account and its history", load: async () => (await import("./cli/account.ts")).account },
  transfer: { summary: "signs and sends one transfer", load: async () => (await import("./cli/transfer.ts")).transfer },
  memory: { summary: "entries of the memory mesh", load: async () => (await import("./cli/memory.ts")).memory },
  keygen: { summary: "makes a key", load: async () => (await import("./cli/keygen.ts")).keygen },
  genesis: { summary: "makes or checks a genesis file", load: async () => (await import("./cli/genesis.ts")).genesis },
  verify: {
    summary: "computes all of a data folder again",
    load: async () => (await import("./cli/verify.ts")).verify,
  },
  inspect: {
    summary: "one thing of a data folder",
    load: async () => (await import("./cli/inspect.ts")).inspect,
  },
  prove: {
    summary: "a proof of a batch or an account",
    load: async () => (await import("./cli/prove.ts")).prove,
  },
  "check-proof": {
    summary: "checks a proof without a node",
    load: async () => (await import("./cli/check-proof.ts")).checkProof,
  },
  backup: {
    summary: "writes an encrypted backup of a data folder",
    load: async () => (await import("./cli/backup.ts")).backup,
  },
  "check-backup": {
    summary: "checks a backup by restoring it in memory",
    load: async () => (await import("./cli/check-backup.ts")).checkBackup,
  },
  "list-backups": {
    summary: "tells which backups there are",
    load: async () => (await import("./cli/list-backups.ts")).listBackups,
  },
  "forget-backups": {
    summary: "removes all but the last of a row of backups",
    load: async () => (await import("./cli/forget-backups.ts")).forgetBackups,
  },
  restore: {
    summary: "gives a node of a new network a backup to begin with",
    load: async () => (await import("./cli/restore.ts")).restore,
  },
  bench: {
    summary: "throughput and latency of a running network",
    load: async () => (await import("./cli/bench.ts")).bench,
  },
  load: {
    summary: "sends transfers and keeps their history",
    load: async () => (await import("./client/load.ts")).loadMain,
  },
  version: { summary: "prints the release", load: async () => version },
};

const rows = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(14)} ${summary}\n`);
const HELP = `usage: hmn-node [command] [flags]\n\n${rows.join("")}\nhmn-node COMMAND --help tells the flags of each.\n`;

const version: Command = async (_args, { environment, out }) => {
  out(`${versionOf(environment)}\n`);
  return 0;
};

const world: World = {
  environment: process.env,
  out: (text) => void process.stdout.write(text),
  error: (text) => void process.stderr.write(text),
};

async function main(args: readonly string[]): Promise<void> {
  const [first, ...rest] = args;
  if (first === "--help" || first === "help") return world.out(HELP);
  const [name, flags] = first === undefined || first.startsWith("-") ? ["start", args] : [first, rest];
  const known = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (known === undefined) {
    world.error(`hmn-node: unknown command ${JSON.stringify(name)}\n${HELP}`);
    process.exitCode = 2;
    return;
  }
  const run = await known.load();
  try {
    process.exitCode = await run(flags, world);
  } catch (error) {
    world.error(`hmn-node ${name}: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}

await main(process.argv.slice(2));
