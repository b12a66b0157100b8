import type { GenesisFile } from "../api/contract.ts";
import { assert, present } from "../base/assert.ts";
import { type Hex, toHex } from "../base/bytes.ts";
import { accept, type Result, refuse } from "../base/result.ts";
import type { Nanos } from "../base/units.ts";
import { type Batch, batchId, headerIsSigned, parseBatch, verifyBatch } from "../codec/batch.ts";
import { sha256Hex } from "../codec/hash.ts";
import { hashBytes } from "../codec/parse.ts";
import type { Account } from "../ledger/account.ts";
import { accountsAfter as accountsOfLedgerAfter } from "../ledger/account-order.ts";
import { closeBlock, openBlock } from "../ledger/block.ts";
import type { JournalNote } from "../ledger/journal.ts";
import { blockMillis, ID_WINDOW_MS } from "../ledger/known-ids.ts";
import { accountOf as accountOfLedger, type Ledger } from "../ledger/ledger.ts";
import { totalsOf as totalsOfLedger } from "../ledger/totals.ts";
import { beginEpoch } from "./begin-epoch.ts";
import { beginState } from "./begin-state.ts";
import { type ChainState, subrootsOf } from "./chain-root.ts";
import { executeBatch } from "./execute-batch.ts";
import { convertFees } from "./execute-conversion.ts";
import { executeGovernance, isGovernanceBatch, isLedgerBatch } from "./execute-governance.ts";
import { type Genesis, parseGenesis } from "./genesis.ts";
import { type Governance, voteKeyIn } from "./governance.ts";
import { HEADS_IN_STATE, HEADS_KEPT, type Head, resultsHashAfter } from "./heads.ts";
import { type NextEpoch, nextEpoch } from "./next-epoch.ts";
import { countOffence, offenceFault as faultOf } from "./offences.ts";
import { outcomeLeaf } from "./outcome.ts";
import { type Parameters, type ParameterView, parameterViews, STATE_VERSION_MAX } from "./parameters.ts";
import { CHAIN_RULES, type ChainRules } from "./rules.ts";
import { releaseUnbonded } from "./stake.ts";
import { type StateRoot, type Subroot, stateRoot } from "./state-root.ts";
import { createStreams, expireStreams, type Streams, standingOf, take } from "./streams.ts";
import type { BatchOutcome, BlockOutcome, Epoch, ExecutableBlock, LaneTip, Member, ProvedOffence } from "./types.ts";
import type { Validator } from "./validator.ts";
import { countVotes, createCounts, withEpoch } from "./vote-counts.ts";

/** Accounts that change until a checkpoint comes before its time: 2²⁰ (consensus.md, "Node process"). */
const TOUCHED_MAX = 1 << 20;
/** An epoch closes only if its E is at least its 8th block (rule 5): by then the fate of the epoch before's votes is known. */
const CLOSING_BLOCKS_MIN = 8;

/** What a node takes from its clients and no block has executed, and more. */
const VERIFIED_MAX = 65_536;

export type Checkpoint = {
  readonly height: number;
  readonly time: Nanos;
  readonly stateRoot: Hex;
  readonly subroots: readonly Subroot[];
};

/** One network's state after its newest executed block. Read it through the functions of this file. */
export type Chain = ChainState & {
  readonly genesis: Genesis;
  readonly ledger: Ledger;
  readonly streams: Streams;
  readonly roots: StateRoot;
  readonly heads: Map<number, Head>;
  /** Ids of batches whose signature this node verified when it took them and that are not executed yet, oldest first. */
  readonly verified: Set<Hex>;
  /** The state version whose rules the release that executes here runs up to. */
  readonly stateVersionMax: number;
  readonly rules: ChainRules;
  /** What a boundary decides by a state: asked by proposer, voter and execution. */
  readonly boundaries: WeakMap<Governance, NextEpoch>;
  /** What the newest executed block noted, or the genesis; undefined where a snapshot was restored and nothing executed since. */
  journal: JournalNote | undefined;
  time: Nanos;
  /** Its root stands in the results hash of the next checkpoint block (rule 9). */
  checkpoint: Checkpoint;
};

/**
 * The chain at its genesis, height 0. `restored`: the parts of the state that a genesis with `restoredFrom` begins with. The
 * rest is for tests: what another release would run up to, a broken rule.
 */
export function createChain(
  file: GenesisFile,
  stateVersionMax = STATE_VERSION_MAX,
  rules = CHAIN_RULES,
  restored: Iterable<Uint8Array> | undefined = undefined,
): Result<Chain> {
  const parsed = parseGenesis(file);
  if (!parsed.ok) return parsed;
  const genesis = parsed.value;
  const begun = beginState(genesis, restored);
  if (!begun.ok) return begun;
  const { ledger, governance } = begun.value;
  const streams = createStreams();
  const resultsHash = sha256Hex(new TextEncoder().encode("hmn results 0"), hashBytes(genesis.chainId));
  const head: Head = { height: 0, executedHeight: 0, hash: genesis.chainId, resultsHash, governance };
  const chain: Chain = {
    genesis,
    ledger,
    streams,
    roots: stateRoot({ ledger, streams }),
    heads: new Map([[0, head]]),
    verified: new Set(),
    ...{ stateVersionMax, rules },
    boundaries: new WeakMap(),
    journal: closeBlock(ledger),
    governance,
    counts: [createCounts(1, 1, governance.epoch.members)],
    lanes: new Map(),
    height: 0,
    time: genesis.time,
    checkpoint: { height: 0, time: genesis.time, stateRoot: "", subroots: [] },
  };
  chain.roots.absorb();
  chain.checkpoint = fold(chain);
  return accept(chain);
}

/** Executes the next finalized block. A bad batch is a refused outcome inside it, never an error (rule 7). */
export function executeBlock(chain: Chain, block: ExecutableBlock): BlockOutcome {
  assert(block.height === chain.height + 1, "blocks are executed in order");
  assert(block.time > chain.time, "block time grows");
  assert(block.epoch === chain.governance.epoch.number, "a block is of the epoch under way");
  assert(versionFault(chain) === undefined, "this release runs the chain's state version");
  const { height, time } = block;
  if (height === 1) chain.governance = { ...chain.governance, epoch: { ...chain.governance.epoch, startTime: time } };
  beginBlock(chain, block);

  const outcomes: BatchOutcome[] = [];
  const leaves: Uint8Array[] = [];
  let applied = 0;
  for (const [place, bytes] of block.batches.entries()) {
    const executed = executeOne(chain, bytes, block, place);
    outcomes.push(executed.outcome);
    leaves.push(executed.leaf);
    applied += executed.applied;
  }
  if (block.tips.length > 0)
    chain.lanes = new Map([...chain.lanes, ...block.tips.map((tip) => [tip.validator, tip] as const)]);
  if (block.kind === "closing") closeEpoch(chain, block);
  const journal = closeBlock(chain.ledger);
  chain.journal = journal;
  chain.roots.absorb();
  return { height, outcomes, applied, journal, ...finishBlock(chain, block, chain.rules.resultsRoot(leaves)) };
}

/** What time and consensus bring about, before any batch. */
function beginBlock(chain: Chain, { height, time, view, votes, evidence }: ExecutableBlock): void {
  const { ledger } = chain;
  expireStreams(chain.streams, blockMillis(time));
  openBlock(ledger, { time });
  chain.governance = releaseUnbonded(chain.governance, { ledger, time });
  countVotes(chain.counts, { height, view, votes });
  for (const offence of evidence) {
    if (faultOf(chain.governance, offence) !== undefined) continue;
    chain.governance = countOffence(chain.governance, offence, { ledger, time });
  }
}

function closeEpoch(chain: Chain, block: ExecutableBlock): void {
  const { ledger, genesis, rules } = chain;
  const { height, time } = block;
  convertFees(ledger, { height, supplyCaps: genesis.supplyCaps });
  const next = boundaryAt(chain, block.executed.height);
  assert(next.hash === block.next, "a closing block names the next epoch");
  const minted = rules.mint(next.coherence, next.members, { ledger, ...genesis, height });
  chain.governance = beginEpoch(chain.governance, next, { height, time, minted });
  const { number, firstHeight, members } = chain.governance.epoch;
  chain.counts = withEpoch(chain.counts, createCounts(number, firstHeight, members));
}

/** Chains the results on and, where it is time for one, makes a checkpoint. */
function finishBlock(
  chain: Chain,
  { height, time, hash, executed }: ExecutableBlock,
  resultsRoot: Uint8Array,
): Pick<BlockOutcome, "resultsHash" | "stateRoot"> {
  const before = present(chain.heads.get(height - 1), "the block before has a head");
  const interval = parametersOf(chain).checkpointIntervalMs * 1_000_000n;
  const isCheckpoint = time >= chain.checkpoint.time + interval || chain.roots.touched() >= TOUCHED_MAX;
  const step = {
    resultsRoot: toHex(resultsRoot),
    ...(isCheckpoint ? { checkpointRoot: chain.checkpoint.stateRoot } : {}),
  };
  const resultsHash = resultsHashAfter(before.resultsHash, step);
  chain.height = height;
  chain.time = time;
  const { governance } = chain;
  chain.heads.set(height, { height, executedHeight: executed.height, hash, resultsHash, step, governance });
  chain.heads.delete(height - HEADS_KEPT);
  if (!isCheckpoint) return { resultsHash };
  // Folded at once; the root enters the next checkpoint's hash, so that it could be worked off in slices until then.
  chain.checkpoint = fold(chain);
  return { resultsHash, stateRoot: chain.checkpoint.stateRoot };
}

/** The root of the whole state as it is now. */
export function fold(chain: Chain): Checkpoint {
  const { height, time } = chain;
  const { root, subroots } = chain.roots.root({ height, time, others: subrootsOf(chain) });
  return { height, time, stateRoot: toHex(root), subroots };
}

/** What a node asks of a batch before it takes it from a client. `executed` is the stored result of a repeat. */
export function admitBatch(
  chain: Chain,
  bytes: Uint8Array,
  nowMs: number,
): Result<{ id: Hex; count: number; executed?: { height: number; outcome: BatchOutcome } }, string> {
  const checked = checkBatch(chain, bytes, BigInt(Math.trunc(nowMs)));
  if (!checked.ok) return checked;
  const verified = verifyBatch(checked.value);
  if (!verified.ok) return verified;
  const { id, count } = verified.value;
  rememberVerified(chain.verified, id);
  const standing = standingOf(chain.streams, checked.value);
  if (standing.type === "refused") return refuse(standing.reason);
  if (standing.type === "new") return accept({ id, count });
  return accept({ id, count, executed: { height: standing.height, outcome: standing.outcome } });
}

/** `leaf`: of the batch and its outcome in the block's results root. */
type Executed = { readonly outcome: BatchOutcome; readonly leaf: Uint8Array; readonly applied: number };

function executeOne(chain: Chain, bytes: Uint8Array, block: ExecutableBlock, place: number): Executed {
  const checked = checkBatch(chain, bytes, blockMillis(block.time));
  const told = (batch: Hex, outcome: BatchOutcome, applied = 0): Executed => {
    return { outcome, leaf: outcomeLeaf({ batch, outcome }), applied };
  };
  if (!checked.ok) return told(batchId(bytes), { refused: checked.reason });
  const batch = checked.value;
  const { id } = batch;
  if (!chain.verified.delete(id) && !headerIsSigned(batch)) return told(id, { refused: "signature_invalid" });
  const standing = chain.rules.standing(chain.streams, batch);
  if (standing.type === "refused") return told(id, { refused: standing.reason });
  if (standing.type === "repeat") return told(id, standing.outcome);
  const { outcome, applied } = executeNew(chain, batch, block, place);
  const executed = told(id, outcome, applied);
  // What is refused as a whole takes no sequence.
  if (!("refused" in outcome)) take(chain.streams, batch, { height: block.height, leaf: executed.leaf, outcome });
  return executed;
}

function executeNew(
  chain: Chain,
  batch: Batch,
  { height, time }: ExecutableBlock,
  place: number,
): { outcome: BatchOutcome; applied: number } {
  const { ledger, genesis } = chain;
  const { chainId, authority, supplyCaps } = genesis;
  const moment = { height, time, signer: toHex(batch.publicKey), chainId };
  if (isLedgerBatch(batch))
    return executeBatch(ledger, batch, place, { ...moment, accountFee: parametersOf(chain).accountFee });
  assert(isGovernanceBatch(batch), "a batch is of the ledger or of governance");
  // No further back than every node remembers, one that was restored from a snapshot included.
  const resultsHashAt = (at: number) => (at > chain.height - HEADS_IN_STATE ? resultsHashOf(chain, at) : undefined);
  const scene = { ...moment, ledger, authority, supplyCaps, resultsHashAt };
  const { governance, outcome } = executeGovernance(chain.governance, batch, scene);
  chain.governance = governance;
  return { outcome, applied: 0 };
}

/** What can be said of a batch without its stream, hash and signature: form, network, expiry. */
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
  return accept(batch);
}

/** The id names the header with its key and signature, so what was found of them holds for whoever brings the same id. */
function rememberVerified(verified: Set<Hex>, id: Hex): void {
  verified.add(id);
  if (verified.size <= VERIFIED_MAX) return;
  const [oldest] = verified;
  verified.delete(present(oldest, "a full set has an oldest id"));
}

export const chainId = (chain: Chain): Hex => chain.genesis.chainId;
export const heightOf = (chain: Chain): number => chain.height;
export const lastBlockTimeOf = (chain: Chain): Nanos => chain.time;
/** The members of the epoch of the next block. */
export const validatorsOf = (chain: Chain): readonly Member[] => chain.governance.epoch.members;
export const checkpointOf = (chain: Chain): Checkpoint => chain.checkpoint;

/** Of the newest block, or of one of the last `HEADS_KEPT` heights. */
export const resultsHashOf = (chain: Chain, height: number = chain.height): Hex | undefined =>
  chain.heads.get(height)?.resultsHash;
export const headOf = (chain: Chain, height: number): Head | undefined => chain.heads.get(height);

/** The epoch of the next block. */
export const epochOf = (chain: Chain): Epoch => chain.governance.epoch;
export const authoritySerialOf = (chain: Chain): bigint => chain.governance.serial;
/** What the network's parameters are for the next block. */
export const parametersOf = (chain: Chain): Parameters => chain.governance.parameters.values;
/** The same with bounds and with what waits for a boundary. */
export const parameterViewsOf = (chain: Chain): readonly ParameterView[] => parameterViews(chain.governance.parameters);
/** Everyone who is or was a validator, by id: bond, weight, jail, keys, requests. */
export const validatorStates = (chain: Chain): ReadonlyMap<number, Validator> => chain.governance.validators;

/**
 * Whether a block of the current epoch with this E and this time has to be the closing one, and what it names then
 * (rule 5). E has to be executed here: callers wait for it first (rule 6).
 */
export function closingAt(
  chain: Chain,
  { executedHeight, time }: { readonly executedHeight: number; readonly time: Nanos },
): { readonly next: Hex } | undefined {
  const { startTime, lengthNs, firstHeight } = chain.governance.epoch;
  if (executedHeight < firstHeight + CLOSING_BLOCKS_MIN - 1 || time < startTime + lengthNs) return undefined;
  return { next: boundaryAt(chain, executedHeight).hash };
}

/** Exactly the state after E counts; what came later counts at the next boundary (rule 6). */
function boundaryAt({ heads, boundaries, counts, rules }: Chain, executedHeight: number): NextEpoch {
  const { governance } = present(heads.get(executedHeight), "E is executed and its state is kept");
  const next = boundaries.get(governance) ?? nextEpoch(governance, counts, rules);
  boundaries.set(governance, next);
  return next;
}

/** Why a block cannot carry this evidence, if it cannot: counted already, no member then, nothing left to slash. */
export const offenceFault = (chain: Chain, offence: ProvedOffence): string | undefined =>
  faultOf(chain.governance, offence);
/** The key that a validator voted with in an epoch; undefined for a stranger and for what is too long ago. */
export const voteKeyAt = (chain: Chain, at: { readonly validator: number; readonly epoch: number }): Hex | undefined =>
  voteKeyIn(chain.governance, at);
/** Committed positions of the lanes, by validator. The map is never changed: later blocks make a new one. */
export const lanePositions = (chain: Chain): ReadonlyMap<number, LaneTip> => chain.lanes;

/** What to tell the operator when this release cannot run the rules that the network has raised itself to. */
export function versionFault(chain: Chain): string | undefined {
  const version = parametersOf(chain).stateVersion;
  if (version <= chain.stateVersionMax) return undefined;
  return `the network runs state version ${version}; this release runs up to ${chain.stateVersionMax}: install a newer one`;
}

export const accountOf = (chain: Chain, id: bigint): Readonly<Account> | undefined => accountOfLedger(chain.ledger, id);
export const accountsAfter = (chain: Chain, afterId: bigint, limit: number): readonly Readonly<Account>[] =>
  accountsOfLedgerAfter(chain.ledger, afterId, limit);
/** The journal note of the newest executed block, or of the genesis; undefined right after a snapshot was restored. */
export const newestJournal = (chain: Chain): JournalNote | undefined => chain.journal;
/** Position of the newest executed block's last journal entry. */
export const journalEnd = (chain: Chain): number => chain.ledger.journal.count;
export const totalsOf = (chain: Chain) => totalsOfLedger(chain.ledger);
