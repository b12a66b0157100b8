import { once } from "node:events";
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { connect, createServer, type TLSSocket } from "node:tls";
import { LEDGERS } from "../api/contract.ts";
import { assert, present } from "../base/assert.ts";
import { toHex } from "../base/bytes.ts";
import { nanos } from "../base/units.ts";
import {
  type Chain,
  chainId,
  createChain,
  epochOf,
  executeBlock,
  headOf,
  heightOf,
  lastBlockTimeOf,
} from "../chain/chain.ts";
import type { ExecutableBlock } from "../chain/types.ts";
import { encodePayments, plannedPayments } from "../client/load-plan.ts";
import { encodeBatch } from "../codec/batch.ts";
import { ZERO_HASH } from "../codec/block.ts";
import { sha256, sha256Hex } from "../codec/hash.ts";
import { type KeyPair, keyPairFromSeed, sign, verify } from "../codec/signature.ts";
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
  const spent = { sha256: hashCost(), verify: verifyCost() };
  return { ...spent, tls: await tlsCost(), log: logCost(folder), execute: executionCost(accounts, spent) };
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

/** Blocks of one batch for a chain alone: some to warm up, the others measured. */
const WARM_BLOCKS = 50;
const MEASURED_BLOCKS = 200;

/** What executing a block costs a transfer, beyond the hash and the signature of its batch, which count by themselves. */
function executionCost(accounts: number, spent: Pick<Costs, "sha256" | "verify">): number {
  const owner = keyPairFromSeed(new Uint8Array(32).fill(5));
  const base = 1n << 100n;
  const timeMs = Date.now();
  const chain = chainOf({ owner, base, timeMs, accounts });
  const plan = { accounts, owners: 1, spread: "random", batch: 1_000 } as const;
  const batches = Array.from({ length: WARM_BLOCKS + MEASURED_BLOCKS }, (_, number) => {
    const firstId = (BigInt(timeMs) << 80n) | (BigInt(number) << 32n);
    const payload = encodePayments(plannedPayments(plan, number), { firstId, base });
    const place = { stream: 1n, sequence: BigInt(number + 1), expiryMs: timeMs + 60_000 };
    return encodeBatch({ type: "transfers", payload, chainId: chainId(chain), keyPair: owner, ...place });
  });
  const apply = (batch: Uint8Array): void => {
    const { applied } = executeBlock(chain, nextBlock(chain, batch));
    assert(applied === plan.batch, "own transfers are applied");
  };
  for (const batch of batches.slice(0, WARM_BLOCKS)) apply(batch);
  const before = process.cpuUsage();
  for (const batch of batches.slice(WARM_BLOCKS)) apply(batch);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / (MEASURED_BLOCKS * plan.batch) - TRANSFER_BYTES * spent.sha256 - spent.verify / plan.batch;
}

function chainOf(of: { owner: KeyPair; base: bigint; timeMs: number; accounts: number }): Chain {
  const ownerKey = toHex(of.owner.publicKey);
  const chain = createChain({
    network: "limit",
    timeNs: `${of.timeMs}000000`,
    authority: { publicKeys: [ownerKey], threshold: 1 },
    validators: Array.from({ length: VALIDATORS }, (_, id) => {
      const key = toHex(keyPairFromSeed(new Uint8Array(32).fill(10 + id)).publicKey);
      return { id, consensusKey: key, ownerKey: key, bond: "1000000000" };
    }),
    accounts: Array.from({ length: of.accounts }, (_, index) => ({
      ...{ id: `${of.base + BigInt(index)}`, ownerKey },
      ...{ ledger: LEDGERS.FLX, balance: "1000000000000" },
    })),
  });
  if (!chain.ok) throw new Error(chain.detail ?? chain.reason);
  return chain.value;
}

/** A millisecond after the one before: no checkpoint and no epoch's end falls among the measured ones. */
function nextBlock(chain: Chain, batch: Uint8Array): ExecutableBlock {
  const height = heightOf(chain) + 1;
  const before = present(headOf(chain, height - 1), "the newest block has a head");
  return {
    hash: sha256Hex(batch.subarray(0, 192)),
    epoch: epochOf(chain).number,
    view: height,
    kind: "normal",
    height,
    parent: before.hash,
    proposer: 0,
    time: nanos(lastBlockTimeOf(chain) + 1_000_000n),
    executed: { height: height - 1, resultsHash: before.resultsHash },
    next: ZERO_HASH,
    ...{ votes: [], evidence: [], tips: [] },
    batches: [batch],
  };
}
