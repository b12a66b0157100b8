import type { Hex } from "../base/bytes.ts";
import { nanos } from "../base/units.ts";
import { type Block, type SealedBlock, sealBlock, ZERO_HASH } from "../codec/block.ts";
import type { Certificate } from "../codec/certificate.ts";
import { type Ballot, ballotMessage, type Vote } from "../codec/vote.ts";
import { notarizeBallot } from "./attendance.ts";
import { keepCertificate } from "./certificates.ts";
import { type SafetyRules, SOUND_RULES } from "./rules.ts";
import { type ConsensusState, createState, type Position, type Tip } from "./state.ts";
import { chainId, committeeWith, signAs, verifyStub } from "./test-keys.ts";
import { DEFAULT_TIMING } from "./timing.ts";
import type { Turn } from "./turn.ts";

/** One machine alone, for tests that look at a single judgement. */
export const NOW_NS = 1_760_000_000_000_000_000n;
export const SECOND_NS = 1_000_000_000n;
/** The results hash of a height in these tests. */
export const resultsOf = (height: number): Hex => String(height).padStart(64, "0");

export const genesis: Tip = {
  hash: chainId,
  epoch: 0,
  view: 0,
  kind: "normal",
  height: 0,
  time: nanos(NOW_NS - 10n * SECOND_NS),
  executed: { height: 0 },
};

export const EMPTY_BLOCK_MS = 1_000;

type Setting = {
  readonly executed?: number;
  readonly rules?: Partial<SafetyRules>;
  readonly position?: Partial<Position>;
  readonly execution?: Partial<Turn["execution"]>;
  readonly payload?: Partial<Turn["payload"]>;
};

/** Validator 0 of four equal ones, with its vote, and what it sees in a step. */
export function setting({ executed = 0, rules = {}, position = {}, execution = {}, payload = {} }: Setting = {}): {
  state: ConsensusState;
  turn: Turn;
} {
  const state = createState(
    {
      validator: 0,
      chainId,
      timing: DEFAULT_TIMING,
      rules: { ...SOUND_RULES, ...rules },
      compactEveryBlocks: 256,
      crypto: { sign: (message) => signAs(0, message), verify: verifyStub },
    },
    {
      epoch: 1,
      committee: committeeWith({ 0: 1, 1: 1, 2: 1, 3: 1 }),
      self: 0,
      emptyBlockMs: EMPTY_BLOCK_MS,
      tip: genesis,
      recent: [],
      nowMs: 0,
      ...position,
    },
  );
  state.memory = "whole";
  const turn: Turn = {
    nowMs: 0,
    wallNs: NOW_NS,
    execution: {
      height: () => executed,
      resultsHash: resultsOf,
      closing: () => undefined,
      evidenceFault: () => undefined,
      ...execution,
    },
    payload: {
      waits: () => false,
      take: () => new Uint8Array(0),
      judge: () => "valid",
      durable: () => true,
      ...payload,
    },
    out: [],
  };
  return { state, turn };
}

/** A block of view 1 on genesis, but for the given fields. */
export const blockOf = (fields: Partial<Block> = {}): SealedBlock =>
  sealBlock({
    epoch: 1,
    view: 1,
    kind: "normal",
    height: 1,
    parent: chainId,
    proposer: 0,
    time: nanos(NOW_NS),
    executed: { height: 0, resultsHash: resultsOf(0) },
    next: ZERO_HASH,
    votes: [],
    evidence: [],
    payload: new Uint8Array(0),
    ...fields,
  });

/** The next block on a parent, one view later and one nanosecond younger. */
export const childOf = (parent: SealedBlock, fields: Partial<Block> = {}): SealedBlock =>
  blockOf({
    epoch: parent.epoch,
    view: parent.view + 1,
    height: parent.height + 1,
    parent: parent.hash,
    time: nanos(parent.time + 1n),
    executed: parent.executed,
    ...fields,
  });

export const voteOf = (ballot: Ballot, signer: number): Vote => ({
  ballot,
  signer,
  signature: signAs(signer, ballotMessage(chainId, ballot)),
});

export const certificateBy = <B extends Ballot>(ballot: B, signers: readonly number[]): Certificate<B> => ({
  ballot,
  signatures: signers.map((signer) => ({ signer, signature: voteOf(ballot, signer).signature })),
});

/** Puts a block into the state, notarized by a quorum. */
export function notarized(state: ConsensusState, turn: Turn, block: SealedBlock, signers = [1, 2, 3]): void {
  state.blocks.set(block.hash, block);
  keepCertificate(state, turn, certificateBy(notarizeBallot(block), signers));
}

/** Makes a block final, which is here with its ancestors. */
export function finalized(state: ConsensusState, turn: Turn, { epoch, view, hash, height }: SealedBlock): void {
  keepCertificate(state, turn, certificateBy({ kind: "finalize", epoch, view, block: hash, height }, [1, 2, 3]));
}
