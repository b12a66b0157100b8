import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { type Mind, startOperator } from "./operator.ts";
import { helpText, readOptions } from "./options.ts";
import { connect } from "./runtime/connection.ts";
import { createLogger } from "./runtime/log.ts";

/** How long what is under way may take when the process is asked to end; the chart's grace period is longer. */
const STOP_MS = 20_000;

/** The operator as a whole process, which decides by this mind: from its arguments to its end by a signal or a lost Lease. */
export function runOperator(mind: Mind): void {
  run(mind).catch((error: unknown) => {
    process.stderr.write(`hmn-operator: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
}

async function run(decide: Mind): Promise<void> {
  const options = readOptions(process.argv.slice(2), process.env);
  if (options === "help") {
    process.stdout.write(helpText());
    return;
  }
  const log = createLogger(options.logLevel);
  const operator = await startOperator({
    ...{ options, log, decide },
    connection: await connect(process.env, options),
    identity: `${hostname()}_${randomUUID()}`,
    onLost: () => {
      // At once, and with nothing in between: another process may lead by now.
      log.fatal({}, "the lease is lost: the process ends, so that only one writes");
      process.exit(1);
    },
  });
  let stopping = false;
  const stop = (signal: NodeJS.Signals) => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, "stopping");
    setTimeout(() => {
      log.error({}, "stopping took too long");
      process.exit(1);
    }, STOP_MS).unref();
    operator.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ error }, "stopping failed");
        process.exit(1);
      },
    );
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
}
