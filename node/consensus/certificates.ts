import { unreachable } from "../base/assert.ts";
import {
  type Certificate,
  isFinalization,
  isNotarization,
  isNullification,
  verifyCertificate,
} from "../codec/certificate.ts";
import { commit, keepFinality, reportFork } from "./finality.ts";
import { encodeJournal } from "./journal.ts";
import { type ConsensusState, decidedView, viewOf } from "./state.ts";
import { wasVerified } from "./tally.ts";
import type { Turn } from "./turn.ts";

/** A certificate from outside: kept once a quorum's signatures are seen to be right. The answer says why it was dropped. */
export function onCertificate(state: ConsensusState, turn: Turn, certificate: Certificate): string | undefined {
  const { config } = state;
  const { ballot } = certificate;
  if (ballot.epoch !== config.epoch) return "certificate of another epoch";
  if (!tellsSomething(state, certificate)) return undefined;
  const verified = verifyCertificate(certificate, {
    chainId: config.chainId,
    committee: config.committee,
    verify: config.crypto.verify,
    known: (signer, signature) => wasVerified(state, { ballot, signer, signature }),
  });
  if (!verified.ok) return `certificate: ${verified.reason}`;
  keepCertificate(state, turn, certificate);
  return undefined;
}

/** Whether checking the signatures is worth it. A contradiction to what is known always is. */
function tellsSomething(state: ConsensusState, { ballot }: Certificate): boolean {
  switch (ballot.kind) {
    case "finalize": {
      const known = state.finalHashes.get(ballot.height);
      if (known !== undefined) return known !== ballot.block;
      return ballot.height > (state.finality?.ballot.height ?? state.tip.height);
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
      reportFork(state, turn, `two blocks are notarized in view ${view.number}`);
      return;
    }
    view.notarization = certificate;
  } else if (isNullification(certificate)) {
    if (view.nullification !== undefined) return;
    view.nullification = certificate;
  }
  if (state.voting) turn.out.push({ type: "journal", record: encodeJournal({ type: "certificate", certificate }) });
  enter(state, turn, certificate);
}

/** Goes on to the view behind the certificate's, if that is ahead, and lets the others follow. */
function enter(state: ConsensusState, turn: Turn, certificate: Certificate): void {
  const { view } = certificate.ballot;
  if (view < state.view) return;
  if (certificate.ballot.kind === "nullify" && state.views.get(view)?.skipped !== true) state.nullifiedInRow += 1;
  state.view = view + 1;
  state.entry = certificate;
  state.enteredAtMs = turn.nowMs;
  state.orderSinceMs = undefined;
  state.repeatedAtMs = turn.nowMs;
  turn.out.push({ type: "view-entered", view: state.view });
  turn.out.push({ type: "broadcast", message: { type: "certificate", certificate } });
}
