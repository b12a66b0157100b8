import { EPOCH_PROOFS_MAX, isObserver } from "./api/contract.ts";
import { toHex } from "./base/bytes.ts";
import { nanos } from "./base/units.ts";
import {
  type Chain,
  chainId,
  epochOf,
  heightOf,
  lanePositions,
  lastBlockTimeOf,
  parametersOf,
  versionFault,
} from "./chain/chain.ts";
import type { EpochProof } from "./chain/proof.ts";
import { CARRIED_DEPTH_MAX } from "./codec/block.ts";
import type { BlockRecord } from "./codec/block-record.ts";
import { type Committee, committeeOf, type QuorumRule } from "./codec/certificate.ts";
import { sign, verify } from "./codec/signature.ts";
import {
  type ConsensusConfig,
  type ConsensusState,
  createState,
  type EpochStart,
  type PreviousEpoch,
  type Tip,
  tipOf,
} from "./consensus/state.ts";
import { createLanes, type Lanes, type LanesEpoch } from "./lanes/state.ts";
import { watchEpoch } from "./node-observe.ts";
import { proveEpoch } from "./node-snapshot-head.ts";
import type { Node, NodeConfig } from "./node-state.ts";

/** What a node keeps of its newest final blocks, oldest first: as many as votes are carried for, and the proofs of epochs' sets. */
export type Newest = { readonly recent: readonly BlockRecord[]; readonly epochs: readonly EpochProof[] };

/** A chain with its newest blocks. */
export type Standing = Newest & { readonly chain: Chain; readonly previous?: PreviousEpoch };

/** The same once the chain has executed one block more. */
export const afterBlock = ({ recent, epochs }: Newest, record: BlockRecord, chain: Chain): Newest => ({
  recent: [...recent, record].slice(-CARRIED_DEPTH_MAX),
  epochs: record.block.kind === "closing" ? [...epochs, proveEpoch(record, chain)].slice(-EPOCH_PROOFS_MAX) : epochs,
});

/** The epoch of the next block, as consensus knows it: a member is who has the id and the key, and can run its rules; never an observer. */
export function epochStart(chain: Chain, { self, keyPair }: NodeConfig, quorum: QuorumRule): EpochStart {
  const { number, members } = epochOf(chain);
  const key = toHex(keyPair.publicKey);
  const member =
    !isObserver(self) &&
    versionFault(chain) === undefined &&
    members.some(({ id, publicKey }) => id === self && publicKey === key);
  const emptyBlockMs = Number(parametersOf(chain).emptyBlockMs);
  return { epoch: number, committee: committeeOf(members, quorum), self: member ? self : undefined, emptyBlockMs };
}

/** Consensus as a follower behind the newest executed block. */
export function consensusAt(
  config: NodeConfig,
  consensus: ConsensusConfig,
  { chain, recent, previous }: Standing,
  nowMs: number,
): ConsensusState {
  const start = epochStart(chain, config, consensus.rules.quorum);
  const last = recent.at(-1);
  const finality = last?.certificate.ballot.epoch === start.epoch ? last.certificate : undefined;
  return createState(consensus, {
    ...start,
    ...(previous === undefined ? {} : { previous }),
    tip: last === undefined ? genesisTip(chain) : tipOf(last.block),
    ...(finality === undefined ? {} : { finality }),
    recent: recent.map(({ block }) => block),
    nowMs,
  });
}

const genesisTip = (chain: Chain): Tip => ({
  hash: chainId(chain),
  epoch: 1,
  view: 0,
  kind: "normal",
  height: 0,
  time: nanos(lastBlockTimeOf(chain)),
  executed: { height: 0 },
});

/** The lanes behind what the chain has executed of them, empty. */
export function lanesAt(config: NodeConfig, chain: Chain, committee: Committee, nowMs: number): Lanes {
  return createLanes(
    {
      self: config.self,
      chainId: chainId(chain),
      pace: config.lanes,
      sign: (message) => sign(message, config.keyPair.secretKey),
      verify,
      readCar: config.blocks.readCar,
    },
    lanesEpoch(chain, committee),
    { ordered: lanePositions(chain).values(), nowMs },
  );
}

export const lanesEpoch = (chain: Chain, committee: Committee): LanesEpoch => ({
  committee,
  blockBatchBytesMax: Number(parametersOf(chain).blockBatchBytes),
});

/** Moves the whole node to another state of the chain, ahead of its own. Its lane begins anew, and its vote by rule 3. */
export function standAt(node: Node, standing: Standing, nowMs: number): void {
  const { consensus } = node;
  node.chain = standing.chain;
  node.consensus = consensusAt(node.config, consensus.config, standing, nowMs);
  node.consensus.forked = consensus.forked;
  node.lanes = lanesAt(node.config, standing.chain, node.consensus.committee, nowMs);
  node.unexecuted.length = 0;
  node.orderedHeight = heightOf(standing.chain);
  node.duties.seenHeight = -1;
  watchEpoch(node);
}
