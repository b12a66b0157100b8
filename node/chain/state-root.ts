import { assert, present } from "../base/assert.ts";
import type { Nanos } from "../base/units.ts";
import { sha256 } from "../codec/hash.ts";
import { writer } from "../codec/writer.ts";
import { blockMillis } from "../ledger/known-ids.ts";
import type { Ledger } from "../ledger/ledger.ts";
import {
  accountsRoot,
  beginRoots,
  foldRoots,
  type LedgerRoots,
  ledgerRoots,
  pendingRoot,
  touchedAccounts,
} from "../ledger/roots.ts";
import { compareBigints } from "../ledger/timers.ts";
import { recentIds } from "./recent-ids.ts";
import { SEQUENCE_WINDOW, type Stream, type Streams, takeChangedStreams } from "./streams.ts";
import { subroot } from "./subroot.ts";

/** Follows the state from block to block and commits to all of it that execution reads (consensus.md, rule 9). */
export type StateRoot = {
  /** For proofs of accounts under the newest root. */
  readonly ledgerRoots: LedgerRoots;
  /** Called once after each block, and once after genesis. */
  absorb(): void;
  /** About how many accounts changed since the last root began: whole leaves of the tree count. */
  touched(): number;
  /** Fixes the state after the newest block: its root is what `fold` works out, whatever is executed meanwhile. */
  begin(at: Occasion): void;
  /** Does up to `budget` hashes of some microseconds each; answers the root once it is known. */
  fold(budget: number): Rooted | undefined;
  /** Both at once. */
  root(at: Occasion): Rooted;
};

/** `others`: the subroots of what the chain keeps beside the ledger. */
type Occasion = { readonly height: number; readonly time: Nanos; readonly others: readonly Subroot[] };
type Rooted = {
  readonly root: Uint8Array;
  /** By name: a proof of one of them carries the others. */
  readonly subroots: readonly Subroot[];
};
export type Subroot = { readonly name: string; readonly root: Uint8Array };

export function stateRoot({ ledger, streams }: { ledger: Ledger; streams: Streams }): StateRoot {
  const tables = ledgerRoots(ledger);
  const sequences = subroot<string>({
    bucketOf: (name) => Number.parseInt(name.slice(0, 2), 16),
    compare: (a, b) => (a < b ? -1 : a > b ? 1 : 0),
    encode: (name) => encodeIf(streams.streams.get(name), encodeStream),
  });
  const ids = recentIds(ledger.ids);
  let begun: { readonly at: Occasion; readonly roots: Subroot[] } | undefined;
  const self: StateRoot = {
    ledgerRoots: tables,
    absorb: () => {
      ids.absorb();
      for (const name of takeChangedStreams(streams)) sequences.touch(name);
    },
    touched: () => touchedAccounts(tables),
    begin: (at) => {
      beginRoots(tables);
      const own = [
        { name: "ids", root: ids.root(blockMillis(at.time)) },
        { name: "streams", root: sequences.root() },
      ];
      begun = { at, roots: [...at.others, ...own] };
    },
    fold: (budget) => {
      if (begun === undefined || !foldRoots(tables, budget)) return undefined;
      const { at, roots } = begun;
      begun = undefined;
      const subroots = [
        ...roots,
        { name: "accounts", root: accountsRoot(tables) },
        { name: "pending", root: pendingRoot(tables) },
      ].toSorted((a, b) => (a.name < b.name ? -1 : 1));
      return { root: stateRootOf({ height: at.height, time: at.time, subroots }), subroots };
    },
    root: (at) => {
      assert(begun === undefined, "one root is worked out at a time");
      self.begin(at);
      return present(self.fold(Number.POSITIVE_INFINITY), "a fold without a budget ends");
    },
  };
  return self;
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
