import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readNetwork, watchNetwork } from "./shell-network.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hmn-network-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const peer = (id: number, port = 8005) => ({ id, host: `node-${id}`, port });
const write = (content: unknown): void =>
  writeFileSync(join(folder, "network.json"), typeof content === "string" ? content : JSON.stringify(content));

test("changed peers are handed over; a broken file or another network's changes nothing and is told once", async () => {
  write({ network: "payments", peers: [peer(0), peer(1)] });
  const seen: unknown[] = [];
  const refused: string[] = [];
  const anchors: unknown[] = [];
  const on = {
    peers: (peers: unknown) => seen.push(peers),
    trust: (anchor: unknown) => anchors.push(anchor),
    refused: (cause: unknown) => refused.push(String(cause)),
  };
  const watch = watchNetwork(folder, readNetwork(folder), on, 5);
  try {
    write("{");
    await expect.poll(() => refused).toEqual([expect.stringContaining("network.json cannot be used")]);
    write({ network: "savings", peers: [peer(9)] });
    await expect.poll(() => refused).toEqual([expect.anything(), expect.stringContaining("network savings")]);
    write({ network: "payments", peers: [peer(0), peer(2, 9)] });
    await expect.poll(() => seen).toEqual([[peer(0), peer(2, 9)]]);
    write({ network: "payments", peers: [peer(0)] });
    await expect.poll(() => seen).toEqual([[peer(0), peer(2, 9)], [peer(0)]]);
    expect(refused.length).toBe(2);
    const trust = { epoch: 2, height: 9, blockHash: "ab".repeat(32), setHash: "cd".repeat(32) };
    write({ network: "payments", peers: [peer(0)], trust });
    await expect.poll(() => anchors).toEqual([trust]);
    expect(seen.length).toBe(2);
  } finally {
    watch.close();
  }
});
