import { describe, expect, it } from "vitest";
import { present } from "../base/assert.ts";
import { seededRandom } from "../base/random.ts";
import { refuse } from "../base/result.ts";
import { accountOf, type Chain, heightOf } from "../chain/chain.ts";
import { atMs, batchOf, execute } from "../chain/test-chain.ts";
import { keyOf, publicKeyOf, TREASURY, testChain } from "../chain/test-genesis.ts";
import { encodeTransfers, newTransfer, transferFlags } from "../codec/transfer.ts";
import { balancesAt } from "./balances.ts";
import type { JournalSource } from "./journal-source.ts";
import { testJournal } from "./test-journal.ts";

const ACCOUNTS = [1, 1, 4, 4].map((ledger, index) => ({ id: TREASURY + BigInt(index), ledger }));
const BLOCKS = 60;

/** Transfers of every kind, of a token with a fee too, and what each account had after each block. */
function grown(seed: bigint) {
  const random = seededRandom(seed);
  const chain = testChain({
    accounts: ACCOUNTS.map(({ id, ledger }) => ({
      ...{ id: `${id}`, ledger, ownerKey: publicKeyOf("treasury"), balance: "1000000" },
    })),
  });
  const open: { id: bigint; ledger: number; amount: bigint }[] = [];
  const after = [sumsOf(chain)];
  for (let height = 1; height <= BLOCKS; height++) {
    const records = Array.from({ length: random.below(4) }, (_, index) => {
      const id = (BigInt(atMs(0)) << 80n) + BigInt(height * 10 + index);
      const ledger = random.pick([1, 4]);
      const [debit = 0n, credit = 0n] = ACCOUNTS.filter((one) => one.ledger === ledger).map((one) => one.id);
      const amount = BigInt(1 + random.below(99));
      const kind = random.below(3);
      const pending = kind === 2 && open.length > 0 ? open.splice(random.below(open.length), 1)[0] : undefined;
      if (pending !== undefined) {
        const post = random.below(3) > 0;
        const flags = post ? transferFlags.postPending : transferFlags.voidPending;
        const posted = post ? BigInt(1 + random.below(Number(pending.amount))) : 0n;
        return newTransfer({ id, pendingId: pending.id, amount: posted, ledger: pending.ledger, flags });
      }
      const plain = { id, debit, credit, amount, ledger, code: 1 };
      if (kind === 0) return newTransfer(plain);
      open.push({ id, ledger, amount });
      return newTransfer({ ...plain, flags: transferFlags.pending, timeout: random.pick([0, 0, 3]) });
    });
    const offsetMs = 1_000 * height;
    const batches = records.length === 0 ? [] : [encodeTransfers(records)];
    const sent = batches.map((payload) =>
      batchOf(chain, "transfers", payload, { keyPair: keyOf("treasury"), offsetMs }),
    );
    execute(chain, offsetMs, ...sent);
    after.push(sumsOf(chain));
  }
  const journal = testJournal(() => chain);
  return { chain, after, journal };
}

const sumsOf = (chain: Chain) =>
  ACCOUNTS.map(({ id }) => {
    const account = present(accountOf(chain, id), "it is of genesis");
    const { debitsPending, debitsPosted, creditsPending, creditsPosted } = account;
    return { debitsPending, debitsPosted, creditsPending, creditsPosted };
  });

describe("balances at a block", () => {
  it("are what the account had after it, whatever has moved since", async () => {
    const kinds = new Set<string>();
    for (const seed of [1n, 2n, 3n]) {
      const { chain, after, journal } = grown(seed);
      for (const { kind } of (await journal.after(0, 10_000)).entries) kinds.add(kind);
      for (const [index, { id }] of ACCOUNTS.entries()) {
        for (const [height, sums] of after.entries())
          expect(await balancesAt({ chain, journal }, id, height), `seed ${seed}`).toEqual({ height, ...sums[index] });
      }
    }
    const wanted = ["expire", "pending", "post", "token_fee", "transfer", "void"];
    expect([...kinds]).toEqual(expect.arrayContaining(wanted));
  });

  it("of no account, and of a block that is not executed yet, are none", async () => {
    const { chain, journal } = grown(1n);
    expect(await balancesAt({ chain, journal }, 5n << 64n, 1)).toBeUndefined();
    expect(await balancesAt({ chain, journal }, TREASURY, BLOCKS + 1)).toMatchObject({ reason: "elsewhere" });
  });

  it("are another node's to tell where this one's journal begins too late, or is not indexed yet", async () => {
    const { chain, after, journal } = grown(1n);
    const { entries } = await journal.after(0, 10_000);
    const oldest = present(entries[30], "there are so many");
    const cut: JournalSource = {
      ...journal,
      after: async (position, limit) => {
        const page = await journal.after(Math.max(position, oldest.position - 1), limit);
        return { ...page, heldFrom: oldest.position };
      },
      ofAccount: async (id, options) => {
        const page = await journal.ofAccount(id, options);
        const held = page.entries.filter(({ position }) => position >= oldest.position);
        return { ...page, entries: held, heldFrom: oldest.position };
      },
      transfer: async () => refuse("elsewhere", "not in this test"),
    };
    for (const height of [oldest.height - 1, 1]) {
      for (const { id } of ACCOUNTS)
        expect(await balancesAt({ chain, journal: cut }, id, height)).toMatchObject({ reason: "elsewhere" });
    }
    const newest = heightOf(chain);
    expect(await balancesAt({ chain, journal: cut }, TREASURY, newest)).toEqual({
      height: newest,
      ...after[newest]?.[0],
    });
    const unindexed: JournalSource = {
      ...journal,
      ofAccount: async (id, options) => ({ ...(await journal.ofAccount(id, options)), indexedTo: 5 }),
    };
    expect(await balancesAt({ chain, journal: unindexed }, TREASURY, 3)).toMatchObject({ reason: "elsewhere" });
  });

  it("are refused where too much has moved since", async () => {
    const { chain, journal } = grown(1n);
    const [movement] = (await journal.ofAccount(TREASURY, { before: 0, limit: 1 })).entries;
    const entries = Array.from({ length: 1_000 }, () => ({ ...present(movement, "something moved"), height: 9 }));
    const busy: JournalSource = {
      ...journal,
      ofAccount: async (id, options) => ({ ...(await journal.ofAccount(id, options)), entries, next: 1 }),
    };
    expect(await balancesAt({ chain, journal: busy }, TREASURY, 3)).toMatchObject({ reason: "too-far-back" });
  });
});
