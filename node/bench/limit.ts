import { once } from "node:events";
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { connect, createServer, type TLSSocket } from "node:tls";
import { LEDGERS } from "../api/contract.ts";
import { assert, present } from "../base/assert.ts";
import { toHex } from "../base/bytes.ts";
import { nanos } from "../base/units.ts";
import { createChain } from "../chain/chain.ts";
import { executeBatch } from "../chain/execute-batch.ts";
import { encodePayments, plannedPayments } from "../client/load-plan.ts";
import { type Batch, encodeBatch, parseBatch } from "../codec/batch.ts";
import { sha256 } from "../codec/hash.ts";
import { keyPairFromSeed, sign, verify } from "../codec/signature.ts";
import { TRANSFER_BYTES } from "../codec/transfer.ts";
import { testAuthority } from "../transport/test-authority.ts";
import { VALIDATORS } from "./cluster.ts";

/** What the parts that no design can leave out cost on this machine, each alone. CPU time, in microseconds. */
export type Costs = {
  /** Per byte. */
  readonly sha256: number;
  /** Per signature. */
  readonly verify: number;
  /** Per byte: encrypted, through the kernel, decrypted. */
  readonly tls: number;
  /** Per byte written and synced. */
  readonly log: number;
  /** Per transfer. */
  readonly execute: number;
};

/** How a transfer's way through the cluster adds up. */
export type Limit = {
  /** Transfers a second with all cores of this machine. */
  readonly perSecond: number;
  /** Microseconds of CPU per transfer, by part. */
  readonly parts: Readonly<Record<keyof Costs, number>>;
};

/**
 * The most that this machine could commit if every validator and the client did only what is unavoidable: each of the
 * four hashes the transfer, verifies its share of the batch's signature, executes it and writes it to its log; its bytes
 * cross a TLS connection four times (to one validator, from there to three).
 */
export function limitOf(costs: Costs, batch: number, cores: number = availableParallelism()): Limit {
  const each = VALIDATORS;
  const parts = {
    sha256: each * TRANSFER_BYTES * costs.sha256,
    verify: (each * costs.verify) / batch,
    tls: each * TRANSFER_BYTES * costs.tls,
    log: each * TRANSFER_BYTES * costs.log,
    execute: each * costs.execute,
  };
  const us = Object.values(parts).reduce((sum, part) => sum + part, 0);
  return { perSecond: (cores * 1e6) / us, parts };
}

/** Work of one kind is done for so long. */
const PART_MS = 400;
const CHUNK_BYTES = 128_000;

export async function measureCosts(folder: string, accounts: number): Promise<Costs> {
  return {
    sha256: hashCost(),
    verify: verifyCost(),
    tls: await tlsCost(),
    log: logCost(folder),
    execute: executionCost(accounts),
  };
}

/** CPU time per unit of `work`, which answers with how many units it did. */
function costOf(work: () => number): number {
  work();
  const before = process.cpuUsage();
  const endMs = performance.now() + PART_MS;
  let units = 0;
  do units += work();
  while (performance.now() < endMs);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / units;
}

function hashCost(): number {
  const bytes = new Uint8Array(CHUNK_BYTES).fill(7);
  return costOf(() => sha256(bytes).length && bytes.length);
}

function verifyCost(): number {
  const { publicKey, secretKey } = keyPairFromSeed(new Uint8Array(32).fill(1));
  const message = new Uint8Array(128).fill(2);
  const signature = sign(message, secretKey);
  return costOf(() => {
    assert(verify({ message, signature, publicKey }), "own signature verifies");
    return 1;
  });
}

/** Grouped as a busy log groups: about a megabyte to a sync. */
function logCost(folder: string): number {
  const path = join(folder, "limit.log");
  const file = openSync(path, "w");
  const bytes = new Uint8Array(8 * CHUNK_BYTES).fill(3);
  try {
    return costOf(() => {
      writeSync(file, bytes, 0, bytes.length, 0);
      fdatasyncSync(file);
      return bytes.length;
    });
  } finally {
    closeSync(file);
    rmSync(path);
  }
}

/** Both ends in this process, so that its CPU time is that of both. */
async function tlsCost(): Promise<number> {
  const authority = await testAuthority();
  const server = createServer({ ...(await authority.issue("limit.test")), minVersion: "TLSv1.3" });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const accepted: Promise<TLSSocket[]> = once(server, "secureConnection");
  const sender = connect({ host: "127.0.0.1", port, servername: "limit.test", ca: authority.ca });
  await once(sender, "secureConnect");
  const [receiver] = await accepted;
  let received = 0;
  present(receiver, "the server took the connection").on("data", (chunk: Buffer) => {
    received += chunk.length;
  });
  const bytes = new Uint8Array(CHUNK_BYTES).fill(4);
  const before = process.cpuUsage();
  const endMs = performance.now() + PART_MS;
  let sent = 0;
  while (performance.now() < endMs) {
    sent += bytes.length;
    await new Promise((resolve) => sender.write(bytes, resolve));
  }
  while (received < sent) await new Promise(setImmediate);
  const { user, system } = process.cpuUsage(before);
  sender.destroy();
  receiver?.destroy();
  server.close();
  await once(server, "close");
  return (user + system) / received;
}

/** Batches for the ledger alone: some to warm up, the others measured. */
const WARM_BATCHES = 50;
const MEASURED_BATCHES = 200;

/** Parsed batches applied to a ledger of its own, without hashing, signatures or roots. */
function executionCost(accounts: number): number {
  const owner = keyPairFromSeed(new Uint8Array(32).fill(5));
  const signer = toHex(owner.publicKey);
  const base = 1n << 100n;
  const timeMs = Date.now();
  const chain = createChain({
    network: "limit",
    timeNs: `${timeMs}000000`,
    authority: { publicKeys: [signer], threshold: 1 },
    validators: Array.from({ length: VALIDATORS }, (_, id) => {
      const key = toHex(keyPairFromSeed(new Uint8Array(32).fill(10 + id)).publicKey);
      return { id, consensusKey: key, ownerKey: key, bond: "1000000000" };
    }),
    accounts: Array.from({ length: accounts }, (_, index) => ({
      ...{ id: `${base + BigInt(index)}`, ownerKey: signer },
      ...{ ledger: LEDGERS.FLX, balance: "1000000000000" },
    })),
  });
  if (!chain.ok) throw new Error(chain.detail ?? chain.reason);
  const { ledger, genesis } = chain.value;
  const plan = { accounts, owners: 1, spread: "random", batch: 1_000 } as const;
  const batches = Array.from({ length: WARM_BATCHES + MEASURED_BATCHES }, (_, number) => {
    const firstId = (BigInt(timeMs) << 80n) | (BigInt(number) << 32n);
    const payload = encodePayments(plannedPayments(plan, number), { firstId, base });
    const place = { stream: 1n, sequence: BigInt(number), expiryMs: timeMs + 60_000 };
    const bytes = encodeBatch({ type: "transfers", payload, chainId: genesis.chainId, keyPair: owner, ...place });
    const parsed = parseBatch(bytes);
    return present(parsed.ok ? parsed.value : undefined, "own batch is good");
  });
  const time = nanos(BigInt(timeMs) * 1_000_000n);
  const apply = (batch: Batch): void => {
    const { applied } = executeBatch(ledger, batch, { height: 1, time, signer, chainId: genesis.chainId });
    assert(applied === plan.batch, "own transfers are applied");
  };
  for (const batch of batches.slice(0, WARM_BATCHES)) apply(batch);
  const before = process.cpuUsage();
  for (const batch of batches.slice(WARM_BATCHES)) apply(batch);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / (MEASURED_BATCHES * plan.batch);
}
