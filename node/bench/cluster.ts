import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { LEDGERS, type NodeStatus } from "../api/contract.ts";
import { present } from "../base/assert.ts";
import { toHex } from "../base/bytes.ts";
import { keyPairFromSeed } from "../codec/signature.ts";
import { type TestCluster, type TestNode, testCluster } from "../test-cluster.ts";
import { atExit } from "./at-exit.ts";

export const VALIDATORS = 4;
/** Of the treasury, which pays for accounts and fills them. */
export const SEED = new Uint8Array(32).fill(0x42);
export const TREASURY = 1n << 64n;
const TREASURY_BALANCE = 10n ** 20n;
const READY_TIMEOUT_MS = 300_000;
const ROOT = join(import.meta.dirname, "..", "..");

export type BenchCluster = {
  readonly test: TestCluster;
  pids(): number[];
  start(node: TestNode): void;
  /** All vote. */
  ready(): Promise<void>;
  close(): Promise<void>;
};

/**
 * Compiles the node as its image is compiled: what is measured is what runs there, without the source and its compiler in
 * memory. Answers with the program.
 */
export function compileNode(): string {
  const folder = join(ROOT, "build", "bench");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const compilerOptions = { noEmit: false, noCheck: true, rootDir: ROOT, outDir: folder };
  const files = [join(ROOT, "node", "main.ts")];
  const config = join(folder, "tsconfig.json");
  writeFileSync(config, JSON.stringify({ extends: "../../tsconfig.json", compilerOptions, include: [], files }));
  execFileSync(process.execPath, [join(ROOT, "node_modules/typescript/bin/tsc"), "--project", config]);
  return join(folder, "node", "main.js");
}

/** Four validators as processes of their own, at their genesis; `nodeOptions` go to each of them. */
export async function startCluster(main: string, nodeOptions: readonly string[]): Promise<BenchCluster> {
  const folder = mkdtempSync(join(tmpdir(), "hmn-bench-"));
  const test = await testCluster(folder, VALIDATORS, { main });
  const start = (node: TestNode): void => node.start({ NODE_OPTIONS: nodeOptions.join(" "), NODE_ENV: "production" });
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  const early = atExit(() => {
    for (const pid of test.nodes.map((node) => node.pid())) if (pid !== undefined) process.kill(pid, "SIGKILL");
    remove();
  });
  const cluster: BenchCluster = {
    test,
    start,
    pids: () => test.nodes.map((node) => present(node.pid(), "the node runs")),
    ready: () => untilAll(test.nodes, ({ state, ready }) => state === "Voting" && ready),
    close: async () => {
      await test.close();
      early.forget();
      remove();
    },
  };
  try {
    for (const node of test.nodes) start(node);
    await untilAll(test.nodes, ({ state }) => state === "WaitingForGenesis");
    const { publicKey } = keyPairFromSeed(SEED);
    await test.writeGenesis([
      {
        id: TREASURY.toString(),
        ownerKey: toHex(publicKey),
        ledger: LEDGERS.FLX,
        balance: TREASURY_BALANCE.toString(),
      },
    ]);
    await cluster.ready();
  } catch (error) {
    await cluster.close();
    throw error;
  }
  return cluster;
}

/** Waits until the status of each of them says so. */
export async function untilAll(
  nodes: readonly TestNode[],
  condition: (status: NodeStatus) => boolean,
  timeoutMs: number = READY_TIMEOUT_MS,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (const node of nodes) {
    for (let last = "no answer"; ; await delay(50)) {
      try {
        const status = await node.status();
        if (condition(status)) break;
        last = `${status.state} at height ${status.height} ${status.reason}`;
      } catch (cause) {
        last = cause instanceof Error ? cause.message : String(cause);
      }
      if (node.pid() === undefined) throw new Error(`validator ${node.id} ended: ${node.log().slice(-500)}`);
      if (Date.now() > deadline) throw new Error(`validator ${node.id} after ${timeoutMs} ms: ${last}`);
    }
  }
}
