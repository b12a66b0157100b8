import {
  type Chain,
  createChain,
  epochOf,
  executeBlock,
  heightOf,
  chainId as idOf,
  newestJournal,
  versionFault,
} from "./chain/chain.ts";
import type { ChainRules } from "./chain/rules.ts";
import { type BlockRecord, isLinked, parseRecord, verifyRecord } from "./codec/block-record.ts";
import { type Committee, committeeOf, type QuorumRule } from "./codec/certificate.ts";
import { sign, verify } from "./codec/signature.ts";
import { restore } from "./consensus/restore.ts";
import type { Internals } from "./consensus/rules.ts";
import { type ConsensusConfig, mayHaveLost } from "./consensus/state.ts";
import { gatherCars } from "./lanes/lanes.ts";
import { abandonIncarnation } from "./lanes/own-lane.ts";
import { recoverLanes } from "./lanes/recover.ts";
import { createDuties } from "./node-duties.ts";
import { contradicts, executable, executed, payloadOf } from "./node-execute.ts";
import { createObservation, watchEpoch } from "./node-observe.ts";
import { createResults } from "./node-results.ts";
import { createSnapshotKeeper, openSnapshot, PEERS_LIE } from "./node-snapshot.ts";
import { afterBlock, consensusAt, lanesAt, type Standing } from "./node-stand.ts";
import type { Node, NodeConfig } from "./node-state.ts";
import { stepOf } from "./node-turn.ts";
import { createWaiting } from "./node-waiting.ts";
import type { NodeEffect, Recovered, StepContext } from "./ports.ts";
import { createCatchUp } from "./sync/catch-up.ts";
import { createServing, OBSERVERS_SHARE } from "./sync/serving.ts";
import { createSnapshotSync } from "./sync/snapshot-sync.ts";

/** For the simulator: production leaves the chain's rules as they are. */
export type NodeInternals = Internals & { readonly chainRules?: ChainRules };

/** The node as its log leaves it: the newest snapshot, every final block behind it executed again, every own vote remembered. */
export function recover(
  config: NodeConfig,
  recovered: Recovered,
  context: StepContext,
  { rules, compactEveryBlocks, chainRules }: NodeInternals,
): { node: Node; effects: NodeEffect[] } {
  const start = startOf(config, recovered, chainRules);
  const consensusConfig: ConsensusConfig = {
    validator: config.self,
    chainId: idOf(start.chain),
    timing: config.timing,
    rules,
    compactEveryBlocks,
    crypto: { sign: (message) => sign(message, config.keyPair.secretKey), verify },
  };
  const effects: NodeEffect[] = [];
  const genesis = newestJournal(start.chain);
  if (genesis !== undefined) effects.push(executed(heightOf(start.chain), genesis));
  const { standing, whole } = replay({ config, start, records: recovered.blocks, quorum: rules.quorum, effects });
  checkNewest(standing, consensusConfig);
  const consensus = consensusAt(config, consensusConfig, standing, 0);
  const { chain } = standing;
  const snapshotKeeper = createSnapshotKeeper(recovered.snapshot?.height ?? 0, standing);
  const node: Node = {
    ...{ config, chain, consensus, snapshotKeeper },
    lanes: lanesAt(config, chain, consensus.committee, 0),
    catchUp: createCatchUp(),
    snapshotSync: createSnapshotSync(),
    serving: createServing(),
    observersServing: createServing(OBSERVERS_SHARE),
    duties: createDuties(),
    results: createResults(),
    observation: createObservation(),
    connected: new Set(),
    trust: config.trust,
    unexecuted: [],
    orderedHeight: heightOf(chain),
    waiting: createWaiting(),
    stopping: false,
    halted: versionFault(chain),
    unproved: !start.own,
    clock: { nowMs: 0, wallMs: context.nowMs },
    timers: new Map(),
    lastBlockAtMs: 0,
    safety: { fork: 0, resultsMismatch: 0, equivocation: 0 },
  };
  watchEpoch(node);
  recoverLanes(node.lanes, recovered.cars);
  const { turn } = stepOf(node, context, effects);
  const fresh = heightOf(chain) === 0 && recovered.cars.length === 0;
  const intact = recovered.votesIntact && whole;
  const restored = restore(consensus, turn, { records: recovered.votes, intact, fresh });
  if (!restored.ok)
    throw new DamagedData("votes", `the vote journal is refused: ${restored.detail ?? restored.reason}`);
  // A volume that lost its journal, now or once, may have lost the own lane's end with it: cars that peers gave back since then
  // do not say what an earlier life said after them (rule 8).
  if (mayHaveLost(consensus)) abandonIncarnation(node.lanes);
  for (const action of turn.out) {
    if (action.type === "journal") effects.push({ type: "persist", stream: "votes", record: action.record });
  }
  return { node, effects };
}

/** What is on the volume cannot be gone on from, by whatever release wrote it. */
export class DamagedData extends Error {
  readonly what: "data" | "votes";
  constructor(what: DamagedData["what"], message: string) {
    super(message);
    this.what = what;
  }
}

/** This data folder was written by a later release under rules that this one does not know. */
export class ReleaseTooOld extends Error {}

/** A peer's snapshot became durable, and the process ended before it was looked at and removed. */
export class PeerSnapshotRefused extends Error {
  readonly height: number;
  constructor(message: string, height: number) {
    super(message);
    this.height = height;
  }
}

type Start = Standing & { readonly own: boolean };

function startOf(config: NodeConfig, { snapshot }: Recovered, chainRules: ChainRules | undefined): Start {
  if (snapshot === undefined) {
    const created = createChain(config.genesis, config.stateVersionMax, chainRules, config.restored);
    if (!created.ok) throw new Error(`the genesis is refused: ${created.detail ?? created.reason}`);
    return { chain: created.value, recent: [], epochs: [], own: true };
  }
  const opened = openSnapshot({ config }, snapshot.parts);
  if (!opened.ok) {
    const why = `the snapshot is refused: ${opened.detail ?? opened.reason}`;
    if (opened.reason === PEERS_LIE) throw new PeerSnapshotRefused(why, snapshot.height);
    throw opened.reason === "state_version_unknown" ? new ReleaseTooOld(why) : new DamagedData("data", why);
  }
  const { chain, head } = opened.value;
  return { chain, recent: head.records, epochs: head.epochs, own: head.own };
}

/**
 * Executes the log's blocks again. Where a car of one is missing, one contradicts a peer's state, or this release does not know
 * the rules any more, it stops there, and the rest comes from the peers again; `whole` is false then, as the vote journal may
 * have left out what those blocks made needless. What execution notes goes out again: notes are never synced.
 */
function replay({
  config,
  start,
  records,
  quorum,
  effects,
}: {
  config: NodeConfig;
  start: Start;
  records: Iterable<Uint8Array>;
  quorum: QuorumRule;
  effects: NodeEffect[];
}): { standing: Standing; whole: boolean } {
  const { chain } = start;
  let standing: Standing = start;
  const committee = (): Committee => committeeOf(epochOf(chain).members, quorum);
  const lanes = lanesAt(config, chain, committee(), 0);
  for (const bytes of records) {
    if (versionFault(chain) !== undefined) return { standing, whole: false };
    const record = readRecord(chain, standing.recent.at(-1), bytes);
    const { block } = record;
    const payload = payloadOf(block);
    const cars = gatherCars(lanes, payload);
    if (cars === undefined || (!start.own && contradicts(chain, block))) return { standing, whole: false };
    const ending = { epoch: block.epoch, committee: committee(), finality: record.certificate };
    effects.push(executed(block.height, executeBlock(chain, executable(block, payload, cars)).journal));
    standing = { ...standing, ...afterBlock(standing, record, chain) };
    if (block.kind === "closing") standing = { ...standing, previous: ending };
  }
  return { standing, whole: true };
}

function readRecord(chain: Chain, last: BlockRecord | undefined, bytes: Uint8Array): BlockRecord {
  const height = heightOf(chain) + 1;
  const record = parseRecord(bytes);
  if (!record.ok)
    throw new DamagedData("data", `block ${height} in the log is damaged: ${record.detail ?? record.reason}`);
  const { block } = record.value;
  const parent = last?.block.hash ?? idOf(chain);
  if (block.height !== height || block.parent !== parent || !isLinked(record.value))
    throw new DamagedData("data", `block ${height} in the log does not follow the one before`);
  return record.value;
}

/** A log of another network, or one that somebody made up, is seen by its newest certificate. */
function checkNewest({ chain, recent, previous }: Standing, { chainId, rules }: ConsensusConfig): void {
  const last = recent.at(-1);
  if (last === undefined) return;
  const { epoch } = last.block;
  const committee = epoch === previous?.epoch ? previous.committee : committeeOf(epochOf(chain).members, rules.quorum);
  if (epoch !== previous?.epoch && epoch !== epochOf(chain).number) return;
  if (!verifyRecord(last, { chainId, committee, verify }).ok)
    throw new Error(`the certificate of height ${last.block.height} in the log is not this network's`);
}
