import { present } from "../base/assert.ts";
import { type Hex, toHex } from "../base/bytes.ts";
import { nanos } from "../base/units.ts";
import { type BatchType, encodeBatch } from "../codec/batch.ts";
import { sha256Hex } from "../codec/hash.ts";
import type { KeyPair } from "../codec/signature.ts";
import { type Chain, chainId, closingAt, epochOf, headOf, heightOf } from "./chain.ts";
import { GENESIS_MS } from "./test-genesis.ts";
import { executeKept } from "./test-journal.ts";
import type { BlockOutcome, ExecutableBlock } from "./types.ts";

/** Milliseconds since 1970 of a time after the genesis of tests. */
export const atMs = (offsetMs: number): number => GENESIS_MS + offsetMs;

/**
 * The block that consensus would order next at a time: the closing one where it has to be. Its E is the block before, and it
 * carries everyone's vote for it, unless said otherwise.
 */
export function blockAt(
  chain: Chain,
  offsetMs: number,
  { executedHeight = heightOf(chain), ...fields }: Partial<ExecutableBlock> & { executedHeight?: number } = {},
): ExecutableBlock {
  const height = heightOf(chain) + 1;
  const time = nanos(BigInt(atMs(offsetMs)) * 1_000_000n);
  const closing = closingAt(chain, { executedHeight, time });
  const before = present(headOf(chain, height - 1), "the block before has a head");
  return {
    hash: sha256Hex(Buffer.from(`${chainId(chain)} ${height}`)),
    epoch: epochOf(chain).number,
    view: height,
    kind: closing === undefined ? "normal" : "closing",
    height,
    parent: before.hash,
    proposer: 0,
    time,
    executed: {
      height: executedHeight,
      resultsHash: present(headOf(chain, executedHeight), "E is executed").resultsHash,
    },
    next: closing?.next ?? "0".repeat(64),
    votes: height === 1 ? [] : epochOf(chain).members.map(({ id }) => ({ depth: 1, signer: id })),
    evidence: [],
    tips: [],
    batches: [],
    ...fields,
  };
}

export const execute = (chain: Chain, offsetMs: number, ...batches: Uint8Array[]): BlockOutcome =>
  executeKept(chain, blockAt(chain, offsetMs, { batches }));

const sequences = new WeakMap<Chain, bigint>();

/** A signed batch in a stream of its own for each, so that none is a repeat. */
export function batchOf(
  chain: Chain,
  type: BatchType,
  payload: Uint8Array,
  { keyPair, offsetMs }: { keyPair: KeyPair; offsetMs: number },
): Uint8Array {
  const sequence = (sequences.get(chain) ?? 0n) + 1n;
  sequences.set(chain, sequence);
  const expiryMs = atMs(offsetMs) + 60_000;
  return encodeBatch({
    type,
    payload,
    chainId: chainId(chain),
    keyPair,
    stream: sequence % 8n,
    sequence,
    expiryMs,
  });
}

export const keyHex = ({ publicKey }: KeyPair): Hex => toHex(publicKey);
