import type { Nanos } from "../base/units.ts";
import { sha256 } from "../codec/hash.ts";
import { writer } from "../codec/writer.ts";
import type { Account } from "../ledger/account.ts";
import { blockMillis, type Ledger, type PendingTransfer, takeChanges } from "../ledger/ledger.ts";
import { compareBigints } from "../ledger/timers.ts";
import { recentIds } from "./recent-ids.ts";
import { SEQUENCE_WINDOW, type Stream, type Streams, takeChangedStreams } from "./streams.ts";
import { subroot } from "./subroot.ts";

/** Follows the state from block to block and commits to all of it that execution reads (consensus.md, rule 9). */
export type StateRoot = {
  /** Called once after each block, and once after genesis. */
  absorb(): void;
  /** Accounts that changed since the last root. */
  touched(): number;
  /** `others`: the subroots of what the chain keeps beside the ledger. */
  root(at: { readonly height: number; readonly time: Nanos; readonly others: readonly Subroot[] }): {
    readonly root: Uint8Array;
    /** By name: a proof of one of them carries the others. */
    readonly subroots: readonly Subroot[];
  };
};

export type Subroot = { readonly name: string; readonly root: Uint8Array };

export function stateRoot({ ledger, streams }: { ledger: Ledger; streams: Streams }): StateRoot {
  const byLowByte = (id: bigint): number => Number(id & 0xffn);
  const accounts = subroot<bigint>({
    bucketOf: byLowByte,
    compare: compareBigints,
    encode: (id) => encodeIf(ledger.accounts.get(id), encodeAccount),
  });
  const pending = subroot<bigint>({
    bucketOf: byLowByte,
    compare: compareBigints,
    encode: (id) => encodeIf(ledger.pending.get(id), encodePending),
  });
  const sequences = subroot<string>({
    bucketOf: (name) => Number.parseInt(name.slice(0, 2), 16),
    compare: (a, b) => (a < b ? -1 : a > b ? 1 : 0),
    encode: (name) => encodeIf(streams.streams.get(name), encodeStream),
  });
  const ids = recentIds();
  const touched = new Set<bigint>();
  return {
    absorb: () => {
      const changes = takeChanges(ledger);
      for (const id of changes.accounts) {
        accounts.touch(id);
        touched.add(id);
      }
      for (const id of changes.pending) pending.touch(id);
      for (const transfer of changes.applied) ids.add(transfer);
      for (const name of takeChangedStreams(streams)) sequences.touch(name);
    },
    touched: () => touched.size,
    root: ({ height, time, others }) => {
      touched.clear();
      const subroots = [
        ...others,
        { name: "accounts", root: accounts.root() },
        { name: "ids", root: ids.root(blockMillis(time)) },
        { name: "pending", root: pending.root() },
        { name: "streams", root: sequences.root() },
      ].toSorted((a, b) => (a.name < b.name ? -1 : 1));
      return { root: stateRootOf({ height, time, subroots }), subroots };
    },
  };
}

/** The state root of these subroots, which are in the order of their names. */
export function stateRootOf({
  height,
  time,
  subroots,
}: {
  height: number;
  time: Nanos;
  subroots: readonly Subroot[];
}): Uint8Array {
  const out = writer().text("hmn state 2").u64(BigInt(height)).u64(time).u32(subroots.length);
  for (const { name, root } of subroots) out.text(name).fixed(root);
  return sha256(out.done());
}

const encodeIf = <T>(value: T | undefined, encode: (value: T) => Uint8Array): Uint8Array | undefined =>
  value === undefined ? undefined : encode(value);

const encodeAccount = (account: Account): Uint8Array =>
  writer()
    .u128(account.id)
    .text(account.owner ?? "")
    .u32(account.ledger)
    .u16(account.code)
    .u16(account.flags)
    .u128(account.userData128)
    .u64(account.userData64)
    .u32(account.userData32)
    .u64(account.createdAt)
    .u128(account.debitsPending)
    .u128(account.debitsPosted)
    .u128(account.creditsPending)
    .u128(account.creditsPosted)
    .done();

const encodePending = (pending: PendingTransfer): Uint8Array =>
  writer()
    .u128(pending.record.id)
    .u128(pending.debit)
    .u128(pending.credit)
    .u128(pending.amount)
    .u32(pending.ledger)
    .u16(pending.code)
    .u64(pending.expiresAt ?? 0n)
    .text(pending.agent ?? "")
    .done();

/** Results stand in it by the hash of batch and outcome: whoever hands over the outcomes is checked by that. */
function encodeStream(stream: Stream): Uint8Array {
  const inWindow = [...stream.taken]
    .filter(([sequence]) => sequence + SEQUENCE_WINDOW > stream.highest)
    .toSorted(([a], [b]) => compareBigints(a, b));
  const out = writer().text(stream.key).u64(stream.stream).u64(stream.highest);
  // It decides when the stream dies, so when its key may open another one.
  out.u64(BigInt(stream.lastExpiryMs)).u32(inWindow.length);
  for (const [sequence, taken] of inWindow)
    out.u64(sequence).fixed(taken.leaf).u64(BigInt(taken.height)).u64(BigInt(taken.expiryMs));
  return out.done();
}
