import { nanos } from "../../base/units.ts";
import { type SealedBlock, sealBlock } from "../../codec/block.ts";
import { leaderList, leaderOf } from "../../consensus/leaders.ts";
import { committeeIn, GENESIS_TIME_NS } from "./machine.ts";
import type { Network } from "./network.ts";

/** Blocks that a lying leader makes on one parent: they differ in their time. */
const LIES_PER_PARENT = [1n, 2n];

/** The blocks that the liar can make on a parent (undefined: genesis) in every view that it leads, as valid as can be. */
export function liarsBlocks(network: Network, parent: SealedBlock | undefined): readonly SealedBlock[] {
  const { byzantine, chainId, views, resultsHash } = network;
  if (byzantine === undefined) return [];
  const leaders = leaderList(committeeIn(network));
  const below = parent ?? { hash: chainId, height: 0, view: 0, time: GENESIS_TIME_NS, executed: { height: 0 } };
  const { height } = below.executed;
  const made: SealedBlock[] = [];
  for (let view = below.view + 1; view <= views; view++) {
    if (leaderOf(leaders, view) !== byzantine) continue;
    for (const lie of LIES_PER_PARENT) {
      const time = nanos(below.time + lie);
      const place = { epoch: 1, view, height: below.height + 1, parent: below.hash, proposer: byzantine, time };
      made.push(sealBlock({ ...place, executed: { height, resultsHash: resultsHash(height) }, batches: [] }));
    }
  }
  return made;
}
