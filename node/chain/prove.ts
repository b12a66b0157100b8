import type { Hex } from "../base/bytes.ts";
import { accept, type Result, refuse } from "../base/result.ts";
import { headerOf } from "../codec/block.ts";
import type { BlockRecord } from "../codec/block-record.ts";
import { type Chain, chainId } from "./chain.ts";
import { merklePath } from "./merkle.ts";
import { outcomeLeaf } from "./outcome.ts";
import type { AccountProof, BatchProof, EpochProof, FinalHeader, ResultsProof, StateProof } from "./proof.ts";
import type { BatchOutcome } from "./types.ts";

/** What only the log knows, and a proof needs: a final block that names an E from the proven height on, and the closing blocks. */
export type FromLog = { readonly final: BlockRecord; readonly epochs: readonly EpochProof[] };

export const finalHeader = ({ block, headers, certificate }: BlockRecord): FinalHeader => ({
  header: headerOf(block),
  headers,
  certificate,
});

/** Proves what became of the batch at `index` of an executed block, whose outcomes the caller has from its execution. */
export function proveBatch(
  chain: Chain,
  {
    height,
    index,
    executed,
    ...fromLog
  }: FromLog & {
    height: number;
    index: number;
    /** All batches of the block, in the order of execution. */
    executed: readonly { readonly batch: Hex; readonly outcome: BatchOutcome }[];
  },
): Result<BatchProof> {
  const results = resultsFrom(chain, height, fromLog);
  if (!results.ok) return results;
  const proven = executed[index];
  if (proven === undefined) return refuse("not_found", `block ${height} has ${executed.length} batches`);
  const place = merklePath(executed.map(outcomeLeaf), index);
  return accept({ kind: "batch", chainId: chainId(chain), ...results.value, ...proven, place });
}

/**
 * Proves what an account was at the newest checkpoint but those whose root no block has taken in yet. `leaf` is the
 * ledger's: the account's bucket and its way up to the accounts root of that checkpoint.
 */
export function proveAccount(
  chain: Chain,
  {
    checkpoint,
    account,
    leaf,
    takenInBy,
    ...fromLog
  }: FromLog & {
    checkpoint: AccountProof["checkpoint"];
    account: bigint;
    leaf: { readonly bucket: Uint8Array } & AccountProof["place"];
    /** Height of the checkpoint block after it. */
    takenInBy: number;
  },
): Result<AccountProof> {
  const results = resultsFrom(chain, takenInBy, fromLog);
  if (!results.ok) return results;
  const { height, time, subroots } = checkpoint;
  const { bucket, index, size, path } = leaf;
  return accept({
    kind: "account",
    chainId: chainId(chain),
    ...results.value,
    account,
    checkpoint: { height, time, subroots },
    bucket,
    place: { index, size, path },
  });
}

/** Proves the roots of the state at a checkpoint whose root the checkpoint block `takenInBy` took in; `block` is its own record. */
export function proveState(
  chain: Chain,
  {
    checkpoint,
    block,
    takenInBy,
    ...fromLog
  }: FromLog & { checkpoint: StateProof["checkpoint"]; block: BlockRecord; takenInBy: number },
): Result<StateProof> {
  const results = resultsFrom(chain, takenInBy, fromLog);
  if (!results.ok) return results;
  const { height, time, subroots } = checkpoint;
  return accept({
    ...{ kind: "state", chainId: chainId(chain), ...results.value },
    ...{ block: finalHeader(block), checkpoint: { height, time, subroots } },
  });
}

/** The way from a block's results to those that the final block names, as far as the chain still remembers it. */
function resultsFrom(chain: Chain, height: number, { final, epochs }: FromLog): Result<ResultsProof> {
  const until = final.block.executed.height;
  if (until < height) return refuse("not_certified_yet", `no final block names the results of height ${height}`);
  const before = chain.heads.get(height - 1)?.resultsHash;
  const steps = Array.from({ length: until - height + 1 }, (_, at) => chain.heads.get(height + at)?.step);
  const known = steps.filter((step) => step !== undefined);
  if (before === undefined || known.length < steps.length)
    return refuse("too_long_ago", `the results around height ${height} are not kept: replay the log up to there`);
  return accept({ epochs, final: finalHeader(final), before, steps: known });
}
