import { describe, expect, it } from "vitest";
import { assertAgreement, assertHonestVotes } from "./test-checks.ts";
import { createNetwork, runFor, runUntil } from "./test-network.ts";
import { blocksOf, nodeOf, type TestNetwork } from "./test-node.ts";

const FOUR = { 0: 10, 1: 10, 2: 10, 3: 10 };

/** Of each carried vote by this signer, whether it dissents. */
const carriedBy = (network: TestNetwork, signer: number): boolean[] =>
  blocksOf(network, 0).flatMap(({ votes }) =>
    votes.filter((vote) => vote.signer === signer).map(({ executedHash }) => executedHash !== undefined),
  );

describe("execution behind the order (rule 6)", () => {
  it("a node with other results dissents, says so, and is outvoted", () => {
    const network = createNetwork({ members: () => FOUR });
    nodeOf(network, 3).wrongFrom = 5;
    runUntil(network, () => nodeOf(network, 0).log.length > 15);
    expect(nodeOf(network, 3).safety).toContain("results-mismatch");
    const dissents = carriedBy(network, 3);
    expect(dissents.slice(0, 4)).toEqual([false, false, false, false]);
    expect(dissents.at(-1)).toBe(true);
    expect(carriedBy(network, 1).every((dissent) => !dissent)).toBe(true);
    for (const { block } of nodeOf(network, 0).log) {
      expect(block.executed.resultsHash).toBe(nodeOf(network, 0).results[block.executed.height]);
    }
    assertHonestVotes(network);
    assertAgreement(network);
  });

  it("where no results have a quorum, nothing that names them becomes final", () => {
    const network = createNetwork({ members: () => FOUR });
    for (const id of [2, 3]) nodeOf(network, id).wrongFrom = 5;
    runUntil(network, () => nodeOf(network, 0).log.length >= 5);
    runFor(network, 5000);
    const named = blocksOf(network, 0).map(({ executed }) => executed.height);
    expect(Math.max(...named)).toBeLessThan(5);
    assertHonestVotes(network);
    assertAgreement(network);
  });

  it("a voter that is behind with executing waits, and votes once it has caught up", () => {
    const network = createNetwork({ members: () => FOUR });
    const slow = nodeOf(network, 2);
    slow.executes = 3;
    runUntil(network, () => nodeOf(network, 0).log.length > 10);
    expect(slow.log.length).toBeGreaterThan(8);
    const late = (): boolean =>
      slow.sent.some(
        (message) =>
          message.type === "vote" &&
          message.vote.ballot.kind === "notarize" &&
          message.vote.ballot.executed.height > slow.results.length - 1,
      );
    expect(late()).toBe(false);
    const sent = slow.sent.length;
    slow.executes = Number.POSITIVE_INFINITY;
    const height = nodeOf(network, 0).log.length;
    runUntil(network, () => nodeOf(network, 0).log.length > height + 5);
    const kinds = slow.sent
      .slice(sent)
      .flatMap((message) => (message.type === "vote" ? [message.vote.ballot.kind] : []));
    expect(kinds).toContain("notarize");
    expect(late()).toBe(false);
    assertAgreement(network);
  });
});
