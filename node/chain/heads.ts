import type { Hex } from "../base/bytes.ts";
import { sha256Hex } from "../codec/hash.ts";
import { hashBytes } from "../codec/parse.ts";
import type { Governance } from "./governance.ts";

/** Heights for which results hash, block hash and governance are kept. */
export const HEADS_KEPT = 4_096;
/** Of these, the newest that execution itself may look at: a restored node has to have them too. */
export const HEADS_IN_STATE = 256;

/** What the chain remembers of one of its last blocks. */
export type Head = {
  readonly height: number;
  /** E that the block named (rule 6). */
  readonly executedHeight: number;
  /** The block's hash; of genesis the chain id. */
  readonly hash: Hex;
  readonly resultsHash: Hex;
  /** What its results hash adds to the one before; none for genesis. */
  readonly step?: ResultsStep;
  /** The state after the block that a boundary with this block as E counts. */
  readonly governance: Governance;
};

/** One step of the hash chain over results: with these, anyone can go from one results hash to a later one. */
export type ResultsStep = {
  readonly resultsRoot: Hex;
  /** Of a checkpoint block: the state root of the checkpoint before. */
  readonly checkpointRoot?: Hex;
};

const ZEROS = new Uint8Array(32);

/** resultsHash(h) = H(resultsHash(h−1), results root of h, checkpoint root or zeros): rule 9. */
export const resultsHashAfter = (before: Hex, { resultsRoot, checkpointRoot }: ResultsStep): Hex =>
  sha256Hex(
    hashBytes(before),
    hashBytes(resultsRoot),
    checkpointRoot === undefined ? ZEROS : hashBytes(checkpointRoot),
  );
