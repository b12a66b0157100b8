import { equalBytes, toHex } from "../base/bytes.ts";
import { parsePeerMessage } from "../codec/peer-message.ts";
import { encodeVote, type Vote } from "../codec/vote.ts";
import { encodeJournal, parseJournal } from "../consensus/journal.ts";
import { check } from "./violation.ts";

/** What honest nodes say: nothing that rule 1 calls evidence, nothing that is not durable before, nothing without a vote. */
export type VotesChecker = {
  /** An honest node sends a frame; `journal` is what its disk surely holds. */
  onSent(node: number, frame: Uint8Array, journal: readonly Uint8Array[]): void;
  /** A record of an honest node's journal became durable. */
  onJournaled(node: number, record: Uint8Array): void;
  /** Whether the honest nullify votes of a view, with whatever the liar adds, weigh more than two thirds. */
  mayHaveNullified(view: number): boolean;
  /** From now on the node may not vote: its journal is gone. */
  onJournalLost(node: number): void;
};

export function createVotesChecker({
  validators,
  byzantine,
}: {
  validators: readonly { readonly id: number; readonly weight: number }[];
  byzantine: number | undefined;
}): VotesChecker {
  const nullifiers = new Map<number, Set<number>>();
  const said = new Map<string, string>();
  const durable = new Set<string>();
  const silent = new Set<number>();

  const contradicts = (node: number, { ballot }: Vote): string | undefined => {
    const key = (kind: string): string => `${node} ${ballot.view} ${kind}`;
    const words = ballot.kind === "nullify" ? "" : ballot.block;
    const before = said.get(key(ballot.kind));
    said.set(key(ballot.kind), words);
    if (before !== undefined && before !== words) return `two ${ballot.kind} votes in view ${ballot.view}`;
    const both = said.has(key("finalize")) && said.has(key("nullify"));
    return both ? `finalize and nullify in view ${ballot.view}` : undefined;
  };

  return {
    onSent: (node, frame, journal) => {
      const message = parsePeerMessage(frame);
      check(message.ok, "honest frames", () => `node ${node} sends a frame that nobody can read`);
      if (message.value.type !== "vote" || message.value.vote.signer !== node) return;
      const { vote } = message.value;
      check(!silent.has(node), "amnesia", () => `node ${node} lost its journal and votes in view ${vote.ballot.view}`);
      const contradiction = contradicts(node, vote);
      check(contradiction === undefined, "honest votes", () => `node ${node}: ${contradiction}`);
      const key = toHex(encodeVote(vote));
      if (durable.has(key)) return;
      durable.add(key);
      const record = encodeJournal({ type: "vote", vote });
      const held = journal.findLast((bytes) => equalBytes(bytes, record)) !== undefined;
      check(
        held,
        "durable before sent",
        () => `node ${node} sends a ${vote.ballot.kind} vote that a crash would forget`,
      );
    },
    onJournaled: (node, bytes) => {
      const record = parseJournal(bytes);
      check(record.ok, "journal", () => `node ${node} writes a record that it cannot read`);
      if (record.value.type !== "vote" || record.value.vote.ballot.kind !== "nullify") return;
      const { view } = record.value.vote.ballot;
      nullifiers.set(view, (nullifiers.get(view) ?? new Set()).add(node));
    },
    mayHaveNullified: (view) => {
      const by = nullifiers.get(view) ?? new Set();
      const total = validators.reduce((sum, { weight }) => sum + BigInt(weight), 0n);
      const voted = validators.filter(({ id }) => id === byzantine || by.has(id));
      const weight = voted.reduce((sum, validator) => sum + BigInt(validator.weight), 0n);
      return weight + weight + weight > total + total;
    },
    onJournalLost: (node) => silent.add(node),
  };
}
