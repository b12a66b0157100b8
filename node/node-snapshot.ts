import type { GenesisFile } from "./api/contract.ts";
import type { Hex } from "./base/bytes.ts";
import { accept, type Result, refuse } from "./base/result.ts";
import { type Chain, checkpointOf, epochOf, heightOf, lanePositions, parametersOf } from "./chain/chain.ts";
import { epochHash } from "./chain/governance.ts";
import type { BlockRecord } from "./codec/block-record.ts";
import { type Car, isBeyond } from "./codec/car.ts";
import type { PeerMessage } from "./codec/peer-message.ts";
import { claimedSet, encodeHead, headFault, newestOf, parseHead, type SnapshotHead } from "./node-snapshot-head.ts";
import { afterBlock, type Newest, standAt } from "./node-stand.ts";
import type { Node, Step } from "./node-state.ts";
import { refuseWaiting } from "./node-waiting.ts";
import { giveUp, isAwaitedPart, takePart, wantSnapshot } from "./sync/snapshot-sync.ts";

/** How the chain's state leaves memory and comes back. */
export type Snapshots = {
  /** Slices of the chain as it is now, each at most `SNAPSHOT_PART_BYTES_MAX`; they stay those of this block while later ones are executed. */
  readonly exportChain: (chain: Chain) => () => Uint8Array | undefined;
  readonly importChain: (genesis: GenesisFile, parts: Iterable<Uint8Array>, stateVersionMax?: number) => Result<Chain>;
  /** A part of the snapshot of this height on disk, or of the newest (height 0); `last`: no part follows. */
  readonly readPart: (
    height: number,
    part: number,
  ) => { readonly height: number; readonly bytes: Uint8Array; readonly last: boolean } | undefined;
};

/** When a snapshot is due: at the first checkpoint after so much of the log. */
export type SnapshotPolicy = { readonly everyBlocks: number; readonly everyBytes: number };

export type SnapshotKeeper = {
  /** Log since the newest snapshot began. */
  blocks: number;
  bytes: number;
  /** For the head of a snapshot. */
  newest: Newest;
  writing: number | undefined;
  /** The newest whole one. */
  written: number;
  /** A peer's snapshot that is written down as it comes. Once it is `whole`, and durable, this node begins anew with it. */
  fetched: { readonly height: number; readonly blockHash: Hex; readonly whole: boolean } | undefined;
  /** Why the last one could not be begun from; that alone proves nothing, a peer may lie: the next one is asked. */
  refused: string | undefined;
  /** A final block contradicted a state that a peer gave, or what this release made of it. */
  refuted: boolean;
};

export const createSnapshotKeeper = (written: number, newest: Newest): SnapshotKeeper => ({
  ...{ blocks: 0, bytes: 0, newest, writing: undefined, written, fetched: undefined },
  ...{ refused: undefined, refuted: false },
});

/** After each executed block: at a checkpoint behind enough log a snapshot begins. */
export function noteExecuted(
  node: Node,
  { effects }: Step,
  { record, bytes, cars }: { record: BlockRecord; bytes: Uint8Array; cars: readonly Car[] },
): void {
  const { snapshotKeeper: keeper, config, chain } = node;
  keeper.newest = afterBlock(keeper.newest, record, chain);
  keeper.blocks += 1;
  keeper.bytes += cars.reduce((sum, car) => sum + car.bytes.length, bytes.length);
  const { snapshots, snapshotPolicy: policy } = config;
  if (snapshots === undefined || policy === undefined || node.unproved) return;
  if (keeper.writing !== undefined || isFetching(node)) return;
  // This release could not read it back.
  if (node.halted !== undefined) return;
  const height = heightOf(chain);
  if (checkpointOf(chain).height !== height) return;
  if (keeper.blocks < policy.everyBlocks && keeper.bytes < policy.everyBytes) return;
  keeper.blocks = 0;
  keeper.bytes = 0;
  keeper.writing = height;
  keeper.fetched = undefined;
  const [oldest = record, ...others] = keeper.newest.recent;
  const head = encodeHead({ own: true, epochs: keeper.newest.epochs, records: [oldest, ...others] });
  const slices = snapshots.exportChain(chain);
  let first = true;
  const next = (): Uint8Array | undefined => {
    if (!first) return slices();
    first = false;
    return head;
  };
  effects.push({ type: "snapshot", height, blockHash: record.block.hash, next });
}

/** Whether a peer's snapshot is on its way to disk, and was not given up. */
const isFetching = ({ snapshotKeeper: { fetched }, snapshotSync }: Node): boolean =>
  fetched !== undefined && (fetched.whole || snapshotSync.download !== undefined);

/** A snapshot is durable: what only an older one needs may go, or, if it is a peer's, this node begins anew with it. */
export function onSnapshotWritten(node: Node, step: Step, height: number): void {
  const { snapshotKeeper: keeper } = node;
  if (keeper.fetched?.whole === true && keeper.fetched.height === height) {
    // While it was written the missing blocks came from a peer that has them: there is no way back.
    if (height <= heightOf(node.chain)) {
      keeper.fetched = undefined;
      keeper.written = height;
      return;
    }
    beginFrom(node, step, height);
    return;
  }
  if (keeper.writing !== height) return;
  keeper.writing = undefined;
  const before = keeper.written;
  keeper.written = height;
  // The last two snapshots and at least one epoch stay, for whoever is behind.
  const belowHeight = Math.min(before, epochOf(node.chain).firstHeight);
  if (belowHeight > 1) step.effects.push({ type: "release", belowHeight, keepCars: uncommittedCars(node) });
}

function uncommittedCars(node: Node): readonly Hex[] {
  const executed = lanePositions(node.chain);
  const keep: Hex[] = [];
  for (const { validator, tracks } of node.lanes.lanes.values()) {
    for (const { cars } of tracks) {
      for (const car of cars.values()) if (isBeyond(car, executed.get(validator))) keep.push(car.digest);
    }
  }
  return [...keep, ...node.lanes.fetched.keys()];
}

/** The part that a peer asks for, or that there is none. */
export function snapshotPart({ config }: Node, { height, part }: { height: number; part: number }): PeerMessage {
  const found = config.snapshots?.readPart(height, part);
  return found === undefined
    ? { type: "snapshot-part", height: 0, part, last: true, bytes: NOTHING }
    : { type: "snapshot-part", height: found.height, part, last: found.last, bytes: found.bytes };
}
const NOTHING = new Uint8Array(0);

/** A part of a peer's snapshot. The first one proves what block it is of, or nothing more is asked for. */
export function onSnapshotPart(
  node: Node,
  { turn, effects }: Step,
  peer: number,
  message: Extract<PeerMessage, { type: "snapshot-part" }>,
): string | undefined {
  const { snapshotSync: sync, snapshotKeeper: keeper } = node;
  const part = { ...message, peer };
  if (!isAwaitedPart(sync, part)) return undefined;
  const useless = (reason: string): string => {
    giveUp(sync, turn.nowMs);
    return `snapshot: ${reason}`;
  };
  if (message.height <= heightOf(node.chain)) return useless("none that is further on");
  if (keeper.writing !== undefined) return useless("one at a time, and an own one is being written");
  let { bytes } = message;
  let blockHash = keeper.fetched?.blockHash ?? "";
  if (message.part === 0) {
    const head = parseHead(bytes);
    if (!head.ok) return useless(head.detail ?? head.reason);
    const fault = trustFault(node, head.value, message.height);
    if (fault !== undefined) return useless(fault);
    // It is kept as a stranger's until a final block confirms it.
    bytes = encodeHead({ ...head.value, own: false });
    blockHash = newestOf(head.value).block.hash;
  }
  if (!takePart(sync, part, turn.nowMs)) return "snapshot: larger than any honest state";
  const { height, part: index, last } = message;
  keeper.fetched = { height, blockHash, whole: last };
  effects.push({ type: "snapshot-part", height, blockHash, part: index, last, bytes });
  return undefined;
}

/** What this node knows of sets: its own epoch's, and what the operator anchored. */
function trustFault(node: Node, head: SnapshotHead, height: number): string | undefined {
  if (newestOf(head).block.height !== height) return "its head is of another block";
  const { chainId, crypto } = node.consensus.config;
  const { number, members, setHash } = epochOf(node.chain);
  return headFault(head, { chainId, epoch: number, setHash, members, anchor: node.trust, verify: crypto.verify });
}

/** The chain of a snapshot, with the place in it that consensus starts from. */
export function openSnapshot(
  {
    config,
  }: {
    readonly config: Pick<Node["config"], "genesis" | "stateVersionMax"> & {
      readonly snapshots?: Pick<Snapshots, "importChain">;
    };
  },
  parts: Iterable<Uint8Array>,
): Result<{ head: SnapshotHead; chain: Chain }> {
  const iterator = parts[Symbol.iterator]();
  const first = iterator.next();
  const head = parseHead(first.done === true ? NOTHING : first.value);
  if (!head.ok) return head;
  if (config.snapshots === undefined) return refuse("no-snapshots", "this node cannot read snapshots");
  const rest: Iterable<Uint8Array> = { [Symbol.iterator]: () => iterator };
  const chain = config.snapshots.importChain(config.genesis, rest, config.stateVersionMax);
  if (!chain.ok)
    return head.value.own || chain.reason === "state_version_unknown" ? chain : refuse(PEERS_LIE, chain.detail);
  const fault = stateFault(head.value, chain.value, config.genesis);
  if (fault !== undefined) return refuse(head.value.own ? "snapshot-damaged" : PEERS_LIE, fault);
  return accept({ head: head.value, chain: chain.value });
}

/** The refusal of a state that came from a peer and is not what its head proves: without it this node is as it was. */
export const PEERS_LIE = "snapshot-of-a-peer";

/** Why the state of a snapshot is not that of its head, if so. */
function stateFault(head: SnapshotHead, chain: Chain, genesis: GenesisFile): string | undefined {
  if (heightOf(chain) !== newestOf(head).block.height) return "its state is of another height than its head";
  // What comes next is believed by this set's votes: a peer's word for it would be enough to lead this node anywhere.
  const { number, members } = epochOf(chain);
  const claimed = claimedSet(head, genesis);
  const setHash = epochHash({ number, members, parameters: parametersOf(chain) });
  if (claimed?.epoch === number && claimed.setHash === setHash) return undefined;
  return "its state is of another validator set than its head";
}

/**
 * A final block names the results of this height as this node has them. The root of a peer's checkpoint stands in the
 * results hash of the next one (rule 9): from there on its state is a quorum's.
 */
export function confirmState(node: Node, height: number): void {
  if (
    node.unproved &&
    height >= checkpointOf(node.chain).height &&
    checkpointOf(node.chain).height > node.snapshotKeeper.written
  )
    node.unproved = false;
}

/** A final block contradicts the state that came from a peer: the next peer's snapshot replaces it. */
export function refuteState({ snapshotSync, snapshotKeeper }: Node): void {
  snapshotKeeper.refuted = true;
  wantSnapshot(snapshotSync);
}

/** The node goes on from a peer's state: consensus, lanes and execution stand where it stands. */
function beginFrom(node: Node, { turn, effects }: Step, height: number): void {
  const { snapshotKeeper: keeper } = node;
  keeper.fetched = undefined;
  const opened = openSnapshot(node, storedParts(node, height));
  if (!opened.ok) {
    effects.push({ type: "drop-snapshot", height });
    keeper.refused = opened.detail ?? opened.reason;
    effects.push({ type: "report", event: { type: "frame-dropped", peer: node.config.self, reason: opened.reason } });
    giveUp(node.snapshotSync, turn.nowMs);
    node.snapshotSync.wanted = true;
    return;
  }
  const { head, chain } = opened.value;
  keeper.refused = undefined;
  keeper.newest = { recent: head.records, epochs: head.epochs };
  keeper.written = heightOf(chain);
  node.unproved = true;
  // Blocks that it passes over may have executed what waits, and what its lane held is gone: a node that has them knows.
  refuseWaiting(node.waiting, effects, "catching_up");
  standAt(node, { chain, ...keeper.newest }, turn.nowMs);
}

/** The parts of a snapshot on disk, one at a time. */
function* storedParts({ config }: Node, height: number): Generator<Uint8Array> {
  for (let part = 0; ; part++) {
    const found = config.snapshots?.readPart(height, part);
    if (found === undefined) return;
    yield found.bytes;
    if (found.last) return;
  }
}
