import { accept, type Refusal, type Result, refuse } from "../base/result.ts";
import { accountOf, type Chain, heightOf, journalEnd } from "../chain/chain.ts";
import type { Elsewhere, JournalSource, Movement } from "./journal-source.ts";

/** Movements of one account that a question goes back over. */
const MOVEMENTS_MAX = 10_000;
const PAGE = 1_000;

type Sums = {
  readonly debitsPending: bigint;
  readonly debitsPosted: bigint;
  readonly creditsPending: bigint;
  readonly creditsPosted: bigint;
};

export type Balances = Sums & { readonly height: number };

/** Nobody answers this: too much has moved since. */
export type TooFarBack = Refusal<"too-far-back">;

/**
 * An account's sums after a block, zeros before its creation; undefined: no such account. What moved since is taken back from
 * what they are now, newest first, so it needs the journal only from that block on.
 */
export async function balancesAt(
  { chain, journal }: { readonly chain: Chain; readonly journal: JournalSource },
  id: bigint,
  height: number,
): Promise<Balances | Elsewhere | TooFarBack | undefined> {
  const account = accountOf(chain, id);
  if (account === undefined) return undefined;
  // All of one moment: blocks may be executed while the journal is read.
  const now = { height: heightOf(chain), end: journalEnd(chain) };
  const { debitsPending, debitsPosted, creditsPending, creditsPosted } = account;
  let sums: Sums = { debitsPending, debitsPosted, creditsPending, creditsPosted };
  if (height > now.height) return refuse("elsewhere", `this node has executed up to height ${now.height}`);
  let before = 0;
  for (let looked = 0; looked < MOVEMENTS_MAX; ) {
    const page = await journal.ofAccount(id, { before, limit: PAGE });
    if (page.indexedTo < now.end) return refuse("elsewhere", "this node still indexes its journal");
    for (const movement of page.entries) {
      if (movement.height > now.height) continue;
      // Whatever is not held stands before this one, if it is of that block or an older one.
      if (movement.height <= height && movement.position >= page.heldFrom) return { height, ...sums };
      if (movement.height <= height) return notHeld(page.heldFrom);
      const undone = await undo(sums, movement, { id, journal });
      if (!undone.ok) return undone;
      sums = { ...sums, ...undone.value };
      looked += 1;
    }
    if (page.next === undefined) {
      const held = page.heldFrom === 1 || (await isHeldFrom(journal, page.heldFrom, height));
      return held ? { height, ...sums } : notHeld(page.heldFrom);
    }
    before = page.next;
  }
  return refuse("too-far-back", `more than ${MOVEMENTS_MAX} movements of this account since: ask for a later block`);
}

const notHeld = (heldFrom: number): Elsewhere =>
  refuse("elsewhere", `this node holds its journal from position ${heldFrom} on`);

/** Whether all that was executed after this block is held: the oldest entry that is held is of it, or older. */
async function isHeldFrom(journal: JournalSource, heldFrom: number, height: number): Promise<boolean> {
  const { entries } = await journal.after(heldFrom - 1, 1);
  return (entries[0]?.height ?? Number.POSITIVE_INFINITY) <= height;
}

/** The sums as they were before a movement (node/ledger/journal.ts says what each kind does). */
async function undo(
  sums: Sums,
  { kind, debit, amount, pendingId }: Movement,
  { id, journal }: { readonly id: bigint; readonly journal: JournalSource },
): Promise<Result<Partial<Sums>, "elsewhere">> {
  const side = debit === id ? "debits" : "credits";
  const [pending, posted] = [`${side}Pending`, `${side}Posted`] as const;
  switch (kind) {
    case "pending":
      return accept({ [pending]: sums[pending] - amount });
    case "void":
    case "expire":
      return accept({ [pending]: sums[pending] + amount });
    case "post": {
      // It gave back all that was reserved, however little of it was posted.
      const reserved = await journal.transfer(pendingId);
      if (!reserved.ok) return reserved;
      if (reserved.value === undefined) return refuse("elsewhere", `transfer ${pendingId} is not held here`);
      return accept({ [pending]: sums[pending] + reserved.value.amount, [posted]: sums[posted] - amount });
    }
    default:
      return accept({ [posted]: sums[posted] - amount });
  }
}
