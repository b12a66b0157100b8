import { unreachable } from "../base/assert.ts";
import {
  type Certificate,
  isFinalization,
  isNotarization,
  isNullification,
  verifyCertificate,
} from "../codec/certificate.ts";
import { attend } from "./attendance.ts";
import { commit, keepFinality, reportFork } from "./finality.ts";
import { encodeJournal } from "./journal.ts";
import { noteLag } from "./pace.ts";
import { type ConsensusState, decidedView, isVoter, viewOf } from "./state.ts";
import { wasVerified } from "./tally.ts";
import type { Turn } from "./turn.ts";

/**
 * A certificate from outside: kept once a quorum of its epoch's weight is seen to have signed. The answer says why it was
 * dropped.
 */
export function onCertificate(state: ConsensusState, turn: Turn, certificate: Certificate): string | undefined {
  if (certificate.ballot.epoch !== state.epoch) return "certificate of another epoch";
  if (state.closed || !tellsSomething(state, certificate)) return undefined;
  const problem = certificateProblem(state, certificate);
  if (problem !== undefined) return problem;
  keepCertificate(state, turn, certificate);
  return undefined;
}

/** What is wrong with a certificate of this epoch, if anything. */
export function certificateProblem(state: ConsensusState, certificate: Certificate): string | undefined {
  const { config, committee } = state;
  const { ballot } = certificate;
  if (!config.rules.mayCount(ballot)) return "certificate of dissenting votes";
  const verified = verifyCertificate(certificate, {
    chainId: config.chainId,
    committee,
    verify: config.crypto.verify,
    known: (signer, signature) => wasVerified(state, { ballot, signer, signature }),
  });
  return verified.ok ? undefined : `certificate: ${verified.reason}`;
}

/** Whether checking the signatures is worth it. A contradiction to what is known always is. */
function tellsSomething(state: ConsensusState, { ballot }: Certificate): boolean {
  switch (ballot.kind) {
    case "finalize": {
      const known = state.finals.get(ballot.view);
      if (known !== undefined) return known !== ballot.block;
      // A view that the chain here leaves out would be a fork; one between here and the newest finality has to be met.
      return ballot.view > state.finalsFrom;
    }
    case "notarize": {
      if (ballot.view <= decidedView(state)) return false;
      const known = state.views.get(ballot.view)?.notarization;
      return known === undefined || known.ballot.block !== ballot.block;
    }
    case "nullify":
      return ballot.view > decidedView(state) && state.views.get(ballot.view)?.nullification === undefined;
    default:
      return unreachable(ballot);
  }
}

/** Keeps a certificate that is right, and enters the view behind it. */
export function keepCertificate(state: ConsensusState, turn: Turn, certificate: Certificate): void {
  if (isFinalization(certificate)) {
    if (!keepFinality(state, turn, certificate)) return;
    enter(state, turn, certificate);
    commit(state, turn);
    return;
  }
  const view = viewOf(state, certificate.ballot.view);
  if (isNotarization(certificate)) {
    if (view.notarization !== undefined) {
      if (view.notarization.ballot.block === certificate.ballot.block) return;
      reportFork(state, turn, `two blocks are notarized in view ${view.number} of epoch ${state.epoch}`);
      return;
    }
    view.notarization = certificate;
    noteLag(state, turn, view);
    for (const { signer, signature } of certificate.signatures) attend(state, certificate.ballot, signer, signature);
  } else if (isNullification(certificate)) {
    if (view.nullification !== undefined) return;
    view.nullification = certificate;
  }
  if (isVoter(state)) turn.out.push({ type: "journal", record: encodeJournal({ type: "certificate", certificate }) });
  enter(state, turn, certificate);
}

/** Goes on to the view behind the certificate's, if that is ahead, and lets the others follow. */
function enter(state: ConsensusState, turn: Turn, certificate: Certificate): void {
  const { kind, view } = certificate.ballot;
  if (view < state.view) return;
  if (kind === "nullify") {
    state.certifiedOnly = true;
    if (state.views.get(view)?.skipped !== true) state.nullifiedInRow += 1;
  }
  state.view = view + 1;
  state.entry = certificate;
  state.enteredAtMs = turn.nowMs;
  state.orderSinceMs = undefined;
  state.repeatedAtMs = turn.nowMs;
  turn.out.push({ type: "view-entered", epoch: state.epoch, view: state.view });
  turn.out.push({ type: "broadcast", message: { type: "certificate", certificate } });
}

/** Certificates of the asked views, for a peer that lacks them. */
export function certificatesOf(state: ConsensusState, { from, to }: { from: number; to: number }): Certificate[] {
  const found: Certificate[] = [];
  const first = Math.max(from, decidedView(state) + 1);
  for (let view = first; view <= to && view <= first + CERTIFICATES_MAX; view++) {
    const { notarization, nullification } = state.views.get(view) ?? {};
    if (notarization !== undefined) found.push(notarization);
    if (nullification !== undefined) found.push(nullification);
  }
  return found;
}
const CERTIFICATES_MAX = 256;
