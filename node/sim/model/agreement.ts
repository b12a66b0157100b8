import { present } from "../../base/assert.ts";
import type { Hex } from "../../base/bytes.ts";
import type { Local } from "./locals.ts";
import { isTwoThirds, type Network } from "./network.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** What the votes of one state add up to, by the checker's own count and by the rule that the nodes use. */
export type Standing = {
  /** Ballots for which the nodes' rule lets somebody make a certificate. */
  readonly certificates: readonly number[];
  /** A block that is final by that rule, and more than two thirds did not sign. */
  readonly hollow: string | undefined;
  /** Two blocks that both are final by the votes cast, and neither leads to the other. */
  readonly disagreement: string | undefined;
};

/** Counts votes: of every honest validator what it ever signed, of the liar everything that anybody signed. */
export function createCounter(network: Network, vocabulary: Vocabulary): (locals: readonly Local[]) => Standing {
  const known = new Map<string, Standing>();
  const weightOf = (id: number): number => present(network.weights[id], "every validator has a weight");
  const lies = network.byzantine === undefined ? 0 : weightOf(network.byzantine);
  const total = network.weights.reduce((sum, weight) => sum + weight, 0);

  /** Whether `upper` is `lower` or has it among its ancestors. */
  const leadsTo = (lower: Hex, upper: Hex): boolean => {
    for (let at: Hex | undefined = upper; at !== undefined; at = vocabulary.parentOf(at)) if (at === lower) return true;
    return false;
  };

  const count = (locals: readonly Local[]): Standing => {
    const weights = new Map<number, { weight: number; heads: number }>();
    locals.forEach(({ votes }, index) => {
      const weight = weightOf(present(network.honest[index], "a local state is of an honest validator"));
      for (const ballot of votes) {
        const before = weights.get(ballot) ?? { weight: lies, heads: lies === 0 ? 0 : 1 };
        weights.set(ballot, { weight: before.weight + weight, heads: before.heads + 1 });
      }
    });
    const certificates: number[] = [];
    let hollow: string | undefined;
    const final: Hex[] = [];
    for (const [id, { weight, heads }] of weights) {
      const ballot = present(vocabulary.ballots[id], "ballots are known");
      const enough = isTwoThirds(network.weights, weight);
      if (network.rules.quorum({ weight, heads, totalWeight: total, totalHeads: network.weights.length })) {
        certificates.push(id);
        if (!enough && ballot.kind === "finalize") hollow = vocabulary.nameOf(ballot.block);
      }
      if (enough && ballot.kind === "finalize") final.push(ballot.block);
    }
    const pair = final.flatMap((one, at) =>
      final.slice(at + 1).flatMap((other) => (leadsTo(one, other) || leadsTo(other, one) ? [] : [[one, other]])),
    )[0];
    const disagreement = pair === undefined ? undefined : `${pair.map(vocabulary.nameOf).join(" and ")} are both final`;
    return { certificates: certificates.toSorted((a, b) => a - b), hollow, disagreement };
  };

  return (locals) => {
    const key = locals.map(({ votesId }) => votesId).join();
    const before = known.get(key);
    if (before !== undefined) return before;
    const standing = count(locals);
    known.set(key, standing);
    return standing;
  };
}

/** What is wrong with a state as a whole. */
export function faultOf(locals: readonly Local[], { disagreement, hollow }: Standing): string | undefined {
  for (const { fault } of locals) if (fault !== undefined) return fault;
  if (disagreement !== undefined) return `agreement: ${disagreement}`;
  return hollow === undefined
    ? undefined
    : `certificates: ${hollow} is final for the nodes, and no two thirds signed it`;
}
