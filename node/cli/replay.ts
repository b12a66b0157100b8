import { assert, present } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import {
  type Chain,
  checkpointOf,
  closingAt,
  createChain,
  epochOf,
  executeBlock,
  heightOf,
  lanePositions,
  lastBlockTimeOf,
  resultsHashOf,
  versionFault,
} from "../chain/chain.ts";
import type { EpochProof } from "../chain/proof.ts";
import { trustOfGenesis } from "../chain/proof-trust.ts";
import { importChain } from "../chain/snapshot.ts";
import type { BatchOutcome } from "../chain/types.ts";
import { ZERO_HASH } from "../codec/block.ts";
import { type BlockRecord, verifyRecord } from "../codec/block-record.ts";
import { type Car, isBeyond } from "../codec/car.ts";
import { type Committee, committeeOf } from "../codec/certificate.ts";
import type { Payload } from "../codec/payload.ts";
import { verify } from "../codec/signature.ts";
import { executable, payloadOf } from "../node-execute.ts";
import { openSnapshot } from "../node-snapshot.ts";
import { headFault, newestOf, proveEpoch, type SnapshotHead } from "../node-snapshot-head.ts";
import { type Snapshot, snapshotPath } from "../storage/snapshot-files.ts";
import { bodyFault } from "./block-body.ts";
import { baseHeight, type Folder, lastHeight, oldestUsable, readCars, readRecord } from "./folder.ts";
import { FolderFault, type Place } from "./folder-fault.ts";

/** A folder that is executed again, block by block, from its oldest state on. Nothing in it is believed. */
export type Replay = {
  readonly folder: Folder;
  readonly chain: Chain;
  /** The height that it began with; 0 is genesis. */
  readonly from: number;
  readonly firstEpoch: number;
  /** Why the beginning cannot be proved from genesis, if it cannot. */
  readonly unproved: string | undefined;
  readonly last: number;
  /** The set of each epoch met, oldest first, each proved by the closing block before it. */
  readonly epochs: EpochProof[];
  readonly committees: Map<number, Committee>;
  /** The newest blocks, oldest first: those that votes are carried for, at least. */
  recent: readonly BlockRecord[];
  /** Highest E that a final block names, whose results are therefore a quorum's. */
  certified: number;
};

/** One block, executed. */
export type Replayed = {
  readonly record: BlockRecord;
  readonly executed: readonly { readonly batch: Hex; readonly outcome: BatchOutcome }[];
  /** Of the batches, in the same order. */
  readonly batches: readonly Uint8Array[];
  readonly applied: number;
  /** Set where the block is a checkpoint. */
  readonly stateRoot: Hex | undefined;
};

/** The sets up to that of the final block's epoch: a closing block that comes later proves nothing more. */
export const epochsUpTo = ({ epochs }: Replay, { record }: Replayed) =>
  epochs.filter(({ header: { epoch } }) => epoch < record.block.epoch);

const RECENT_MAX = 16;

/** The snapshots from which the blocks lead on without a gap, oldest first; before them `undefined` if that is so of genesis. */
export function beginnings(folder: Folder): readonly (Snapshot | undefined)[] {
  const base = baseHeight(folder);
  const usable = folder.snapshots.filter(({ height }) => height >= base);
  return base === 0 ? [undefined, ...usable] : [oldestUsable(folder), ...usable.slice(1)];
}

/** At the oldest of the beginnings, or at this one. */
export function beginReplay(folder: Folder, snapshot = beginnings(folder)[0]): Replay {
  const { members } = trustIn(folder);
  const committees = new Map([[1, committeeOf(members)]]);
  const shared = { folder, last: lastHeight(folder), committees };
  if (snapshot === undefined)
    return {
      ...shared,
      chain: genesisChain(folder),
      from: 0,
      firstEpoch: 1,
      unproved: undefined,
      epochs: [],
      recent: [],
      certified: 0,
    };
  const { chain, head } = readSnapshot(folder, snapshot);
  for (const { header, members } of head.epochs) committees.set(header.epoch + 1, committeeOf(members));
  return {
    ...{ ...shared, chain, from: snapshot.height, firstEpoch: epochOf(chain).number },
    unproved: snapshotDoubt(folder, head),
    ...{ epochs: [...head.epochs], recent: head.records, certified: newestOf(head).block.executed.height },
  };
}

function trustIn({ genesis }: Folder) {
  const first = trustOfGenesis(genesis);
  assert(first.ok, "the folder was opened with a good genesis");
  return first.value;
}

function genesisChain({ genesis, restored, path }: Folder): Chain {
  const created = createChain(genesis, undefined, undefined, restored);
  if (created.ok) return created.value;
  throw new FolderFault(
    `${path} does not hold what its genesis begins with: ${created.detail ?? created.reason}`,
    "wrongFolder",
  );
}

const snapshotDoubt = (folder: Folder, head: SnapshotHead): string | undefined =>
  headFault(head, { ...trustIn(folder), anchor: undefined, verify });

const snapshotPlace = ({ path }: Folder, { height }: Snapshot): Pick<Place, "path" | "offset"> => ({
  path: snapshotPath(path, height),
  offset: 0,
});

/** The state of a snapshot; its roots are computed from what it holds. */
function readSnapshot(folder: Folder, snapshot: Snapshot): { readonly head: SnapshotHead; readonly chain: Chain } {
  const { genesis } = folder;
  const wrong = (why: string): FolderFault =>
    new FolderFault(`the snapshot of height ${snapshot.height}: ${why}`, "changed", snapshotPlace(folder, snapshot));
  const opened = openSnapshot({ config: { genesis, snapshots: { importChain } } }, snapshot.parts);
  if (!opened.ok) throw wrong(opened.detail ?? opened.reason);
  const { head, chain } = opened.value;
  const { hash, height } = newestOf(head).block;
  if (height !== snapshot.height || hash !== snapshot.blockHash) throw wrong("it is of another block than it says");
  const inState = chain.heads.get(height)?.hash;
  if (inState !== hash) throw wrong("its state is of another block");
  return opened.value;
}

/** Executes block after block; the first wrong thing is thrown. */
export function* replay(run: Replay): Generator<Replayed> {
  checkSnapshot(run);
  while (heightOf(run.chain) < run.last) {
    yield replayNext(run);
    checkSnapshot(run);
  }
}

function replayNext(run: Replay): Replayed {
  const { folder, chain } = run;
  const height = heightOf(chain) + 1;
  const { record, place } = readRecord(folder, height);
  const { block } = record;
  const payload = payloadOf(block);
  checkPlace(run, record, place);
  checkFinality(run, record, place);
  checkExecuted(run, record, place);
  const carried = bodyFault(block, run);
  if (carried !== undefined) throw new FolderFault(`block ${height}: ${carried}`, "changed", place);
  checkLanes(chain, payload, { height, place });
  const cars = readCars(folder, payload, { height, place });
  const executing = executable(block, payload, cars);
  const { outcomes, applied, stateRoot } = executeBlock(chain, executing);
  run.recent = [...run.recent, record].slice(-RECENT_MAX);
  if (block.kind === "closing") {
    run.epochs.push(proveEpoch(record, chain));
    const { number, members } = epochOf(chain);
    run.committees.set(number, committeeOf(members));
  }
  return { record, applied, stateRoot, executed: executedOf(cars, outcomes), batches: executing.batches };
}

const executedOf = (cars: readonly Car[], outcomes: readonly BatchOutcome[]): Replayed["executed"] =>
  cars
    .flatMap(({ ids }) => ids)
    .map((batch, index) => ({ batch, outcome: present(outcomes[index], "every batch has an outcome") }));

/** Whether it stands where its header says: behind the block before it, in its epoch, later. */
function checkPlace({ chain, folder }: Replay, { block }: BlockRecord, place: Place): void {
  const height = heightOf(chain) + 1;
  const wrong = (why: string): FolderFault => new FolderFault(`block ${height}: ${why}`, "changed", place);
  const parent = chain.heads.get(height - 1)?.hash ?? folder.chainId;
  if (block.height !== height) throw wrong(`it says that it is block ${block.height}`);
  if (height === 1 && block.parent !== parent)
    throw new FolderFault(`block 1 is of network ${block.parent}, the genesis of ${parent}`, "wrongFolder", place);
  if (block.parent !== parent) throw wrong(`its parent is ${block.parent}, the block before it is ${parent}`);
  if (block.kind === "tail") throw wrong("it is a tail block, and these are never final by themselves");
  if (block.time <= lastBlockTimeOf(chain)) throw wrong("it is not later than the block before it");
  const { number } = epochOf(chain);
  if (block.epoch !== number) throw wrong(`it is of epoch ${block.epoch}, and ${number} is under way`);
  const unable = versionFault(chain);
  if (unable !== undefined) throw new FolderFault(`block ${height}: ${unable}`, "wrongFolder", place);
}

function checkFinality({ folder, committees }: Replay, record: BlockRecord, place: Place): void {
  const { epoch, height } = record.block;
  const committee = present(committees.get(epoch), "the set of an epoch under way is known");
  const verified = verifyRecord(record, { chainId: folder.chainId, committee, verify });
  if (verified.ok) return;
  const why = {
    "not-a-quorum": "its signers are not more than two thirds of the weight",
    "wrong-signature": "a signature is wrong",
    "not-linked": "it is of a block that does not descend from this one",
  }[verified.reason];
  throw new FolderFault(`certificate of block ${height}: ${why}`, "changed", place);
}

/** A final block names results of before: a quorum's. What executing the log gives has to be the same (rules 6 and 9). */
function checkExecuted(run: Replay, { block }: BlockRecord, place: Place): void {
  const { chain } = run;
  const { height, executed, kind, next, time } = block;
  const own = resultsHashOf(chain, executed.height);
  if (own === undefined || executed.height < run.certified)
    throw new FolderFault(`block ${height} names results of height ${executed.height}: out of reach`, "changed", place);
  if (own !== executed.resultsHash) {
    const both = `block ${height} is final with results ${executed.resultsHash} of height ${executed.height}, executing gives ${own}`;
    throw new FolderFault(`${both}: state root or results differ`, "results", place);
  }
  run.certified = executed.height;
  const due = closingAt(chain, { executedHeight: executed.height, time });
  if ((kind === "closing") !== (due !== undefined) || next !== (due?.next ?? ZERO_HASH))
    throw new FolderFault(`block ${height} ends its epoch otherwise than the state says`, "results", place);
}

/** Each tip goes on where its lane stands. What certificates of availability a block carries is hearsay: digests prove the cars. */
function checkLanes(chain: Chain, { tips }: Payload, { height, place }: { height: number; place: Place }): void {
  for (const tip of tips) {
    const before = lanePositions(chain).get(tip.validator);
    const from = before?.incarnation === tip.incarnation ? before.number : 0;
    if (isBeyond(tip, before) && tip.number - tip.cars === from) continue;
    throw new FolderFault(`block ${height}: lane ${tip.validator} skips or repeats cars`, "changed", place);
  }
}

/** A snapshot of the height that was reached has to hold the state that execution has come to. */
function checkSnapshot({ folder, chain, from }: Replay): void {
  const height = heightOf(chain);
  const snapshot = folder.snapshots.find((one) => one.height === height);
  if (snapshot === undefined || height === from) return;
  const other = readSnapshot(folder, snapshot).chain;
  const roots = [chain, other].map((one) => `${checkpointOf(one).stateRoot} ${resultsHashOf(one)}`);
  if (checkpointOf(chain).height === height && roots[0] === roots[1]) return;
  const at = snapshotPlace(folder, snapshot);
  throw new FolderFault(`the snapshot of height ${height} holds another state than executing gives`, "changed", at);
}
