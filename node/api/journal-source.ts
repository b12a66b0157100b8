import type { Refusal, Result } from "../base/result.ts";

/** One entry of the journal: what it did to sums, and with more beside all that `entrySchema` of the contract describes. */
export type Movement = {
  readonly position: number;
  readonly height: number;
  readonly kind: string;
  readonly debit: bigint;
  readonly credit: bigint;
  readonly amount: bigint;
  readonly pendingId: bigint;
};

type Page = {
  readonly entries: readonly Movement[];
  /** Not every entry before this position is held here any more. */
  readonly heldFrom: number;
};

/** This node's log cannot tell: it was released or never held here, or is not indexed yet. Another node may know. */
export type Elsewhere = Refusal<"elsewhere">;

/** What this node's log tells of everything that moved. */
export type JournalSource = {
  /** At most `limit` entries behind this position, oldest first; all that is executed. */
  after(position: number, limit: number): Promise<Page>;
  /** Entries of an account, newest first. `before`: the `next` of the page before; 0: from the newest on. */
  ofAccount(
    account: bigint,
    options: { readonly before: number; readonly limit: number },
  ): Promise<Page & { readonly indexedTo: number; readonly next: number | undefined }>;
  /** An applied transfer as `transferSchema` describes it; undefined: there is none. */
  transfer(id: bigint): Promise<Result<{ readonly amount: bigint } | undefined, "elsewhere">>;
};
