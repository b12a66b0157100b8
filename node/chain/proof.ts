import { fromHex, type Hex, toHex } from "../base/bytes.ts";
import { accept, type Result, refuse } from "../base/result.ts";
import type { Nanos } from "../base/units.ts";
import { type BlockHeader, hashHeader } from "../codec/block.ts";
import { isLinked } from "../codec/block-record.ts";
import {
  type Committee,
  committeeOf,
  type Finalization,
  VALIDATORS_MAX,
  verifyCertificate,
} from "../codec/certificate.ts";
import { PUBLIC_KEY_BYTES, verify } from "../codec/signature.ts";
import { epochHashOf } from "./governance.ts";
import { type ResultsStep, resultsHashAfter } from "./heads.ts";
import { leafHash, type MerklePath, merkleRootFrom } from "./merkle.ts";
import { outcomeLeaf } from "./outcome.ts";
import { type Subroot, stateRootOf } from "./state-root.ts";
import type { BatchOutcome, Member } from "./types.ts";

const U32_MAX = 0xffff_ffff;

/** A block that a quorum of its epoch finalized: `certificate` is for it or, over `headers`, for a descendant. */
export type FinalHeader = {
  readonly header: BlockHeader;
  readonly headers: readonly BlockHeader[];
  readonly certificate: Finalization;
};

/** A closing block and what it named: the next epoch's members, and the hash of its parameters. */
export type EpochProof = FinalHeader & { readonly members: readonly Member[]; readonly parametersHash: Hex };

/**
 * Shows what a block's results are: the hash chain from the results hash before it to that of E, which a final block names
 * (rule 6), and the closing blocks from an epoch that the checker knows to the final block's.
 */
export type ResultsProof = {
  readonly epochs: readonly EpochProof[];
  readonly final: FinalHeader;
  /** Results hash before the first of `steps`. */
  readonly before: Hex;
  /** One for each block, up to E. */
  readonly steps: readonly ResultsStep[];
};

/** What became of a batch. */
export type BatchProof = ResultsProof & {
  readonly kind: "batch";
  readonly chainId: Hex;
  readonly batch: Hex;
  readonly outcome: BatchOutcome;
  readonly place: MerklePath;
};

/** What stood in an account's bucket at a checkpoint; the first of `steps` is the checkpoint's after it. */
export type AccountProof = ResultsProof & {
  readonly kind: "account";
  readonly chainId: Hex;
  readonly account: bigint;
  readonly checkpoint: { readonly height: number; readonly time: Nanos; readonly subroots: readonly Subroot[] };
  readonly bucket: Uint8Array;
  readonly place: MerklePath;
};

/**
 * What the state was at a checkpoint: the roots of its parts, and that checkpoint's own block with its certificate. The first of
 * `steps` is the checkpoint's after it.
 */
export type StateProof = ResultsProof & {
  readonly kind: "state";
  readonly chainId: Hex;
  readonly block: FinalHeader;
  readonly checkpoint: AccountProof["checkpoint"];
};

/** What a person checks a proof with: a validator set that they know, and the epoch that it is of. */
export type Trust = { readonly chainId: Hex; readonly epoch: number; readonly members: readonly Member[] };

export type ProofFault =
  | "wrong_chain"
  | "epoch_not_reached"
  | "not_final"
  | "set_differs"
  | "results_differ"
  | "not_in_the_results"
  | "not_in_the_state";

/** The height of the batch's block, if the proof holds. */
export function checkBatchProof(proof: BatchProof, trust: Trust): Result<{ height: number }, ProofFault> {
  const { batch, outcome, place } = proof;
  const results = checkResults(proof, trust);
  if (!results.ok) return results;
  const root = merkleRootFrom(outcomeLeaf({ batch, outcome }), place);
  if (root === undefined || toHex(root) !== results.value.step.resultsRoot) return refuse("not_in_the_results");
  return accept({ height: results.value.height });
}

/**
 * The proven bucket and the checkpoint's height, if the proof holds: the ledger reads the account out of the bucket, in
 * which an account that does not exist is missing.
 */
export function checkAccountProof(
  proof: AccountProof,
  trust: Trust,
): Result<{ height: number; bucket: Uint8Array }, ProofFault> {
  const { bucket, place, checkpoint } = proof;
  const results = checkResults(proof, trust);
  if (!results.ok) return results;
  const root = merkleRootFrom(leafHash(bucket), place);
  const named = checkpoint.subroots.find(({ name }) => name === "accounts")?.root;
  if (root === undefined || named === undefined || toHex(root) !== toHex(named)) return refuse("not_in_the_state");
  // The step says that the block after the checkpoint's time took this root in; the height is part of the root.
  if (toHex(stateRootOf(checkpoint)) !== results.value.step.checkpointRoot) return refuse("not_in_the_state");
  return accept({ height: checkpoint.height, bucket });
}

/** The checkpoint, if the proof holds: its subroots are a quorum's, and so is its block. */
export function checkStateProof(
  proof: StateProof,
  trust: Trust,
): Result<StateProof["checkpoint"] & { readonly blockHash: Hex }, ProofFault> {
  const { chainId, checkpoint, block } = proof;
  const results = checkResults(proof, trust);
  if (!results.ok) return results;
  if (toHex(stateRootOf(checkpoint)) !== results.value.step.checkpointRoot) return refuse("not_in_the_state");
  const reached = followEpochs(
    proof.epochs.filter(({ header }) => header.epoch < block.header.epoch),
    trust,
  );
  if (!reached.ok) return reached;
  const faulty = finalityFault(block, { chainId, ...reached.value });
  if (faulty !== undefined) return faulty;
  const { height, time } = block.header;
  if (height !== checkpoint.height || time !== checkpoint.time)
    return refuse("not_in_the_state", "its block is not the checkpoint's");
  return accept({ ...checkpoint, blockHash: hashHeader(block.header) });
}

/** The first step and its block's height, if a final block names the results that it leads to. */
function checkResults(
  { chainId, epochs, final, before, steps }: ResultsProof & { readonly chainId: Hex },
  trust: Trust,
): Result<{ height: number; step: ResultsStep }, ProofFault> {
  if (chainId !== trust.chainId) return refuse("wrong_chain", `the proof is of network ${chainId}`);
  const reached = followEpochs(epochs, trust);
  if (!reached.ok) return reached;
  const faulty = finalityFault(final, { chainId, ...reached.value });
  if (faulty !== undefined) return faulty;
  const { executed } = final.header;
  const [step] = steps;
  if (step === undefined || steps.length > executed.height) return refuse("results_differ");
  const hash = steps.reduce((hash, one) => resultsHashAfter(hash, one), before);
  if (hash !== executed.resultsHash) return refuse("results_differ");
  return accept({ height: executed.height - steps.length + 1, step });
}

/** Whether these can be an epoch's members: an encoding must not wrap a number around into another one. */
const isMemberList = (members: readonly Member[]): boolean =>
  members.length > 0 &&
  members.length <= VALIDATORS_MAX &&
  members.every(
    ({ id, weight, publicKey }, index) =>
      Number.isInteger(id) &&
      id <= U32_MAX &&
      id > (members[index - 1]?.id ?? -1) &&
      Number.isInteger(weight) &&
      weight > 0 &&
      weight <= U32_MAX &&
      fromHex(publicKey, PUBLIC_KEY_BYTES) !== undefined,
  );

/** The set of the last epoch, each named by the closing block of the one before. */
export function followEpochs(
  epochs: readonly EpochProof[],
  trust: Trust,
): Result<{ epoch: number; committee: Committee }, ProofFault> {
  const { chainId } = trust;
  let { epoch } = trust;
  if (!isMemberList(trust.members))
    return refuse("set_differs", "the trusted set is none: ids ascend, weights are positive");
  let committee = committeeOf(trust.members);
  for (const step of epochs) {
    const faulty = finalityFault(step, { chainId, epoch, committee });
    if (faulty !== undefined) return faulty;
    if (step.header.kind !== "closing" || !namesItsSet(step))
      return refuse("set_differs", `the closing block of epoch ${epoch} names another set`);
    epoch += 1;
    committee = committeeOf(step.members);
  }
  return accept({ epoch, committee });
}

/** Whether the members are those whose hash stands in the closing block. */
export function namesItsSet({ header, members, parametersHash }: EpochProof): boolean {
  const hash = fromHex(parametersHash, 32);
  if (hash === undefined || !isMemberList(members)) return false;
  return epochHashOf({ number: header.epoch + 1, members, parametersHash: hash }) === header.next;
}

function finalityFault(
  { header, headers, certificate }: FinalHeader,
  { chainId, epoch, committee }: { chainId: Hex; epoch: number; committee: Committee },
) {
  if (header.epoch !== epoch)
    return refuse("epoch_not_reached", `the block is of epoch ${header.epoch}, the set of ${epoch}`);
  const block = { ...header, hash: hashHeader(header) };
  const linked = isLinked({ block, headers, certificate });
  if (!linked || !verifyCertificate(certificate, { chainId, committee, verify }).ok) return refuse("not_final");
  return undefined;
}
