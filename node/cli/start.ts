import { EXIT_CODES } from "../api/contract.ts";
import { DamagedData, ReleaseTooOld } from "../node.ts";
import { type Running, startNode } from "../shell.ts";
import { loadFaults } from "../shell-faults.ts";
import { createLog } from "../shell-log.ts";
import { parseStart, START_HELP } from "../shell-options.ts";
import type { Command } from "./command.ts";
import { paceGarbage } from "./garbage-pace.ts";

/** `hmn-node start`: runs a node until a signal ends the process. */
export const start: Command = async (args, world) => {
  if (args.includes("--help")) {
    world.out(START_HELP);
    return 0;
  }
  const options = parseStart(args, world.environment);
  if (!options.ok) {
    world.error(`hmn-node: ${options.detail ?? options.reason}\n${START_HELP}`);
    return 2;
  }
  paceGarbage();
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
  try {
    running = await startNode(options.value, faults, log);
  } catch (error) {
    if (error instanceof ReleaseTooOld) {
      log.fatal({ reason: error.message }, "this release is too old for the data folder");
      process.exit(EXIT_CODES.releaseTooOld);
    }
    if (!(error instanceof DamagedData)) fail(error, "cannot start");
    const { what, message } = error as DamagedData;
    log.fatal({ what, reason: message }, "what is on the volume is damaged");
    process.exit(what === "votes" ? EXIT_CODES.votesDamaged : EXIT_CODES.dataDamaged);
  }
  return 0;
};
