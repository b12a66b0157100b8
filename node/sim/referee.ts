import { present, unreachable } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import { type Chain, epochOf, headOf, validatorStates } from "../chain/chain.ts";
import { parseJournal } from "../consensus/journal.ts";
import { chainOf } from "../node.ts";
import type { NodeEvent, PersistEffect } from "../ports.ts";
import { createCoherenceChecker } from "./check-coherence.ts";
import { createFinalityChecker, type FinalityChecker, type MembersAt } from "./check-finality.ts";
import { createLanesChecker } from "./check-lanes.ts";
import { checkLedger, type History } from "./check-ledger.ts";
import { createReportsChecker } from "./check-reports.ts";
import { createVotesChecker } from "./check-votes.ts";
import type { FaultCounts } from "./faults.ts";
import type { Host } from "./host.ts";
import { jailedIn } from "./orders.ts";
import { EPOCH_LENGTH_NS, type Scenario } from "./scenario.ts";
import { check } from "./violation.ts";

/** All that is checked of consensus and ledger while hosts run: told of what they do, silent unless it must never be. */
export type Referee = {
  readonly finality: FinalityChecker;
  onSent(host: Host, frame: Uint8Array): void;
  onDurable(host: Host, write: Extract<PersistEffect, { type: "persist" }>): void;
  onRestart(host: Host, resultsHash: string): void;
  onAdopted(host: Host, height: number): void;
  onWiped(host: Host): void;
  onReport(host: Host, event: NodeEvent): void;
  /** A node is told how its mesh compared with a peer's. */
  onExchange(host: Host, peer: number, equal: boolean): void;
  /** Everything has come right: is it? */
  atEnd(honest: readonly Host[], history: History): void;
};

export function createReferee({
  scenario,
  setting,
  faults,
}: {
  readonly scenario: Scenario;
  readonly setting: { readonly chainId: Hex; readonly genesisResultsHash: Hex };
  readonly faults: FaultCounts;
}): Referee {
  const { byzantine } = scenario;
  const votes = createVotesChecker({ byzantine });
  const lanes = createLanesChecker();
  const finality = createFinalityChecker({
    ...setting,
    epochLengthNs: EPOCH_LENGTH_NS,
    mayHaveNullified: votes.mayHaveNullified,
  });
  const coherence = createCoherenceChecker({ chain: finality.chain, byzantine });
  const reports = createReportsChecker({
    ...{ byzantine, chain: finality.chain, batchesOf: lanes.batchesOf, membersOf: finality.membersOf },
  });
  let newestEpoch = 1;
  const isHonest = ({ id }: Host): boolean => id !== byzantine;

  /** The set of a height's epoch, as this node's chain has it. */
  function membersAt(host: Host): MembersAt {
    const chain = chainOf(present(host.node, "a node that writes runs"));
    return (height) => {
      const head = present(headOf(chain, height - 1), "a written block is executed");
      return head.governance.epoch.members;
    };
  }

  function onJournaled(bytes: Uint8Array): void {
    const record = parseJournal(bytes);
    if (!record.ok || record.value.type !== "block") return;
    lanes.onVoted(record.value.block);
    finality.onVoted(record.value.block);
  }

  function onEpoch(node: number, chain: Chain): void {
    coherence.onEpoch(node, chain);
    const { number } = epochOf(chain);
    if (number > newestEpoch) reports.onEpoch(chain);
    newestEpoch = Math.max(newestEpoch, number);
  }

  return {
    finality,
    onSent: (host, frame) => {
      if (!isHonest(host)) return;
      votes.onSent(host.id, frame, host.disk.votes);
      lanes.onSent(host.id, frame, host.disk);
    },
    onDurable: (host, write) => {
      // Of a liar's log only the cars count: others fetch them.
      if (write.stream === "log" && (isHonest(host) || write.entry.kind === "car"))
        lanes.onLogged(host.id, write.entry, host.disk);
      if (!isHonest(host)) return;
      if (write.stream === "votes") {
        votes.onJournaled(host.id, write.record);
        onJournaled(write.record);
      } else if (write.entry.kind === "block") {
        finality.onRecord(host.id, write.entry.bytes, membersAt(host));
      }
    },
    onRestart: (host, resultsHash) => {
      for (const entry of host.disk.log) if (entry.kind === "car") lanes.onLogged(host.id, entry, host.disk);
      reports.onRestart(host.id);
      if (!isHonest(host)) return;
      for (const record of host.disk.votes) {
        votes.onJournaled(host.id, record);
        onJournaled(record);
      }
      finality.onRestart(host.id, host.disk, resultsHash, membersAt(host));
    },
    onAdopted: (host, height) => isHonest(host) && finality.onAdopted(host.id, height),
    onWiped: (host) => votes.onJournalLost(host.id),
    onReport: (host, event) => {
      if (!isHonest(host)) return;
      switch (event.type) {
        case "block-executed":
          finality.onExecuted(host.id, event.height, event.hash);
          return;
        case "safety": {
          const where = `node ${host.id}: ${event.detail}`;
          check(event.kind !== "fork", "no fork", () => where);
          // Only a liar may be accused, and only a liar may name wrong results.
          const blames = event.kind === "equivocation" ? event.detail.startsWith(`validator ${byzantine}:`) : true;
          check(byzantine !== undefined && blames, "no false accusation", () => where);
          return;
        }
        case "epoch-began":
          faults["epoch closed"] += 1;
          onEpoch(host.id, chainOf(present(host.node, "a node that reports runs")));
          return;
        case "view-entered":
        case "frame-dropped":
        case "anchored":
          return;
        default:
          unreachable(event);
      }
    },
    onExchange: (host, peer, equal) => {
      const { number } = epochOf(chainOf(present(host.node, "a mesh runs beside its node")));
      reports.onExchange(host.id, peer, equal, number);
    },
    atEnd: (honest, history) => {
      for (const host of honest) {
        const chain = chainOf(present(host.node, "all are up at the end"));
        const expired = checkLedger(host, chain, { blocks: finality.chain(), idsOf: lanes.idsOf, history });
        faults["pending expired"] = Math.max(faults["pending expired"], expired);
        coherence.atEnd(host);
      }
      faults.mint += coherence.mints();
      faults["mesh agreement proved"] += reports.proved();
      faults["view nullified"] += finality.skippedViews();
      faults["tail block"] += lanes.tails();
      faults["vote regained"] += votes.regained();
      const chain = chainOf(present(honest[0]?.node, "all are up at the end"));
      const states = validatorStates(chain);
      faults["validator jailed"] += jailedIn(chain);
      faults["liar slashed"] += states.get(byzantine ?? -1)?.offences.length ?? 0;
    },
  };
}
