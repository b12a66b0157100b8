/** What the outside check works on. Ids and amounts are 128-bit, so bigint throughout. */
export type Transfer = {
  readonly id: bigint;
  readonly debit: bigint;
  readonly credit: bigint;
  readonly amount: bigint;
};

/** One movement as a node's journal tells it. */
export type Entry = Transfer & {
  /** Its place in the journal, from 1 without gaps. */
  readonly position: number;
  readonly height: number;
  readonly kind: string;
  readonly ledger: number;
  /** The pending transfer that this one ends; 0 for none. */
  readonly pendingId: bigint;
};

/** Kinds of entry that stand for a transfer of a user; the others follow from something else. */
export const USER_KINDS: readonly string[] = ["transfer", "pending", "post", "void"];

export type Account = {
  readonly id: bigint;
  readonly ledger: number;
  readonly debitsPending: bigint;
  readonly debitsPosted: bigint;
  readonly creditsPending: bigint;
  readonly creditsPosted: bigint;
};

export type Head = { readonly height: number; readonly resultsHash: string; readonly stateRoot: string | undefined };

/** Everything that one validator says about itself. */
export type NodeBooks = {
  readonly validator: number;
  readonly version: string;
  readonly chainId: string;
  readonly entries: readonly Entry[];
  readonly accounts: readonly Account[];
  /** At the common height and at the common checkpoint. */
  readonly heads: readonly Head[];
};

/** What the users of the network hold in their hands: what they asked for and what they were told about it. */
export type Promises = {
  /** Acknowledged as applied. */
  readonly acknowledged: readonly Transfer[];
  /** Refused for good: these must not have happened. */
  readonly refused: readonly Transfer[];
  /** Asked for and never answered: these may or may not have happened, but not otherwise than asked. */
  readonly unanswered: readonly Transfer[];
};

/** What genesis gives, and nothing else may. */
export type Genesis = {
  readonly accounts: readonly { readonly id: bigint; readonly ledger: number; readonly balance: bigint }[];
  /** All validators' bonds together, in the stake token. */
  readonly bonds: bigint;
};

export type Violation = {
  readonly kind:
    | "lost"
    | "changed"
    | "refused-but-applied"
    | "unexpected"
    | "twice"
    | "gap"
    | "balance"
    | "issue"
    | "journals-differ"
    | "results-hash"
    | "state-root"
    | "chain"
    | "release"
    | "real-time"
    | "unsupported";
  readonly validator: number | undefined;
  readonly detail: string;
};
