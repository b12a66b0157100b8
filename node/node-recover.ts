import { present } from "./base/assert.ts";
import { toHex } from "./base/bytes.ts";
import { nanos } from "./base/units.ts";
import { type Chain, chainId, createChain, executeBlock, lastBlockTimeOf, validatorsOf } from "./chain/chain.ts";
import { type BlockRecord, isLinked, parseRecord, verifyRecord } from "./codec/block-record.ts";
import { committeeOf } from "./codec/certificate.ts";
import { sign, verify } from "./codec/signature.ts";
import { encodeJournal } from "./consensus/journal.ts";
import { restore } from "./consensus/restore.ts";
import type { Internals } from "./consensus/rules.ts";
import { type ConsensusConfig, createState, type Tip, tipOf } from "./consensus/state.ts";
import { createPool } from "./node-pool.ts";
import type { Node, NodeConfig } from "./node-state.ts";
import { turnOf } from "./node-turn.ts";
import type { NodeEffect, Recovered, StepContext } from "./ports.ts";
import { createCatchUp } from "./sync/catch-up.ts";

/** Epochs change with a later issue; votes name theirs already. */
const FIRST_EPOCH = 1;

/** The node as its log leaves it: every final block executed again, every own vote remembered. */
export function recover(
  config: NodeConfig,
  recovered: Recovered,
  context: StepContext,
  { rules, compactEveryBlocks }: Internals,
): { node: Node; effects: NodeEffect[] } {
  const created = createChain(config.genesis);
  if (!created.ok) throw new Error(`the genesis is refused: ${created.detail ?? created.reason}`);
  const chain = created.value;
  const key = toHex(config.keyPair.publicKey);
  const member = validatorsOf(chain).some(({ id, publicKey }) => id === config.self && publicKey === key);
  const consensusConfig: ConsensusConfig = {
    self: member ? config.self : undefined,
    chainId: chainId(chain),
    epoch: FIRST_EPOCH,
    committee: committeeOf(validatorsOf(chain), rules.quorum),
    timing: config.timing,
    rules,
    compactEveryBlocks,
    crypto: { sign: (message) => sign(message, config.keyPair.secretKey), verify },
  };
  const genesisTip: Tip = {
    hash: chainId(chain),
    height: 0,
    view: 0,
    time: nanos(lastBlockTimeOf(chain)),
    executed: { height: 0 },
  };
  if (recovered.snapshot !== undefined)
    throw new Error("the data folder holds a snapshot, which this release cannot read");
  const { tip, last } = replay(chain, recovered.blocks, genesisTip);
  if (last !== undefined && !verifyRecord(last, { ...consensusConfig, verify }).ok) {
    throw new Error(`the certificate of height ${last.block.height} in the log is not this network's`);
  }
  const noVote = voteLost(recovered, { member, hasBlocks: tip.height > 0 });
  const consensus = createState(consensusConfig, {
    tip,
    ...(last === undefined ? {} : { finality: last.certificate }),
    voting: noVote === "",
    nowMs: 0,
  });
  const node: Node = {
    config,
    chain,
    consensus,
    catchUp: createCatchUp(),
    pool: createPool(),
    waiting: new Map(),
    waitingCount: 0,
    stopping: false,
    noVote,
    clock: { nowMs: 0, wallMs: context.nowMs },
    timers: new Map(),
    lastBlockAtMs: 0,
    safety: { fork: 0, resultsMismatch: 0, equivocation: 0 },
  };
  const effects: NodeEffect[] = [];
  if (noVote === "") {
    const restored = restore(consensus, turnOf(node, context), recovered.votes);
    if (!restored.ok) throw new Error(`the vote journal is refused: ${restored.detail ?? restored.reason}`);
    if (recovered.votes.length === 0) {
      const record = encodeJournal({ type: "opened", chainId: consensusConfig.chainId, validator: config.self });
      effects.push({ type: "persist", stream: "votes", record });
    }
  }
  return { node, effects };
}

/** Rule 3: a node that may have voted and can't say how never votes. It writes no journal, so that this stays so. */
function voteLost(
  { votes, votesIntact }: Recovered,
  { member, hasBlocks }: { member: boolean; hasBlocks: boolean },
): string {
  if (!member) return "its key is not in the validator set: it follows without a vote";
  const journalMissing = votes.length === 0 && hasBlocks;
  if (votesIntact && !journalMissing) return "";
  return "its vote journal is missing or damaged: it follows without voting until its key is replaced";
}

function replay(chain: Chain, records: Iterable<Uint8Array>, genesis: Tip): { tip: Tip; last?: BlockRecord } {
  let tip = genesis;
  let last: BlockRecord | undefined;
  for (const bytes of records) {
    const record = parseRecord(bytes);
    const height = tip.height + 1;
    if (!record.ok) throw new Error(`block ${height} in the log is damaged: ${record.detail ?? record.reason}`);
    const { block } = record.value;
    if (block.height !== height || block.parent !== tip.hash || !isLinked(record.value)) {
      throw new Error(`block ${height} in the log does not follow the one before`);
    }
    executeBlock(chain, block);
    tip = tipOf(block);
    last = record.value;
  }
  return last === undefined ? { tip } : { tip, last: present(last, "a record was read") };
}
