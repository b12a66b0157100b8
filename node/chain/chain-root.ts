import { present } from "../base/assert.ts";
import { sha256 } from "../codec/hash.ts";
import { hashBytes, writeCounter } from "../codec/parse.ts";
import { writer } from "../codec/writer.ts";
import { coherenceHash } from "./coherence-bytes.ts";
import type { Governance } from "./governance.ts";
import { governanceHash, writeParameterState, writeReported, writeSystem, writeValidator } from "./governance-bytes.ts";
import { HEADS_IN_STATE, HEADS_KEPT, type Head } from "./heads.ts";
import { leafHash, merkleRoot } from "./merkle.ts";
import type { ParameterState } from "./parameters.ts";
import type { Subroot } from "./state-root.ts";
import type { LaneTip } from "./types.ts";
import type { Validator } from "./validator.ts";
import { type VoteCounts, writeCounts } from "./vote-counts.ts";

/** What the chain keeps beside ledger and streams. */
export type ChainState = {
  readonly heads: ReadonlyMap<number, Head>;
  governance: Governance;
  /** Oldest epoch first. */
  counts: readonly VoteCounts[];
  /** Committed positions of the lanes, by validator. */
  lanes: ReadonlyMap<number, LaneTip>;
  height: number;
};

/** The subroots of rule 9 for validators with bonds and unbonding, parameters, vote counters, and the rest. */
export function subrootsOf(state: ChainState): readonly Subroot[] {
  const { validators, parameters, coherence } = state.governance;
  const countLeaves = state.counts.map((counts) => leafHash(writeCounts(writer(), counts).done()));
  return [
    { name: "validators", root: validatorsRoot([...validators.values()]) },
    { name: "parameters", root: parametersRoot(parameters) },
    {
      name: "coherence",
      root: merkleRoot([
        leafHash(coherenceHash(coherence)),
        leafHash(writeReported(writer(), state.governance).done()),
      ]),
    },
    { name: "votes", root: merkleRoot(countLeaves) },
    { name: "system", root: merkleRoot([leafHash(systemBytes(state)), leafHash(headBytes(headsInUse(state)))]) },
  ];
}

/** By id ascending. */
export const validatorsRoot = (validators: readonly Validator[]): Uint8Array =>
  merkleRoot(validators.map((validator) => leafHash(writeValidator(writer(), validator).done())));

export const parametersRoot = (parameters: ParameterState): Uint8Array =>
  sha256(writeParameterState(writer(), parameters).done());

/**
 * The heads that later blocks may still ask for: none of them names an E before that of the newest block (rule 6), and
 * records name heights of the last `HEADS_IN_STATE`. A snapshot carries them, and the root covers them.
 */
export function headsInUse({ heads, height }: Pick<ChainState, "heads" | "height">): readonly Head[] {
  const first = firstInUse(newestHead({ heads, height }));
  return Array.from({ length: height - first + 1 }, (_, index) =>
    present(heads.get(first + index), "heads in use are kept"),
  );
}

/** The lowest height of them, by the newest head. */
export function firstInUse({ height, executedHeight }: Pick<Head, "height" | "executedHeight">): number {
  const wanted = Math.max(0, Math.min(executedHeight, height - HEADS_IN_STATE + 1));
  return Math.max(wanted, height - HEADS_KEPT + 1);
}

export const newestHead = ({ heads, height }: Pick<ChainState, "heads" | "height">): Head =>
  present(heads.get(height), "the newest block has a head");

function systemBytes({ governance, lanes, heads, height }: ChainState): Uint8Array {
  const out = writeCounter(writeSystem(writer(), governance), newestHead({ heads, height }).executedHeight);
  const tips = [...lanes.values()].toSorted((a, b) => a.validator - b.validator);
  out.u32(tips.length);
  for (const { validator, incarnation, number, digest } of tips)
    writeCounter(out.u32(validator).u64(incarnation), number).fixed(hashBytes(digest));
  return out.done();
}

function headBytes(heads: readonly Head[]): Uint8Array {
  const out = writer();
  for (const { height, hash, resultsHash, governance } of heads)
    writeCounter(out, height).fixed(hashBytes(hash)).fixed(hashBytes(resultsHash)).fixed(governanceHash(governance));
  return out.done();
}
