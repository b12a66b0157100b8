import { equalBytes, type Hex } from "../base/bytes.ts";
import { type BlockHeader, CARRIED_DEPTH_MAX, type CarriedVote, type SealedBlock } from "../codec/block.ts";
import { type Ballot, ballotMessage, type Vote } from "../codec/vote.ts";
import { type Attendance, type ConsensusState, committeeOfEpoch } from "./state.ts";
import type { Branch } from "./turn.ts";

type NotarizeBallot = Extract<Ballot, { kind: "notarize" }>;

/** What a notarize vote for the block says; `dissent` is the voter's own hash of E, where it is another. */
export function notarizeBallot(block: BlockHeader & { readonly hash: Hex }, dissent?: Hex): NotarizeBallot {
  const { epoch, view, hash, height, executed } = block;
  const ballot = { kind: "notarize", epoch, view, block: hash, height, executed } as const;
  return dissent === undefined ? ballot : { ...ballot, dissent };
}

/** Remembers a verified notarize vote, so that a later block can carry it. The first word of a signer stands. */
export function attend(state: ConsensusState, ballot: Ballot, signer: number, signature: Uint8Array): void {
  if (ballot.kind !== "notarize") return;
  const { epoch, view, block, dissent } = ballot;
  const known = state.attendances.get(block) ?? { epoch, view, votes: new Map<number, Attendance>() };
  state.attendances.set(block, known);
  if (!known.votes.has(signer)) known.votes.set(signer, dissent === undefined ? { signature } : { signature, dissent });
}

/** A notarize vote that came after its view was decided: too late to decide, early enough to be carried. */
export function attendLate(state: ConsensusState, { ballot, signer, signature }: Vote): string | undefined {
  if (ballot.kind !== "notarize") return undefined;
  const block = state.recent.find(({ hash }) => hash === ballot.block);
  if (block === undefined || state.attendances.get(block.hash)?.votes.has(signer)) return undefined;
  const vote = { signer, signature, ...(ballot.dissent === undefined ? {} : { executedHash: ballot.dissent }) };
  if (!isRight(state, block, vote)) return "vote with a wrong signature";
  attend(state, notarizeBallot(block, ballot.dissent), signer, signature);
  return undefined;
}

/** Lets go of votes that no block can carry any more: the block itself is too far back, or beside the chain. */
export function forgetAttendances(state: ConsensusState): void {
  const kept = new Set(state.recent.map(({ hash }) => hash));
  for (const [hash, { epoch, view }] of state.attendances) {
    const past = epoch < state.epoch || (state.tip.epoch === state.epoch && view <= state.tip.view);
    if (past && !kept.has(hash)) state.attendances.delete(hash);
  }
}

/** The blocks that a child of the branch's last block may carry votes for, as far as they are known here: the parent first. */
export const ancestorsOf = (state: ConsensusState, branch: Branch): readonly SealedBlock[] =>
  [...state.recent, ...branch].slice(-CARRIED_DEPTH_MAX).reverse();

/**
 * Whether the block carries a vote for an ancestor that this node can't judge, though there is one: it may have begun with a
 * snapshot that is younger.
 */
export function lacksAncestors(state: ConsensusState, block: SealedBlock, ancestors: readonly SealedBlock[]): boolean {
  const depth = block.votes.at(-1)?.depth ?? 0;
  const oldest = ancestors.at(-1)?.height ?? state.tip.height + 1;
  if (depth > ancestors.length && oldest > 1) return true;
  return ancestors.slice(0, depth).some(({ epoch }) => committeeOfEpoch(state, epoch) === undefined);
}

/** Every notarize vote for these ancestors that is known here and that none of them carries, by depth and signer. */
export function votesToCarry(state: ConsensusState, ancestors: readonly SealedBlock[]): readonly CarriedVote[] {
  const carried = carriedBy(ancestors);
  return ancestors.flatMap(({ hash }, index) => {
    const depth = index + 1;
    const votes = [...(state.attendances.get(hash)?.votes ?? [])]
      .filter(([signer]) => !carried.has(key(depth, signer)))
      .toSorted(([a], [b]) => a - b);
    return votes.map(([signer, { signature, dissent }]): CarriedVote => {
      return dissent === undefined ? { depth, signer, signature } : { depth, signer, executedHash: dissent, signature };
    });
  });
}

/** What is wrong with the votes that a block carries over these ancestors, if anything. Right ones are remembered. */
export function carriedProblem(
  state: ConsensusState,
  { votes }: SealedBlock,
  ancestors: readonly SealedBlock[],
): string | undefined {
  const carried = carriedBy(ancestors);
  for (const vote of votes) {
    const { depth, signer, executedHash, signature } = vote;
    const target = ancestors[depth - 1];
    if (target === undefined) return "it carries a vote for nothing";
    if (carried.has(key(depth, signer))) return "it carries a vote that an ancestor carries";
    if (executedHash === target.executed.resultsHash) return "it carries a dissent that is none";
    const signatureIsRight = isRight(state, target, vote);
    if (!state.config.rules.mayBeCarried({ signatureIsRight })) return "it carries a vote with a wrong signature";
    if (signatureIsRight) attend(state, notarizeBallot(target, executedHash), signer, signature);
  }
  return undefined;
}

/** Places of the votes that the ancestors carry, counted from the ancestors' next child. */
function carriedBy(ancestors: readonly SealedBlock[]): ReadonlySet<string> {
  const places = new Set<string>();
  ancestors.forEach((ancestor, index) => {
    for (const { depth, signer } of ancestor.votes) places.add(key(index + 1 + depth, signer));
  });
  return places;
}

const key = (depth: number, signer: number): string => `${depth} ${signer}`;

/** Whether a member of the target's epoch signed the vote; what was verified before is not verified again. */
function isRight(
  state: ConsensusState,
  target: SealedBlock,
  { signer, executedHash, signature }: Omit<CarriedVote, "depth">,
): boolean {
  const before = state.attendances.get(target.hash)?.votes.get(signer);
  if (before !== undefined && before.dissent === executedHash && equalBytes(before.signature, signature)) return true;
  const member = committeeOfEpoch(state, target.epoch)?.byId.get(signer);
  if (member === undefined) return false;
  const { chainId, crypto } = state.config;
  const message = ballotMessage(chainId, notarizeBallot(target, executedHash));
  return crypto.verify({ message, signature, publicKey: member.publicKey });
}
