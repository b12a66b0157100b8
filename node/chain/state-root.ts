import { assert, present } from "../base/assert.ts";
import { fromHex, type Hex } from "../base/bytes.ts";
import type { Nanos } from "../base/units.ts";
import { sha256 } from "../codec/hash.ts";
import { writer } from "../codec/writer.ts";
import { blockMillis } from "../ledger/known-ids.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { accountsRoot, beginRoots, foldRoots, type LedgerRoots, ledgerRoots, pendingRoot } from "../ledger/roots.ts";
import { compareBigints } from "../ledger/timers.ts";
import { leafHash, merkleRoot } from "./merkle.ts";
import { recentIds } from "./recent-ids.ts";
import { SEQUENCE_WINDOW, type Stream, type Streams, takeChangedStreams } from "./streams.ts";
import { subroot } from "./subroot.ts";

/** Follows the state from block to block and commits to all of it that execution reads (consensus.md, rule 9). */
export type StateRoot = {
  /** For proofs of accounts under the newest root. */
  readonly ledgerRoots: LedgerRoots;
  /** Called once after each block, and once after genesis. */
  absorb(): void;
  /** Fixes the state after the newest block: its root is what `fold` works out, whatever is executed meanwhile. */
  begin(at: { readonly height: number; readonly time: Nanos }): void;
  /** Does up to `budget` hashes of some microseconds each; answers the root once it is known. */
  fold(budget: number): Uint8Array | undefined;
  /** Both at once. */
  root(at: { readonly height: number; readonly time: Nanos }): Uint8Array;
};

export type RootValidator = { readonly id: number; readonly weight: number; readonly publicKey: Hex };
type Subroot = { readonly name: string; readonly root: Uint8Array };

export function stateRoot({
  ledger,
  streams,
  validators,
}: {
  ledger: Ledger;
  streams: Streams;
  validators: readonly RootValidator[];
}): StateRoot {
  const tables = ledgerRoots(ledger);
  const sequences = subroot<string>({
    bucketOf: (name) => Number.parseInt(name.slice(0, 2), 16),
    compare: (a, b) => (a < b ? -1 : a > b ? 1 : 0),
    encode: (name) => encodeIf(streams.streams.get(name), encodeStream),
  });
  const ids = recentIds(ledger.ids);
  let begun: { readonly at: { readonly height: number; readonly time: Nanos }; readonly roots: Subroot[] } | undefined;
  const self: StateRoot = {
    ledgerRoots: tables,
    absorb: () => {
      ids.absorb();
      for (const name of takeChangedStreams(streams)) sequences.touch(name);
    },
    begin: (at) => {
      beginRoots(tables);
      const roots = [
        { name: "ids", root: ids.root(blockMillis(at.time)) },
        { name: "streams", root: sequences.root() },
        { name: "validators", root: validatorsRoot(validators) },
      ];
      begun = { at, roots };
    },
    fold: (budget) => {
      if (begun === undefined || !foldRoots(tables, budget)) return undefined;
      const { at, roots } = begun;
      begun = undefined;
      roots.push({ name: "accounts", root: accountsRoot(tables) }, { name: "pending", root: pendingRoot(tables) });
      const out = writer().text("hmn state 1").u64(BigInt(at.height)).u64(at.time);
      for (const { name, root } of roots.toSorted((a, b) => (a.name < b.name ? -1 : 1))) out.text(name).fixed(root);
      return sha256(out.done());
    },
    root: (at) => {
      assert(begun === undefined, "one root is worked out at a time");
      self.begin(at);
      return present(self.fold(Number.POSITIVE_INFINITY), "a fold without a budget ends");
    },
  };
  return self;
}

const encodeIf = <T>(value: T | undefined, encode: (value: T) => Uint8Array): Uint8Array | undefined =>
  value === undefined ? undefined : encode(value);

/** Results stand in it by the hash of batch and outcome: whoever hands over the outcomes is checked by that. */
function encodeStream(stream: Stream): Uint8Array {
  const inWindow = [...stream.taken]
    .filter(([sequence]) => sequence + SEQUENCE_WINDOW > stream.highest)
    .toSorted(([a], [b]) => compareBigints(a, b));
  const out = writer().text(stream.key).u64(stream.stream).u64(stream.highest).u32(inWindow.length);
  for (const [sequence, taken] of inWindow)
    out.u64(sequence).fixed(taken.leaf).u64(BigInt(taken.height)).u64(BigInt(taken.expiryMs));
  return out.done();
}

const validatorsRoot = (validators: readonly RootValidator[]): Uint8Array =>
  merkleRoot(
    validators
      .toSorted((a, b) => a.id - b.id)
      .map(({ id, weight, publicKey }) =>
        leafHash(
          writer()
            .u32(id)
            .u32(weight)
            .fixed(present(fromHex(publicKey, 32), "validator key is 32 bytes"))
            .done(),
        ),
      ),
  );
