import type { Hex } from "../base/bytes.ts";
import { accountOf, type Chain, heightOf } from "../chain/chain.ts";
import type { SealedBlock } from "../codec/block.ts";
import type { Transfer } from "../codec/transfer.ts";
import { recount } from "../ledger/totals.ts";
import type { Host } from "./host.ts";
import { journalOf } from "./journal.ts";
import { ACCOUNT_BALANCE, accountId, CLIENTS } from "./scenario.ts";
import { check } from "./violation.ts";

/** What the clients signed and what they were told. */
export type History = {
  readonly submitted: Map<Hex, readonly Transfer[]>;
  /** Batches that a node acknowledged, and the height that it named. */
  readonly acknowledged: Map<Hex, number>;
};

/**
 * At the end, with a ledger of its own made from the final blocks and the clients' history alone: every acknowledged batch
 * is in the chain, every batch in it was executed exactly once on this node, and no token appeared or vanished.
 */
export function checkLedger(
  host: Host,
  chain: Chain,
  {
    blocks,
    idsOf,
    history,
  }: {
    blocks: readonly SealedBlock[];
    /** Ids of a block's batches, in the order of execution. */
    idsOf: (block: SealedBlock) => readonly Hex[];
    history: History;
  },
): void {
  const { id: node } = host;
  const balances = Array.from({ length: CLIENTS }, () => ACCOUNT_BALANCE);
  const firstAt = new Map<Hex, number>();
  /** Of the blocks that the node's volume has. */
  const expected = new Set<bigint>();
  const move = (account: bigint, amount: bigint): void => {
    const client = balances.findIndex((_, index) => accountId(index) === account);
    balances[client] = (balances[client] ?? 0n) + amount;
  };
  for (const block of blocks.slice(0, heightOf(chain))) {
    const { height } = block;
    for (const id of idsOf(block)) {
      const transfers = history.submitted.get(id);
      // Not a client's: a liar's invention, which every chain refuses. A repeat changes nothing.
      if (transfers === undefined || firstAt.has(id)) continue;
      firstAt.set(id, height);
      for (const { id: transfer, debit, credit, amount } of transfers) {
        if (height > host.disk.base) expected.add(transfer);
        move(debit, -amount);
        move(credit, amount);
      }
    }
  }
  for (const [id, height] of history.acknowledged) {
    const at = firstAt.get(id);
    check(
      at === height,
      "acknowledged",
      () => `batch ${id} was acknowledged at ${height}, node ${node} has it at ${at}`,
    );
  }
  balances.forEach((balance, client) => {
    const account = accountOf(chain, accountId(client));
    const held = account === undefined ? undefined : account.creditsPosted - account.debitsPosted;
    check(
      held === balance,
      "exactly once",
      () => `node ${node}, client ${client}: holds ${held} instead of ${balance}`,
    );
  });
  const applied = journalOf(host).filter(({ kind }) => kind === "transfer");
  const right = applied.length === expected.size && applied.every(({ id }) => expected.has(id));
  check(right, "exactly once", () => `node ${node}: ${applied.length} transfers instead of ${expected.size}`);
  for (const { ledger, issued, burned, held, debitsPosted, creditsPosted } of Object.values(recount(chain.ledger))) {
    const conserved = held === issued - burned && debitsPosted === creditsPosted;
    check(conserved, "conservation", () => `node ${node}: ledger ${ledger} holds ${held} of ${issued} - ${burned}`);
  }
}
