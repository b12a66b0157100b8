import { present } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import { accountOf, admitBatch, type Chain, heightOf, lastBlockTimeOf } from "../chain/chain.ts";
import type { SealedBlock } from "../codec/block.ts";
import type { Transfer } from "../codec/transfer.ts";
import type { JournalEntry } from "../ledger/journal.ts";
import { recount } from "../ledger/totals.ts";
import { expectedLedger, movementOf } from "./expected-ledger.ts";
import type { Host } from "./host.ts";
import { journalOf } from "./journal.ts";
import { accountId } from "./scenario.ts";
import { check } from "./violation.ts";

/** What the clients signed and what they were told. */
export type History = {
  readonly submitted: Map<Hex, { readonly batch: Uint8Array; readonly transfers: readonly Transfer[] }>;
  /** Batches that a node acknowledged, and the height that it named. */
  readonly acknowledged: Map<Hex, number>;
};

/**
 * At the end, with a ledger of its own made from the final blocks and the clients' history alone: every acknowledged batch
 * is in the chain, every batch in it was executed exactly once on this node, and no token appeared or vanished. Answers how
 * many pending transfers expired.
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
): number {
  const { id: node, disk } = host;
  const ordered = blocks
    .slice(0, heightOf(chain))
    .map((block) => ({ height: block.height, time: block.time, ids: idsOf(block) }));
  const { firstAt, balances, reserved, movements, expired } = expectedLedger(
    ordered,
    history.submitted,
    // Of the blocks that the node's volume has.
    disk.base + 1,
  );
  const nowMs = Number(lastBlockTimeOf(chain) / 1_000_000n);
  for (const [id, height] of history.acknowledged) {
    const first = `batch ${id} was acknowledged at ${height}, node ${node}`;
    const at = firstAt.get(id);
    check(at === height, "acknowledged", () => `${first} has it at ${at}`);
    // Who asks again hears of the first execution, whichever node it asks.
    const again = admitBatch(chain, present(history.submitted.get(id), "what is acknowledged was sent").batch, nowMs);
    const told = again.ok ? again.value.executed?.height : again.reason;
    check(told === height || told === "expired", "acknowledged", () => `${first} would now tell ${told}`);
  }
  balances.forEach((balance, client) => {
    const account = accountOf(chain, accountId(client));
    const held = account === undefined ? undefined : account.creditsPosted - account.debitsPosted;
    check(
      held === balance && account?.debitsPending === reserved[client],
      "exactly once",
      () =>
        `node ${node}, client ${client}: holds ${held}, ${account?.debitsPending} of it reserved, ` +
        `instead of ${balance}, ${reserved[client]}`,
    );
  });
  const kinds: readonly JournalEntry["kind"][] = ["transfer", "pending", "post", "expire"];
  const applied = journalOf(host).filter(({ kind }) => kinds.includes(kind));
  const right = applied.length === movements.size && applied.every((entry) => movements.has(movementOf(entry)));
  check(right, "exactly once", () => `node ${node}: ${applied.length} movements instead of ${movements.size}`);
  for (const { ledger, issued, burned, held, debitsPosted, creditsPosted } of Object.values(recount(chain.ledger))) {
    const conserved = held === issued - burned && debitsPosted === creditsPosted;
    check(conserved, "conservation", () => `node ${node}: ledger ${ledger} holds ${held} of ${issued} - ${burned}`);
  }
  return expired;
}
