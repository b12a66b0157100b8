import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { present } from "../base/assert.ts";
import type { NodeEffect } from "../ports.ts";
import { realDisk } from "../storage/disk.ts";
import { openStorage } from "../storage/storage.ts";
import { createVotes } from "../storage/vote-journal.ts";
import type { Command } from "./command.ts";

export type LogEntry = Extract<NodeEffect, { type: "persist"; stream: "log" }>["entry"];
export type Snapshots = readonly { height: number; blockHash: string; parts: readonly Uint8Array[] }[];
/** A data folder. Through the node's own storage, as its shell does it. */
export async function writeFolder(path: string, effects: readonly NodeEffect[], snapshots: Snapshots): Promise<void> {
  mkdirSync(path);
  createVotes(realDisk, join(path, "votes.log"), false);
  const opened = openStorage(realDisk, path, { segmentBytes: 64 * 1024 });
  const storage = present(opened.ok ? opened.value : undefined, "the disk takes writes");
  const flush = (): void => storage.flush((result) => expect(result.ok).toBe(true));
  for (const [index, effect] of effects.entries()) {
    if (effect.type === "persist" || effect.type === "replace-votes") storage.append([effect]);
    if (effect.type === "executed") storage.note(effect);
    if (index % 64 === 0) flush();
  }
  flush();
  for (const { height, blockHash, parts } of snapshots) {
    const left = [...parts];
    let written = false;
    storage.snapshot({ type: "snapshot", height, blockHash, next: () => left.shift() }, () => {
      written = true;
    });
    while (!written) storage.work();
  }
  await storage.close();
}

type Ran = { readonly code: number; readonly out: string; readonly error: string };
export async function run(command: Command, ...args: string[]): Promise<Ran> {
  let [out, error] = ["", ""];
  const code = await command(args, {
    environment: {},
    out: (text) => {
      out += text;
    },
    error: (text) => {
      error += text;
    },
  });
  return { code, out, error };
}
