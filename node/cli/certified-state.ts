import { present } from "../base/assert.ts";
import { type Checkpoint, checkpointOf, heightOf } from "../chain/chain.ts";
import type { StateProof } from "../chain/proof.ts";
import { proveState } from "../chain/prove.ts";
import { exportState } from "../chain/restored-state.ts";
import type { BlockRecord } from "../codec/block-record.ts";
import type { Folder } from "./folder.ts";
import { FolderFault } from "./folder-fault.ts";
import { beginnings, beginReplay, epochsUpTo, type Replay, replay } from "./replay.ts";

/** The newest state of a folder that a quorum vouches for. */
export type CertifiedState = {
  readonly proof: StateProof;
  readonly blockHash: string;
  readonly stateRoot: string;
  /** Made anew from the log at each call: it is executed again up to the checkpoint. */
  parts(): Iterable<Uint8Array>;
};

/**
 * The log is executed again from the newest snapshot behind which a checkpoint is certified: its root stands in the results of
 * the next checkpoint block, which a final block names.
 */
export function certifiedState(folder: Folder, tell: (how: () => string) => void): CertifiedState {
  for (const beginning of beginnings(folder).toReversed()) {
    const begin = (): Replay => beginReplay(folder, beginning);
    const found = newestCertified(begin(), tell);
    if (found === undefined) continue;
    return { ...found, parts: () => partsAt(begin(), found.proof.checkpoint.height) };
  }
  throw new FolderFault("the folder holds no checkpoint that a quorum has certified yet", "asked");
}

type Waiting = { readonly checkpoint: Checkpoint; readonly block: BlockRecord; readonly takenInBy: number };

function newestCertified(run: Replay, tell: (how: () => string) => void): Omit<CertifiedState, "parts"> | undefined {
  const { chain } = run;
  let newest = atCheckpoint(run);
  let waiting: Waiting[] = [];
  let found: Omit<CertifiedState, "parts"> | undefined;
  for (const replayed of replay(run)) {
    tell(() => `height ${heightOf(chain)} of ${run.last}`);
    const { record, stateRoot } = replayed;
    if (stateRoot !== undefined) {
      if (newest !== undefined) waiting.push({ ...newest, takenInBy: heightOf(chain) });
      newest = atCheckpoint(run);
    }
    const named = record.block.executed.height;
    const certified = waiting.findLast(({ takenInBy }) => takenInBy <= named);
    if (certified === undefined) continue;
    waiting = waiting.filter(({ takenInBy }) => takenInBy > named);
    const proof = proveState(chain, { ...certified, final: record, epochs: epochsUpTo(run, replayed) });
    if (!proof.ok) throw new FolderFault(proof.detail ?? proof.reason, "asked");
    found = {
      proof: proof.value,
      blockHash: certified.block.block.hash,
      stateRoot: certified.checkpoint.stateRoot,
    };
  }
  return found;
}

/** Genesis is no block, and has no certificate. */
function atCheckpoint({ chain, recent }: Replay): Omit<Waiting, "takenInBy"> | undefined {
  const block = recent.at(-1);
  const checkpoint = checkpointOf(chain);
  return block?.block.height === checkpoint.height ? { checkpoint, block } : undefined;
}

function* partsAt(run: Replay, height: number): Generator<Uint8Array> {
  const blocks = replay(run);
  while (heightOf(run.chain) < height) present(blocks.next().value, "the checkpoint is one of the log's");
  yield* exportState(run.chain);
}
