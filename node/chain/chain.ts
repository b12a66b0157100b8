import type { GenesisFile } from "../api/contract.ts";
import { assert } from "../base/assert.ts";
import { type Hex, toHex } from "../base/bytes.ts";
import { accept, type Result, refuse } from "../base/result.ts";
import type { Nanos } from "../base/units.ts";
import { type Batch, parseBatch, verifyBatch } from "../codec/batch.ts";
import { sha256, sha256Hex } from "../codec/hash.ts";
import type { Account } from "../ledger/account.ts";
import { accountsAfter as accountsOfLedgerAfter } from "../ledger/account-order.ts";
import { closeBlock, openBlock } from "../ledger/block.ts";
import type { AppliedTransfer } from "../ledger/block-journal.ts";
import type { JournalEntry } from "../ledger/journal.ts";
import { blockMillis, ID_WINDOW_MS } from "../ledger/known-ids.ts";
import { accountOf as accountOfLedger, type Ledger } from "../ledger/ledger.ts";
import { ACCOUNT_FEE } from "../ledger/tokens.ts";
import { totalsOf as totalsOfLedger } from "../ledger/totals.ts";
import {
  addBlock,
  type BlockHistory,
  createHistory,
  journalAfter as journalOfHistoryAfter,
  transferOf as transferOfHistory,
} from "./block-history.ts";
import { executeBatch } from "./execute-batch.ts";
import { type Genesis, parseGenesis } from "./genesis.ts";
import { merkleRoot } from "./merkle.ts";
import { openLedger } from "./open-ledger.ts";
import { outcomeLeaf } from "./outcome.ts";
import { type StateRoot, stateRoot } from "./state-root.ts";
import { createStreams, expireStreams, type Streams, standingOf, take } from "./streams.ts";
import type { BatchOutcome, Block, BlockOutcome } from "./types.ts";
import { capWeights, targetWeight } from "./weights.ts";

/** Blocks between two checkpoints. */
export const CHECKPOINT_BLOCKS = 32;
/** Heights for which results hash, block hash and state root are kept. */
export const HEADS_KEPT = 4_096;
/** Ψ of every validator until coherence is measured. */
const PSI_PPM = 1_000_000;
const ZEROS = new Uint8Array(32);

export type ChainValidator = { readonly id: number; readonly weight: number; readonly publicKey: Hex };
export type Checkpoint = { readonly height: number; readonly stateRoot: Hex };
export type Head = {
  readonly height: number;
  /** Known once the next block, which names it as its parent, is executed. */
  readonly hash?: Hex;
  readonly resultsHash: Hex;
  readonly stateRoot?: Hex;
};

/** One network's state after its newest executed block. Read it through the functions of this file. */
export type Chain = {
  readonly genesis: Genesis;
  readonly ledger: Ledger;
  readonly streams: Streams;
  readonly validators: readonly ChainValidator[];
  readonly roots: StateRoot;
  readonly heads: Map<number, Head>;
  readonly history: BlockHistory;
  height: number;
  time: Nanos;
  checkpoint: Checkpoint;
};

/** The chain at its genesis, height 0. */
export function createChain(file: GenesisFile): Result<Chain> {
  const parsed = parseGenesis(file);
  if (!parsed.ok) return parsed;
  const genesis = parsed.value;
  const ledger = openLedger(genesis);
  const streams = createStreams();
  const validators = capWeights(
    genesis.validators.map(({ id, bond, consensusKey }) => ({
      id,
      weight: targetWeight({ bond, psiPpm: PSI_PPM }),
      publicKey: consensusKey,
    })),
  );
  const roots = stateRoot({ ledger, streams, validators });
  roots.absorb();
  const root = toHex(roots.root({ height: 0, time: genesis.time }));
  const first = sha256Hex(new TextEncoder().encode("hmn results 0"), Buffer.from(genesis.chainId, "hex"));
  return accept({
    genesis,
    ledger,
    streams,
    validators,
    roots,
    heads: new Map([[0, { height: 0, resultsHash: first, stateRoot: root }]]),
    history: createHistory({ height: 0, time: genesis.time, batches: [], journal: closeBlock(ledger) }),
    height: 0,
    time: genesis.time,
    checkpoint: { height: 0, stateRoot: root },
  });
}

/** Executes the next finalized block. A bad batch is a refused outcome inside it, never an error (rule 7). */
export function executeBlock(chain: Chain, block: Block): BlockOutcome {
  assert(block.height === chain.height + 1, "blocks are executed in order");
  assert(block.time > chain.time, "block time grows");
  const { height, time } = block;
  const nowMs = blockMillis(time);
  expireStreams(chain.streams, nowMs);
  openBlock(chain.ledger, { time });

  const outcomes: BatchOutcome[] = [];
  const leaves: Uint8Array[] = [];
  let applied = 0;
  for (const [place, bytes] of block.batches.entries()) {
    const executed = executeOne(chain, bytes, block, place);
    outcomes.push(executed.outcome);
    leaves.push(outcomeLeaf({ batch: sha256(bytes), outcome: executed.outcome }));
    applied += executed.applied;
  }
  const journal = closeBlock(chain.ledger);
  addBlock(chain.history, { height, time, batches: block.batches, journal });
  chain.roots.absorb();
  chain.height = height;
  chain.time = time;
  const before = chain.heads.get(height - 1);
  assert(before !== undefined, "the block before has a head");
  const root = height % CHECKPOINT_BLOCKS === 0 ? chain.roots.root({ height, time }) : undefined;
  const resultsHash = sha256Hex(Buffer.from(before.resultsHash, "hex"), merkleRoot(leaves), root ?? ZEROS);
  chain.heads.set(height - 1, { ...before, hash: block.parent });
  chain.heads.delete(height - HEADS_KEPT);
  if (root === undefined) {
    chain.heads.set(height, { height, resultsHash });
    return { height, outcomes, resultsHash, applied, journal };
  }
  chain.checkpoint = { height, stateRoot: toHex(root) };
  chain.heads.set(height, { height, resultsHash, stateRoot: chain.checkpoint.stateRoot });
  return { height, outcomes, resultsHash, applied, journal, stateRoot: chain.checkpoint.stateRoot };
}

/** What a node asks of a batch before it takes it from a client. `executed` is the stored result of a repeat. */
export function admitBatch(
  chain: Chain,
  bytes: Uint8Array,
  nowMs: number,
): Result<{ id: Hex; count: number; executed?: { height: number; outcome: BatchOutcome } }, string> {
  const checked = checkBatch(chain, bytes, BigInt(Math.trunc(nowMs)));
  if (!checked.ok) return checked;
  const { id, count } = checked.value;
  const standing = standingOf(chain.streams, checked.value);
  if (standing.type === "refused") return refuse(standing.reason);
  if (standing.type === "new") return accept({ id, count });
  return accept({ id, count, executed: { height: standing.height, outcome: standing.outcome } });
}

function executeOne(
  chain: Chain,
  bytes: Uint8Array,
  block: Block,
  place: number,
): { outcome: BatchOutcome; applied: number } {
  const checked = checkBatch(chain, bytes, blockMillis(block.time));
  if (!checked.ok) return { outcome: { refused: checked.reason }, applied: 0 };
  const batch = checked.value;
  const standing = standingOf(chain.streams, batch);
  if (standing.type === "refused") return { outcome: { refused: standing.reason }, applied: 0 };
  if (standing.type === "repeat") return { outcome: standing.outcome, applied: 0 };
  const { height, time } = block;
  const { outcome, applied } = executeBatch(chain.ledger, batch, place, {
    height,
    time,
    signer: toHex(batch.publicKey),
    chainId: chain.genesis.chainId,
    accountFee: ACCOUNT_FEE,
  });
  // What is refused as a whole takes no sequence.
  if ("refused" in outcome) return { outcome, applied };
  const leaf = outcomeLeaf({ batch: sha256(bytes), outcome });
  take(chain.streams, batch, { height, leaf, outcome });
  return { outcome, applied };
}

/** What can be said of a batch without its stream: form, network, expiry, hash, signature. */
function checkBatch(chain: Chain, bytes: Uint8Array, nowMs: bigint): Result<Batch, string> {
  const parsed = parseBatch(bytes);
  if (!parsed.ok) return parsed;
  const batch = parsed.value;
  if (batch.chainId !== chain.genesis.chainId)
    return refuse("wrong_chain", `signed for ${batch.chainId}, this network is ${chain.genesis.chainId}`);
  if (BigInt(batch.expiryMs) < nowMs) return refuse("expired");
  // A result is kept until the batch's expiry, and memory is bounded by the id window.
  if (BigInt(batch.expiryMs) > nowMs + BigInt(ID_WINDOW_MS))
    return refuse("expiry_too_far", `at most ${ID_WINDOW_MS} ms after the block`);
  return verifyBatch(batch);
}

export const chainId = (chain: Chain): Hex => chain.genesis.chainId;
export const heightOf = (chain: Chain): number => chain.height;
export const lastBlockTimeOf = (chain: Chain): Nanos => chain.time;
export const validatorsOf = (chain: Chain): readonly ChainValidator[] => chain.validators;
export const checkpointOf = (chain: Chain): Checkpoint => chain.checkpoint;

/** Of the newest block, or of one of the last `HEADS_KEPT` heights. */
export const resultsHashOf = (chain: Chain, height: number = chain.height): Hex | undefined =>
  chain.heads.get(height)?.resultsHash;
export const headOf = (chain: Chain, height: number): Head | undefined => chain.heads.get(height);

export const accountOf = (chain: Chain, id: bigint): Readonly<Account> | undefined => accountOfLedger(chain.ledger, id);
export const accountsAfter = (chain: Chain, afterId: bigint, limit: number): readonly Readonly<Account>[] =>
  accountsOfLedgerAfter(chain.ledger, afterId, limit);
export const transferOf = (chain: Chain, id: bigint): AppliedTransfer | undefined =>
  transferOfHistory(chain.history, id);
export const journalAfter = (chain: Chain, position: number, limit: number): readonly JournalEntry[] =>
  journalOfHistoryAfter(chain.history, position, limit);
export const totalsOf = (chain: Chain) => totalsOfLedger(chain.ledger);
