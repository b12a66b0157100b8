import { closeSync, fstatSync, fsyncSync, openSync, readSync, writeSync } from "node:fs";

/** How one line says what was asked, so that a checker can compute every transfer of it again. */
export type Operation =
  /** Accounts `base`… `base + count − 1` opened, paid for by `payer`. */
  | { readonly f: "open"; readonly base: string; readonly count: number; readonly payer: string }
  /** `count` transfers of `amount` from `payer` to accounts `base`, `base + 1`, …; ids from `firstId` on. */
  | {
      readonly f: "fund";
      readonly firstId: string;
      readonly base: string;
      readonly count: number;
      readonly payer: string;
      readonly amount: string;
    }
  /** Batch `number` of the plan (load-plan.ts) over `accounts` accounts from `base` on; ids from `firstId` on. */
  | {
      readonly f: "transfer";
      readonly number: number;
      readonly firstId: string;
      readonly base: string;
      readonly accounts: number;
      readonly count: number;
    };

export type Outcome =
  /** Applied, but for the named records. */
  | {
      readonly type: "ok";
      readonly height: number;
      readonly target: number;
      readonly failures: readonly { readonly index: number; readonly code: string }[];
    }
  /** Certainly not applied. */
  | { readonly type: "fail"; readonly reason: string }
  /** Unknown whether applied. */
  | { readonly type: "info"; readonly reason: string };

export type History = {
  /** Before it is sent; answers with the number by which `complete` refers to it. */
  invoke(operation: Operation): number;
  complete(operation: number, outcome: Outcome): void;
  close(): void;
};

/**
 * Appends to a file of JSON lines {process, op, type, atNs, …}. Each line is with the kernel before the call returns, so
 * that a killed process leaves no invocation out; `process` tells runs apart.
 */
export function openHistory({ file, process, nowNs }: { file: string; process: string; nowNs: () => bigint }): History {
  const handle = openSync(file, "a+");
  const { size } = fstatSync(handle);
  const last = Buffer.alloc(1);
  // A machine that died may have left half a line: it gets an end of its own, so that the next line can be read.
  if (size > 0 && readSync(handle, last, 0, 1, size - 1) === 1 && last[0] !== 0x0a) writeSync(handle, "\n");
  let operations = 0;
  const append = (op: number, fields: Record<string, unknown>): void => {
    writeSync(handle, `${JSON.stringify({ process, op, atNs: nowNs().toString(), ...fields })}\n`);
  };
  return {
    invoke: (operation) => {
      operations += 1;
      append(operations, { type: "invoke", ...operation });
      return operations;
    },
    complete: (operation, outcome) => append(operation, outcome),
    close: () => {
      fsyncSync(handle);
      closeSync(handle);
    },
  };
}
