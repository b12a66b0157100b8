import { type Logger as Pino, pino } from "pino";

export type Logger = Pick<Pino, "debug" | "info" | "warn" | "error" | "fatal">;

/** JSON lines on standard output. Never hand it an object that holds a Secret; the paths below are the second line of defence. */
export function createLogger(level: string): Logger {
  return pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { error: (error: unknown) => describe(error) },
    redact: ["data", "stringData", "*.data", "*.stringData", "object", "*.object"],
  });
}

/** An error as fields; its causes are listed, since the adapters wrap. */
function describe(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error);
  const causes: string[] = [];
  for (let cause = error.cause; cause instanceof Error && causes.length < 5; cause = cause.cause) {
    causes.push(cause.message);
  }
  return { name: error.name, message: error.message, stack: error.stack, ...(causes.length > 0 ? { causes } : {}) };
}
