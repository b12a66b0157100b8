import { assert } from "../base/assert.ts";
import { toHex } from "../base/bytes.ts";
import { accept, type Result, refuse } from "../base/result.ts";
import { type Nanos, nanos } from "../base/units.ts";
import { parse } from "../codec/parse.ts";
import { writer } from "../codec/writer.ts";
import { blockMillis } from "../ledger/known-ids.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { accountsRoot, beginRoots, foldRoots, ledgerRoots, pendingRoot } from "../ledger/roots.ts";
import { exportLedger } from "../ledger/snapshot-export.ts";
import { importLedger } from "../ledger/snapshot-import.ts";
import type { Chain } from "./chain.ts";
import { parametersRoot, validatorsRoot } from "./chain-root.ts";
import { type Genesis, RESTORED_SUBROOTS } from "./genesis.ts";
import { createGovernance, type Governance, withValidator } from "./governance.ts";
import { readParameterState, readValidator, writeParameterState, writeValidator } from "./governance-bytes.ts";
import type { ParameterState } from "./parameters.ts";
import { recentIds } from "./recent-ids.ts";
import type { Subroot } from "./state-root.ts";
import { JAIL_NS, newValidator, type Validator } from "./validator.ts";

/**
 * What one network hands on to another: accounts with their pending transfers and the ids of the last minutes, who has bonded
 * what, and the parameters. Not the streams: batches that were signed for the one network are nothing to the other.
 */
export type HandedOn = {
  readonly ledger: Ledger;
  readonly validators: readonly Validator[];
  readonly parameters: ParameterState;
};

/** First byte of a part. They come in this order. */
const PARTS = { parameters: 1, validator: 2, ledger: 3 } as const;

/** The parts of the state after a checkpoint block; pulled while nothing is executed. */
export function* exportState(chain: Chain): Generator<Uint8Array> {
  assert(chain.checkpoint.height === chain.height, "a state is handed on at a checkpoint");
  const { parameters, validators } = chain.governance;
  yield writeParameterState(writer().u8(PARTS.parameters), parameters).done();
  for (const validator of validators.values()) yield writeValidator(writer().u8(PARTS.validator), validator).done();
  const slices = exportLedger(chain.ledger);
  for (let slice = slices(); slice !== undefined; slice = slices()) yield writer().u8(PARTS.ledger).fixed(slice).done();
}

/** Reads what `exportState` gave; it may come from anybody, and `handedOnSubroots` says what it is. */
export function importState(parts: Iterable<Uint8Array>, seed: number): Result<HandedOn> {
  const read: Reading = { parameters: undefined, validators: [], fault: undefined };
  const ledger = importLedger(ledgerParts(parts, read), seed);
  if (read.fault !== undefined) return refuse("state_malformed", read.fault);
  if (!ledger.ok) return ledger;
  const { parameters, validators } = read;
  if (parameters === undefined) return refuse("state_malformed", "it has no parameters");
  return accept({ ledger: ledger.value, validators, parameters });
}

type Reading = { parameters: ParameterState | undefined; readonly validators: Validator[]; fault: string | undefined };

/** The ledger's parts come last, and the ledger pulls them: those before are read on the way. */
function* ledgerParts(parts: Iterable<Uint8Array>, read: Reading): Iterable<Uint8Array> {
  for (const bytes of parts) {
    const [tag] = bytes;
    const content = bytes.subarray(1);
    if (tag === PARTS.ledger) {
      yield content;
      continue;
    }
    if (tag === PARTS.parameters && read.parameters === undefined) {
      const parameters = parse(content, readParameterState);
      if (parameters.ok) read.parameters = parameters.value;
      else read.fault = "its parameters cannot be read";
    } else if (tag === PARTS.validator) {
      const validator = parse(content, readValidator);
      const before = read.validators.at(-1)?.id ?? -1;
      if (validator.ok && validator.value.id > before) read.validators.push(validator.value);
      else read.fault = `what stands behind validator ${before} cannot be read`;
    } else read.fault = "a part of an unknown kind";
    if (read.fault !== undefined) return;
  }
}

/** The subroots of rule 9 that a state with these contents has at this block time, worked out from what was read. */
export function handedOnSubroots({ ledger, validators, parameters }: HandedOn, time: Nanos): readonly Subroot[] {
  const roots = ledgerRoots(ledger);
  beginRoots(roots);
  foldRoots(roots, Number.POSITIVE_INFINITY);
  const ids = recentIds(ledger.ids);
  ids.absorb();
  return [
    { name: "accounts", root: accountsRoot(roots) },
    { name: "ids", root: ids.root(blockMillis(time)) },
    { name: "parameters", root: parametersRoot(parameters) },
    { name: "pending", root: pendingRoot(roots) },
    { name: "validators", root: validatorsRoot(validators) },
  ];
}

/** The state before the first block of a network that goes on from another one's. */
export function restoreState(
  genesis: Genesis & { readonly restoredFrom: NonNullable<Genesis["restoredFrom"]> },
  parts: Iterable<Uint8Array>,
): Result<{ readonly ledger: Ledger; readonly governance: Governance }> {
  const { restoredFrom, chainId } = genesis;
  const read = importState(parts, Number.parseInt(chainId.slice(0, 8), 16) | 0);
  if (!read.ok) return read;
  const found = handedOnSubroots(read.value, nanos(BigInt(restoredFrom.timeNs)));
  for (const name of RESTORED_SUBROOTS) {
    const root = found.find((one) => one.name === name)?.root;
    if (root === undefined || toHex(root) !== restoredFrom.subroots[name])
      return refuse("restored_state_differs", `its ${name} are not those that the genesis names`);
  }
  const governance = stakesIn(genesis, read.value.validators);
  return governance.ok ? accept({ ledger: read.value.ledger, governance: governance.value }) : governance;
}

/**
 * Who bonded keeps what they bonded, what unbonds goes on unbonding. The genesis says which of them vote, and with which new key;
 * the others stay as those who left.
 */
function stakesIn(genesis: Genesis, validators: readonly Validator[]): Result<Governance> {
  const known = new Map(validators.map((validator) => [validator.id, validator]));
  const spent = new Set(validators.flatMap(({ voteKey, terms }) => [voteKey, ...terms.map(({ key }) => key)]));
  for (const { id, ownerKey, bond, consensusKey } of genesis.validators) {
    const before = known.get(id);
    if (before === undefined) return refuse("restored_validator", `validator ${id}: the backup has no such validator`);
    if (before.ownerKey !== ownerKey || before.bond !== bond)
      return refuse("restored_validator", `validator ${id}: its bond is ${before.bond}, its owner ${before.ownerKey}`);
    if (before.jail?.type === "final") return refuse("restored_validator", `validator ${id} was expelled for good`);
    if (spent.has(consensusKey))
      return refuse("restored_validator", `validator ${id}: its vote key is one of the old network's`);
  }
  let governance = createGovernance(genesis);
  for (const before of validators) {
    const { id, unbonding } = before;
    const member = governance.validators.get(id);
    governance = withValidator(governance, { ...(member ?? retired(before, genesis.time)), unbonding });
  }
  return accept(governance);
}

/** Outside the set: it may take its bond out, or ask to come back. */
function retired({ id, ownerKey, voteKey, bond, announced, jail }: Validator, time: Nanos): Validator {
  const until = { type: "until", time: nanos(time + JAIL_NS), wasMember: true } as const;
  return {
    ...newValidator({ id, ownerKey, voteKey, bond, announced }),
    jail: jail?.type === "due" ? until : jail,
  };
}

/** The parameters in effect, as a genesis file has them. */
export const parametersFor = ({ parameters }: HandedOn): Record<string, number> =>
  Object.fromEntries(Object.entries(parameters.values).map(([name, value]) => [name, Number(value)]));
