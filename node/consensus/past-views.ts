import { toHex } from "../base/bytes.ts";
import type { Certificate, Committee } from "../codec/certificate.ts";
import { evidenceOf, kindOf, offenceKey, placeOf, type Statement, statementMessage } from "../codec/evidence.ts";
import type { Vote } from "../codec/vote.ts";
import { accuse, isAccused } from "./offences.ts";
import type { ConsensusState, Proposed, View } from "./state.ts";
import type { Turn } from "./turn.ts";

/** What the members were heard to say in a view that is decided, of each kind once: what they say of it later may contradict it. */
export type PastView = {
  readonly committee: Committee;
  readonly said: ReadonlyMap<number, readonly Statement[]>;
};

/** The newest ones stay, through epochs: 900 views of four validators, about 5 MiB. Older ones nobody could answer for in memory. */
export const PAST_STATEMENTS_MAX = 8_192;

/** These views are decided: what was heard in them stays a while. */
export function decideViews(state: ConsensusState, upTo: number): void {
  for (const [number, view] of state.views) {
    if (number > upTo) continue;
    state.views.delete(number);
    const said = saidIn(state, view);
    if (said.size > 0)
      remember(state, keyOf({ epoch: state.epoch, view: number }), { committee: state.committee, said });
  }
}

/**
 * A statement about a view that is decided: too late to decide anything, but not to prove an offence (rule 1). Its signature
 * is checked once something contradicts it: who is slow, and honest, costs nothing. The answer says why it was dropped.
 */
export function judgeLate(
  state: ConsensusState,
  turn: Turn,
  { signer, statement }: { readonly signer: number; readonly statement: Statement },
): string | undefined {
  const key = keyOf(placeOf(statement));
  const past = state.past.get(key);
  const member = past?.committee.byId.get(signer);
  if (past === undefined || member === undefined) return undefined;
  const { chainId, crypto, rules } = state.config;
  const before = past.said.get(signer) ?? [];
  const keep = (said: readonly Statement[]): void => {
    const known = said.some((one) => kindOf(one) === kindOf(statement));
    const all = known ? said : [...said, statement];
    remember(state, key, { ...past, said: new Map(past.said).set(signer, all) });
  };
  const contrary = before.flatMap((other) => {
    const kind = rules.contradicts(other, statement);
    const offence = { validator: signer, ...placeOf(statement) };
    return kind === undefined || isAccused(state, offenceKey({ ...offence, kind })) ? [] : [{ other, kind }];
  });
  if (contrary.length === 0) {
    if (!before.some((one) => kindOf(one) === kindOf(statement))) keep(before);
    return undefined;
  }
  const { publicKey } = member;
  const isRight = (one: Statement): boolean =>
    crypto.verify({ message: statementMessage(chainId, one), signature: one.signature, publicKey });
  if (!isRight(statement)) return "late statement with a wrong signature";
  const made = contrary.filter(({ other }) => isRight(other));
  // What came late was kept unseen, and somebody else may have made it up.
  if (made.length < contrary.length)
    keep(
      before.filter((one) => made.some(({ other }) => other === one) || !contrary.some(({ other }) => other === one)),
    );
  for (const { other, kind } of made)
    accuse(state, turn, evidenceOf(kind, { validator: signer, publicKey: toHex(publicKey) }, [other, statement]));
  return undefined;
}

export const statementOfVote = ({ ballot, signature }: Vote): Statement => ({ type: "vote", ballot, signature });

export function statementOfProposal({ block, signature }: Pick<Proposed, "block" | "signature">): Statement {
  const { epoch, view, hash } = block;
  return { type: "proposal", epoch, view, block: hash, signature };
}

const keyOf = ({ epoch, view }: { readonly epoch: number; readonly view: number }): string => `${epoch} ${view}`;

function saidIn(state: ConsensusState, view: View): ReadonlyMap<number, readonly Statement[]> {
  const said = new Map<number, Statement[]>();
  const add = (signer: number, statement: Statement): void => {
    const before = said.get(signer);
    if (before === undefined) said.set(signer, [statement]);
    else if (!before.some((one) => kindOf(one) === kindOf(statement))) before.push(statement);
  };
  for (const [signer, { notarize, nullify, finalize }] of view.heard) {
    for (const vote of [notarize, nullify, finalize]) if (vote !== undefined) add(signer, statementOfVote(vote));
  }
  if (view.proposal !== undefined) add(view.proposal.block.proposer, statementOfProposal(view.proposal));
  // Who was not heard may have signed what others brought.
  const finality = state.finality?.ballot.view === view.number ? state.finality : undefined;
  for (const certificate of [view.notarization, view.nullification, finality]) {
    for (const vote of votesOf(certificate)) add(vote.signer, statementOfVote(vote));
  }
  return said;
}

const votesOf = (certificate: Certificate | undefined): readonly Vote[] =>
  certificate?.signatures.map(({ signer, signature }) => ({ ballot: certificate.ballot, signer, signature })) ?? [];

function remember(state: ConsensusState, key: string, view: PastView): void {
  state.pastStatements += statementsOf(view) - statementsOf(state.past.get(key));
  state.past.set(key, view);
  for (const [oldest, gone] of state.past) {
    if (state.pastStatements <= PAST_STATEMENTS_MAX) return;
    state.past.delete(oldest);
    state.pastStatements -= statementsOf(gone);
  }
}

const statementsOf = (view: PastView | undefined): number =>
  view === undefined ? 0 : [...view.said.values()].reduce((sum, { length }) => sum + length, 0);
