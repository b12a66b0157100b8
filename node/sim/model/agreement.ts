import { present } from "../../base/assert.ts";
import type { Hex } from "../../base/bytes.ts";
import type { SealedBlock } from "../../codec/block.ts";
import { isQuorum } from "../../codec/certificate.ts";
import { type Evidence, offenceKey } from "../../codec/evidence.ts";
import type { Local } from "./locals.ts";
import { countedIn } from "./machine.ts";
import { epochsOf, isTwoThirds, type Network, weightsIn } from "./network.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** What the votes of one state add up to, by the checker's own count and by the rule that the nodes use. */
export type Standing = {
  /** Ballots for which the nodes' rule lets somebody make a certificate. */
  readonly certificates: readonly number[];
  /** A block that is final by that rule, and more than two thirds did not sign. */
  readonly hollow: string | undefined;
  /** Ballots that more than two thirds signed. */
  readonly signed: ReadonlySet<number>;
  /** Two blocks that both are final by the votes cast, and neither leads to the other. */
  readonly disagreement: string | undefined;
  /** Evidence in blocks that are final by the votes cast: only the liar did anything, and each offence counts once (rule 1). */
  readonly falseEvidence: string | undefined;
  /** The longest chain of final blocks, and the offences in its blocks. */
  readonly finalHeight: number;
  readonly offences: number;
};

/** Counts votes: of every honest validator what it ever signed, of the liar everything that anybody signed. */
export function createCounter(network: Network, vocabulary: Vocabulary): (locals: readonly Local[]) => Standing {
  const known = new Map<string, Standing>();
  const weightOf = (id: number, epoch: number): number =>
    present(weightsIn(network, epoch)[id], "every validator has a weight");
  const committees = new Map(epochsOf(network).map((epoch) => [epoch, countedIn(network, epoch)]));

  /** Whether `upper` is `lower` or has it among its ancestors. */
  const leadsTo = (lower: Hex, upper: Hex): boolean => {
    for (let at: Hex | undefined = upper; at !== undefined; at = vocabulary.parentOf(at)) if (at === lower) return true;
    return false;
  };

  const count = (locals: readonly Local[]): Standing => {
    const signers = new Map<number, number[]>();
    const lies = network.byzantine === undefined ? [] : [network.byzantine];
    locals.forEach(({ votes }, index) => {
      const id = present(network.honest[index], "a local state is of an honest validator");
      for (const ballot of votes) signers.set(ballot, [...(signers.get(ballot) ?? lies), id]);
    });
    const certificates: number[] = [];
    const signed = new Set<number>();
    let hollow: string | undefined;
    const final: Hex[] = [];
    for (const [id, by] of signers) {
      const ballot = present(vocabulary.ballots[id], "ballots are known");
      const { epoch } = ballot;
      const weight = by.reduce((sum, signer) => sum + weightOf(signer, epoch), 0);
      const enough = isTwoThirds(weightsIn(network, epoch), weight);
      if (enough) signed.add(id);
      if (isQuorum(present(committees.get(epoch), "an epoch has a committee"), by)) {
        certificates.push(id);
        if (!enough && ballot.kind === "finalize") hollow = vocabulary.nameOf(ballot.block);
      }
      if (enough && ballot.kind === "finalize") final.push(ballot.block);
    }
    const pair = final.flatMap((one, at) =>
      final.slice(at + 1).flatMap((other) => (leadsTo(one, other) || leadsTo(other, one) ? [] : [[one, other]])),
    )[0];
    const chains = final.map((top) => {
      const blocks: SealedBlock[] = [];
      for (let at = vocabulary.blockOf(top); at !== undefined; at = vocabulary.blockOf(at.parent)) blocks.push(at);
      return { height: blocks.length, evidence: blocks.flatMap(({ evidence }) => evidence) };
    });
    const disagreement = pair === undefined ? undefined : `${pair.map(vocabulary.nameOf).join(" and ")} are both final`;
    return {
      ...{ certificates: certificates.toSorted((a, b) => a - b), hollow, signed, disagreement },
      falseEvidence: chains
        .map(({ evidence }) => faultOfEvidence(network, evidence))
        .find((fault) => fault !== undefined),
      finalHeight: Math.max(0, ...chains.map(({ height }) => height)),
      offences: Math.max(0, ...chains.map(({ evidence }) => evidence.length)),
    };
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

function faultOfEvidence({ byzantine }: Network, evidence: readonly Evidence[]): string | undefined {
  if (new Set(evidence.map(offenceKey)).size < evidence.length) return "an offence counts twice";
  const wrong = evidence.find(({ validator }) => validator !== byzantine);
  return wrong === undefined ? undefined : `a final block accuses validator ${wrong.validator}`;
}

/** What is wrong with a state as a whole. */
export function faultOf(
  locals: readonly Local[],
  { disagreement, falseEvidence, hollow, signed }: Standing,
  tell: (ballot: number) => string,
): string | undefined {
  for (const { fault } of locals) if (fault !== undefined) return fault;
  if (disagreement !== undefined) return `agreement: ${disagreement}`;
  if (falseEvidence !== undefined) return `evidence: ${falseEvidence}`;
  if (hollow !== undefined) return `certificates: ${hollow} is final for the nodes, and no two thirds signed it`;
  const unproved = locals.flatMap(({ finals }) => finals).find((ballot) => !signed.has(ballot));
  if (unproved !== undefined)
    return `certificates: a node takes for final what no two thirds signed: ${tell(unproved)}`;
  return undefined;
}
