import { toHex } from "../base/bytes.ts";
import { BLOCK_EVIDENCE_MAX, type SealedBlock } from "../codec/block.ts";
import { type Evidence, evidenceOf, evidenceProblem, offenceKey, type Statement } from "../codec/evidence.ts";
import type { ConsensusState, View } from "./state.ts";
import type { Branch, Turn } from "./turn.ts";

/** Offences of one validator that wait for a block at most: for one epoch any of them is enough. */
const PENDING_PER_VALIDATOR_MAX = 64;
/** Keys of offences in final blocks that are remembered; the chain itself counts none twice. */
const SETTLED_MAX = 4096;

/** Keeps and reports two statements of a member that no honest one makes, once per view and kind. */
export function accuseIfContrary(
  state: ConsensusState,
  turn: Turn,
  { view, signer, statements }: { view: View; signer: number; statements: readonly [Statement, Statement] },
): void {
  const kind = state.config.rules.contradicts(...statements);
  const member = state.committee.byId.get(signer);
  if (kind === undefined || member === undefined) return;
  const evidence = evidenceOf(kind, { validator: signer, publicKey: toHex(member.publicKey) }, statements);
  const key = offenceKey(evidence);
  if (view.accused.has(key)) return;
  view.accused.add(key);
  keep(state, evidence);
  report(turn, evidence);
}

/** The same for a proof that is new. */
export function accuse(state: ConsensusState, turn: Turn, evidence: Evidence): void {
  if (keep(state, evidence)) report(turn, evidence);
}

/** Whether the offence waits for a block, or stands in one already. */
export const isAccused = ({ evidence, settledEvidence }: ConsensusState, key: string): boolean =>
  evidence.has(key) || settledEvidence.has(key);

/** False: it is known, or enough is known of this validator. */
function keep(state: ConsensusState, evidence: Evidence): boolean {
  const key = offenceKey(evidence);
  if (isAccused(state, key)) return false;
  let pending = 0;
  for (const { validator } of state.evidence.values()) if (validator === evidence.validator) pending += 1;
  if (pending >= PENDING_PER_VALIDATOR_MAX) return false;
  state.evidence.set(key, evidence);
  return true;
}

function report(turn: Turn, { validator, kind, epoch, view }: Evidence): void {
  const detail = `validator ${validator}: ${kind} in view ${view} of epoch ${epoch}`;
  turn.out.push({ type: "safety", kind: "equivocation", detail });
}

/** Evidence stays until its stake has unbonded, or it counts no more for another reason: then nobody need keep it. */
export function forgetEvidence(state: ConsensusState, turn: Turn): void {
  for (const [key, evidence] of state.evidence)
    if (turn.execution.evidenceFault(evidence) !== undefined) state.evidence.delete(key);
}

/** What a leader puts into its block on this branch. */
export function evidenceToCarry(state: ConsensusState, turn: Turn, branch: Branch): readonly Evidence[] {
  if (state.evidence.size === 0) return [];
  const carried = keysOf(branch);
  return [...state.evidence]
    .filter(([key, evidence]) => !carried.has(key) && turn.execution.evidenceFault(evidence) === undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .slice(0, BLOCK_EVIDENCE_MAX)
    .map(([, evidence]) => evidence);
}

/** What is wrong with the evidence of a block on this branch, if anything. Right evidence is remembered. */
export function evidenceFaultOf(
  state: ConsensusState,
  turn: Turn,
  block: SealedBlock,
  branch: Branch,
): string | undefined {
  const { chainId, crypto, rules } = state.config;
  const carried = keysOf(branch);
  for (const evidence of block.evidence) {
    const key = offenceKey(evidence);
    if (carried.has(key) || state.settledEvidence.has(key)) return "it carries evidence that an ancestor carries";
    const fault =
      evidenceProblem(evidence, { chainId, verify: crypto.verify, contradicts: rules.contradicts }) ??
      turn.execution.evidenceFault(evidence);
    if (fault !== undefined) return `it carries ${fault}`;
    keep(state, evidence);
  }
  return undefined;
}

const keysOf = (branch: Branch): ReadonlySet<string> =>
  new Set(branch.flatMap(({ evidence }) => evidence.map(offenceKey)));

/** A final block holds it: nobody has to say it again. */
export function settleEvidence(state: ConsensusState, block: SealedBlock): void {
  for (const evidence of block.evidence) {
    const key = offenceKey(evidence);
    state.evidence.delete(key);
    state.settledEvidence.add(key);
  }
  for (const old of state.settledEvidence) {
    if (state.settledEvidence.size <= SETTLED_MAX) break;
    state.settledEvidence.delete(old);
  }
}
