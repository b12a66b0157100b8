import { type Logger, pino } from "pino";
import { unreachable } from "./base/assert.ts";
import type { NodeEvent } from "./ports.ts";
import type { Progress } from "./storage/storage.ts";

/** JSON lines with constant messages and varying fields; never a key, a seed or a client's payload. */
export const createLog = (level: string, fields: Readonly<Record<string, unknown>>): Logger =>
  pino({ level, base: fields, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ sync: true }));

const PROGRESS_EVERY_MS = 2_000;
const MIB = 1024 * 1024;

/** Logs how far recovery has come, every two seconds while it takes longer than that. */
export function progressLog(log: Logger): (progress: Progress) => void {
  let loggedAtMs = performance.now();
  return ({ phase, doneBytes, totalBytes }) => {
    if (performance.now() - loggedAtMs < PROGRESS_EVERY_MS) return;
    loggedAtMs = performance.now();
    const [doneMiB, totalMiB] = [Math.round(doneBytes / MIB), Math.round(totalBytes / MIB)];
    log.info({ phase, doneMiB, totalMiB }, "recovering from the log");
  };
}

const DROPPED_EVERY_MS = 1_000;

/** Logs what the node reports; dropped frames at most once a second for each peer, so that a hostile one can't fill the log. */
export function eventLog(log: Logger): (event: NodeEvent) => void {
  const droppedAtMs = new Map<number, number>();
  return (event) => {
    switch (event.type) {
      case "block-executed":
        log.debug({ height: event.height, applied: event.applied, hash: event.hash }, "block executed");
        return;
      case "epoch-began":
        log.info({ epoch: event.epoch, member: event.member }, "epoch began");
        return;
      case "view-entered":
        log.debug({ view: event.view }, "view entered");
        return;
      case "frame-dropped": {
        const now = performance.now();
        if (now - (droppedAtMs.get(event.peer) ?? -DROPPED_EVERY_MS) < DROPPED_EVERY_MS) return;
        droppedAtMs.set(event.peer, now);
        log.warn({ peer: event.peer, reason: event.reason }, "frame dropped");
        return;
      }
      case "anchored":
        log.debug({ height: event.height, author: event.author, id: event.id }, "memory entry anchored");
        return;
      case "safety":
        log.error({ kind: event.kind, detail: event.detail }, "safety breach");
        return;
      default:
        unreachable(event);
    }
  };
}
