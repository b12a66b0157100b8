#!/usr/bin/env node
import { type Running, startNode } from "./shell.ts";
import { loadFaults } from "./shell-faults.ts";
import { createLog } from "./shell-log.ts";
import { parseStart, START_HELP, versionOf } from "./shell-options.ts";

const HELP = `usage: hmn-node [start | load | version] [flags]

  start    runs a node (the default); hmn-node start --help lists its flags
  load     sends transfers to a cluster and keeps their history; hmn-node load --help
  version  prints the release
`;

async function main(args: readonly string[]): Promise<void> {
  const [first, ...rest] = args;
  const [command, flags] = first === undefined || first.startsWith("-") ? ["start", args] : [first, rest];
  switch (command) {
    case "start":
      if (flags.includes("--help")) return void process.stdout.write(first === "start" ? START_HELP : HELP);
      return start(flags);
    case "load": {
      // Only this command needs the client: nodes don't load it.
      const { loadMain } = await import("./client/load.ts");
      process.exitCode = await loadMain(flags);
      return;
    }
    case "version":
      return void process.stdout.write(`${versionOf(process.env)}\n`);
    default:
      process.stderr.write(`hmn-node: unknown command ${JSON.stringify(command)}\n${HELP}`);
      process.exitCode = 2;
  }
}

async function start(flags: readonly string[]): Promise<void> {
  const options = parseStart(flags, process.env);
  if (!options.ok) {
    process.stderr.write(`hmn-node: ${options.detail ?? options.reason}\n${START_HELP}`);
    process.exitCode = 2;
    return;
  }
  const { validator, version, logLevel, faults: faultText } = options.value;
  const log = createLog(logLevel, { validator, version });
  const fail = (err: unknown, message: string): never => {
    log.fatal({ err }, message);
    process.exit(1);
  };
  // The node's state is in doubt after a bug: it stops, and a restart reads what is durable.
  process.on("uncaughtException", (error) => fail(error, "uncaught error"));
  process.on("unhandledRejection", (error) => fail(error, "unhandled rejection"));
  const faults = await loadFaults(faultText);
  if (faults.crashAfterMs !== undefined) {
    setTimeout(() => fail(new Error("crash: switched on for a test"), "uncaught error"), faults.crashAfterMs);
  }
  let running: Running | undefined;
  let stopping = false;
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, "node stops");
    await running?.stop();
    log.info({}, "node stopped");
    process.exit(0);
  };
  // Before anything else: as process 1 of a container a signal without a handler would be ignored.
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, (got) => void stop(got));
  running = await startNode(options.value, faults, log);
}

await main(process.argv.slice(2));
