import { closeSync, fstatSync, fsyncSync, openSync, readSync, writeSync } from "node:fs";
import { assert, present } from "../base/assert.ts";
import type { SendResult } from "./client.ts";

/** What a client asks, complete in itself: account `i` has the id `base` + i, transfer `i` the id `firstId` + i. Numbers of 128 bits are decimal strings. */
export type Operation =
  /** Accounts 0… `count` − 1 opened, paid for by `payer`. */
  | { readonly f: "open"; readonly value: { readonly base: string; readonly count: number; readonly payer: string } }
  /** A transfer of `amount` from `payer` to each of the accounts 0… `count` − 1. */
  | {
      readonly f: "fund";
      readonly value: {
        readonly firstId: string;
        readonly base: string;
        readonly count: number;
        readonly payer: string;
        readonly amount: string;
      };
    }
  | {
      readonly f: "transfer";
      readonly value: {
        readonly firstId: string;
        readonly base: string;
        readonly moves: readonly (readonly [payer: number, payee: number, amount: number])[];
      };
    };

export type Outcome =
  /** Executed in the block of that height, but for the named records. */
  | {
      readonly type: "ok";
      readonly value: {
        readonly height: number;
        readonly target: number;
        readonly failures: readonly (readonly [index: number, code: string])[];
      };
    }
  /** Certainly not executed. */
  | { readonly type: "fail"; readonly value: { readonly reason: string } }
  /** Unknown whether executed, now or ever: its process asks nothing more. */
  | { readonly type: "info"; readonly value: { readonly reason: string } };

/** What a result tells the one who asked. */
export const outcomeOf = (result: SendResult): Outcome => {
  switch (result.type) {
    case "committed": {
      const failures = result.failures.map(({ index, code }) => [index, code] as const);
      return { type: "ok", value: { height: result.height, target: result.target, failures } };
    }
    case "refused":
      return { type: "fail", value: { reason: result.reason } };
    case "unknown":
      return { type: "info", value: { reason: result.reason } };
  }
};

export type History = {
  /** Before it is sent; answers with the process, by which `complete` refers to it. */
  invoke(operation: Operation): number;
  complete(process: number, outcome: Outcome): void;
  close(): void;
};

/** The processes of a run are numbered from a multiple of this that no earlier run in the file has used. */
export const PROCESSES_PER_RUN = 1_000_000;
/** At the end of a file that is gone on with: longer than any line. */
const TAIL_BYTES = 1024 * 1024;

/**
 * Appends to a file of JSON lines {process, type, f, value, time}, the form that checkers of linearizability read: a
 * process is a client with at most one operation open, `time` is in nanoseconds since 1970 and never goes back within a
 * run. Each line is with the kernel before the call returns, so that a killed process leaves no invocation out.
 */
export function openHistory({ file, nowNs }: { file: string; nowNs: () => bigint }): History {
  const handle = openSync(file, "a+");
  const tail = tailOf(handle);
  // A machine that died may have left half a line: it gets an end of its own, so that the next line can be read.
  if (tail.length > 0 && !tail.endsWith("\n")) writeSync(handle, "\n");
  const [, before] = [...tail.matchAll(/^\{"process":([0-9]+),/gm)].at(-1) ?? [];
  const first = before === undefined ? 0 : (Math.floor(Number(before) / PROCESSES_PER_RUN) + 1) * PROCESSES_PER_RUN;
  let processes = 0;
  const idle: number[] = [];
  const open = new Map<number, Operation["f"]>();
  const append = (fields: { process: number; type: string; f: string; value: object }): void => {
    // As a number of more than 53 bits, which only JavaScript would round, so it does not go through a JavaScript number.
    writeSync(handle, `${JSON.stringify(fields).slice(0, -1)},"time":${nowNs()}}\n`);
  };
  return {
    invoke: ({ f, value }) => {
      const process = idle.pop() ?? first + processes++;
      assert(processes <= PROCESSES_PER_RUN, "a run has a bounded number of processes");
      open.set(process, f);
      append({ process, type: "invoke", f, value });
      return process;
    },
    complete: (process, { type, value }) => {
      append({ process, type, f: present(open.get(process), "the process has an operation open"), value });
      open.delete(process);
      if (type !== "info") idle.push(process);
    },
    close: () => {
      fsyncSync(handle);
      closeSync(handle);
    },
  };
}

function tailOf(handle: number): string {
  const { size } = fstatSync(handle);
  const tail = Buffer.alloc(Math.min(size, TAIL_BYTES));
  readSync(handle, tail, 0, tail.length, size - tail.length);
  return tail.toString("utf8");
}
