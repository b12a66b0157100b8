import { describe, expect, it } from "vitest";
import { type Random, seededRandom } from "../base/random.ts";
import { nanos } from "../base/units.ts";
import { type SealedBlock, sealBlock } from "../codec/block.ts";
import { type Ballot, ballotMessage, proposalMessage } from "../codec/vote.ts";
import { notarizeBallot } from "./attendance.ts";
import type { ConsensusMessage } from "./message.ts";
import { assertAgreement, assertHonestVotes } from "./test-checks.ts";
import { chainId, signAs } from "./test-keys.ts";
import { createNetwork, heal, runFor, runUntil, start, stop } from "./test-network.ts";
import { type Letter, nodeOf, type TestNetwork } from "./test-node.ts";

const LIAR = 3;
const honest = [0, 1, 2];
const SEEDS = 10;

const voteFor = (ballot: Ballot): ConsensusMessage => ({
  type: "vote",
  vote: { ballot, signer: LIAR, signature: signAs(LIAR, ballotMessage(chainId, ballot)) },
});

/** The liar's machine is honest inside; what leaves it is bent, differently for each peer. */
function bend(random: Random, { from, to, message }: Letter): readonly Letter[] {
  const letters = (...messages: readonly ConsensusMessage[]): readonly Letter[] =>
    messages.map((bent) => ({ from, to, message: bent }));
  if (from !== LIAR || random.oneIn(3)) return letters(message);
  if (random.oneIn(6)) return [];
  if (message.type === "proposal") {
    const block = otherBlock(random, message.block);
    const signature = signAs(
      LIAR,
      proposalMessage(chainId, { epoch: block.epoch, view: block.view, block: block.hash }),
    );
    const other = { ...message, block, signature };
    const votes = [voteFor(notarizeBallot(message.block)), voteFor(notarizeBallot(block))];
    return random.oneIn(4) ? letters(message, other, ...votes) : letters(other, ...votes);
  }
  if (message.type !== "vote") return letters(message);
  const { ballot } = message.vote;
  const { epoch, view } = ballot;
  if (ballot.kind === "nullify")
    return letters(message, voteFor({ kind: "finalize", epoch, view, block: chainId, height: 1 }));
  return letters(message, voteFor({ kind: "nullify", epoch, view }), voteFor({ ...ballot, block: chainId }));
}

/** Another block for the same view, with something in it that it may not have, or that is merely different. */
function otherBlock(random: Random, block: SealedBlock): SealedBlock {
  const { votes, executed } = block;
  return sealBlock(
    random.pick([
      { ...block, time: nanos(block.time + 1n) },
      { ...block, executed: { ...executed, resultsHash: chainId } },
      { ...block, votes: votes.map((vote) => ({ ...vote, signature: new Uint8Array(64) })) },
      { ...block, votes: [] },
      { ...block, kind: "closing" as const, next: chainId },
      { ...block, kind: "normal" as const },
      { ...block, kind: "tail" as const, height: block.height - 1, payload: new Uint8Array([1]) },
    ]),
  );
}

function storm(network: TestNetwork, random: Random): void {
  network.bends = (letter) => bend(random, letter);
  network.loses = () => random.oneIn(15);
  network.delays = () => random.oneIn(5);
  for (let round = 0; round < 25; round++) {
    runFor(network, 1 + random.below(200));
    for (const { pool } of network.nodes.values()) if (random.oneIn(3)) pool.push(`line ${round}`);
    if (!random.oneIn(4)) continue;
    const id = random.pick(honest);
    stop(network, id);
    runFor(network, random.below(200));
    start(network, id);
  }
  network.loses = () => false;
  network.delays = () => false;
  heal(network);
}

describe("one of four lies", () => {
  it.each(Array.from({ length: SEEDS }, (_, seed) => seed + 1))(
    "seed %i: the others agree, go on, and prove it",
    (seed) => {
      const network = createNetwork({
        members: () => ({ 0: 10, 1: 10, 2: 10, 3: 10 }),
        epochMs: 400,
        compactEveryBlocks: 5,
      });
      storm(network, seededRandom(BigInt(seed)));
      const height = Math.max(...honest.map((id) => nodeOf(network, id).log.length));
      runUntil(network, () => honest.every((id) => nodeOf(network, id).log.length > height + 10));
      const proved = nodeOf(network, 0).log.flatMap(({ block }) => block.evidence);
      expect(proved.length).toBeGreaterThan(0);
      for (const { validator } of proved) expect(validator).toBe(LIAR);
      const keys = proved.map(({ epoch, view, kind }) => `${epoch} ${view} ${kind}`);
      expect(new Set(keys).size).toBe(keys.length);
      expect(honest.flatMap((id) => nodeOf(network, id).safety)).not.toContain("fork");
      assertHonestVotes(network);
      assertAgreement(network);
    },
  );
});
