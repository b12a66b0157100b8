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
  mayHaveNullified(place: Place, validators: readonly Validator[]): boolean;
  /** The journal is gone: from now on the node may vote only above every view that it voted in (rule 3). */
  onJournalLost(node: number): void;
  /** Votes by nodes whose journal was lost, once they had asked the others. */
  regained(): number;
};

type Place = { readonly epoch: number; readonly view: number };
type Validator = { readonly id: number; readonly weight: number };

const isAbove = (place: Place, other: Place): boolean =>
  place.epoch > other.epoch || (place.epoch === other.epoch && place.view > other.view);

export function createVotesChecker({ byzantine }: { byzantine: number | undefined }): VotesChecker {
  const nullifiers = new Map<string, Set<number>>();
  const said = new Map<string, string>();
  const durable = new Set<string>();
  /** The highest place that each node voted in. */
  const highest = new Map<number, Place>();
  /** Where each node stood when its journal was lost. */
  const lostAt = new Map<number, Place>();
  let regained = 0;

  const contradicts = (node: number, { ballot }: Vote): string | undefined => {
    const key = (kind: string): string => `${node} ${ballot.epoch} ${ballot.view} ${kind}`;
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
      const { ballot } = vote;
      const floor = lostAt.get(node);
      const free = floor === undefined || isAbove(ballot, floor);
      check(free, "amnesia", () => `node ${node} lost its journal and votes in view ${ballot.view} again`);
      if (floor !== undefined) regained += 1;
      if (isAbove(ballot, highest.get(node) ?? { epoch: 0, view: 0 })) highest.set(node, ballot);
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
      const { epoch, view } = record.value.vote.ballot;
      const key = `${epoch} ${view}`;
      nullifiers.set(key, (nullifiers.get(key) ?? new Set()).add(node));
    },
    mayHaveNullified: ({ epoch, view }, validators) => {
      const by = nullifiers.get(`${epoch} ${view}`) ?? new Set();
      const total = validators.reduce((sum, { weight }) => sum + BigInt(weight), 0n);
      const voted = validators.filter(({ id }) => id === byzantine || by.has(id));
      const weight = voted.reduce((sum, validator) => sum + BigInt(validator.weight), 0n);
      return weight + weight + weight > total + total;
    },
    onJournalLost: (node) => {
      lostAt.set(node, highest.get(node) ?? { epoch: 0, view: 0 });
    },
    regained: () => regained,
  };
}
