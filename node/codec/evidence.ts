import { assert, unreachable } from "../base/assert.ts";
import { fromHex, type Hex } from "../base/bytes.ts";
import type { Offence } from "../chain/types.ts";
import type { Verify } from "./certificate.ts";
import { hashBytes, readCounter, readHash, writeCounter } from "./parse.ts";
import { MalformedBytes, type Reader } from "./reader.ts";
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from "./signature.ts";
import { type Ballot, ballotMessage, encodeBallot, proposalMessage, readBallot } from "./vote.ts";
import { type Writer, writer } from "./writer.ts";

/** Something that a validator signed about one view. */
export type Statement =
  | { readonly type: "vote"; readonly ballot: Ballot; readonly signature: Uint8Array }
  | {
      readonly type: "proposal";
      readonly epoch: number;
      readonly view: number;
      readonly block: Hex;
      readonly signature: Uint8Array;
    };

export type EvidenceKind = Offence["kind"];

/** The position is the tag in the encoding: append only. */
const KINDS = [
  "notarize-twice",
  "finalize-twice",
  "finalize-and-nullify",
  "propose-twice",
] as const satisfies readonly EvidenceKind[];

/**
 * A proved offence (rule 1): two statements of one validator that no honest one makes. It names the key that signed them;
 * whether that was the validator's key in that epoch is for the chain to say.
 */
export type Evidence = Offence & {
  readonly publicKey: Hex;
  /** The smaller encoding first, so that one offence has one form for two given statements. */
  readonly first: Statement;
  readonly second: Statement;
};

/** Which offence two statements of one validator are. Exactly rule 1's four: anything else has an honest explanation. */
export type Contradiction = (one: Statement, other: Statement) => EvidenceKind | undefined;

export const contradiction: Contradiction = (one, other) => {
  const [a, b] = [placeOf(one), placeOf(other)];
  if (a.epoch !== b.epoch || a.view !== b.view) return undefined;
  const kinds = [kindOf(one), kindOf(other)].toSorted().join(" ");
  const differ = blockOf(one) !== blockOf(other);
  switch (kinds) {
    case "notarize notarize":
      return differ ? "notarize-twice" : undefined;
    case "finalize finalize":
      return differ ? "finalize-twice" : undefined;
    case "finalize nullify":
      return "finalize-and-nullify";
    case "proposal proposal":
      return differ ? "propose-twice" : undefined;
    default:
      return undefined;
  }
};

/** What kind of statement it is: an honest validator makes one of each kind about a view. */
export const kindOf = (statement: Statement): Ballot["kind"] | "proposal" =>
  statement.type === "vote" ? statement.ballot.kind : "proposal";

function blockOf(statement: Statement): Hex | undefined {
  if (statement.type === "proposal") return statement.block;
  return statement.ballot.kind === "nullify" ? undefined : statement.ballot.block;
}

/** The view that it is about. */
export function placeOf(statement: Statement): { epoch: number; view: number } {
  const { epoch, view } = statement.type === "vote" ? statement.ballot : statement;
  return { epoch, view };
}

/** The evidence in its one form. */
export function evidenceOf(
  kind: EvidenceKind,
  { validator, publicKey }: { validator: number; publicKey: Hex },
  statements: readonly [Statement, Statement],
): Evidence {
  const [a, b] = statements;
  const { epoch, view } = placeOf(a);
  const order = Buffer.compare(encodeStatement(a), encodeStatement(b));
  assert(order !== 0, "evidence is of two statements");
  const [first, second] = order < 0 ? [a, b] : [b, a];
  return { kind, validator, publicKey, epoch, view, first, second };
}

/** It counts once for each of these (rule 1). */
export const offenceKey = ({ validator, epoch, view, kind }: Offence): string =>
  `${String(validator).padStart(10, "0")} ${String(epoch).padStart(10, "0")} ${String(view).padStart(16, "0")} ${KINDS.indexOf(kind)}`;

/** What is wrong with the evidence, if anything: its place, the contradiction, the signatures. */
export function evidenceProblem(
  evidence: Evidence,
  { chainId, verify, contradicts }: { chainId: Hex; verify: Verify; contradicts: Contradiction },
): string | undefined {
  const { first, second, kind, epoch, view } = evidence;
  const place = placeOf(first);
  if (place.epoch !== epoch || place.view !== view) return "evidence of another view";
  if (contradicts(first, second) !== kind) return "evidence without a contradiction";
  const publicKey = fromHex(evidence.publicKey, PUBLIC_KEY_BYTES);
  if (publicKey === undefined) return "evidence without a key";
  for (const statement of [first, second]) {
    const message = statementMessage(chainId, statement);
    if (!verify({ message, signature: statement.signature, publicKey })) return "evidence with a wrong signature";
  }
  return undefined;
}

/** The bytes that were signed. */
export const statementMessage = (chainId: Hex, statement: Statement): Uint8Array =>
  statement.type === "vote" ? ballotMessage(chainId, statement.ballot) : proposalMessage(chainId, statement);

function encodeStatement(statement: Statement): Uint8Array {
  switch (statement.type) {
    case "vote":
      return writer().u8(0).fixed(encodeBallot(statement.ballot)).fixed(statement.signature).done();
    case "proposal": {
      const to = writeCounter(writer().u8(1).u32(statement.epoch), statement.view);
      return to.fixed(hashBytes(statement.block)).fixed(statement.signature).done();
    }
    default:
      return unreachable(statement);
  }
}

function readStatement(from: Reader): Statement {
  switch (from.u8()) {
    case 0:
      return { type: "vote", ballot: readBallot(from), signature: from.fixed(SIGNATURE_BYTES) };
    case 1:
      return {
        type: "proposal",
        epoch: from.u32(),
        view: readCounter(from),
        block: readHash(from),
        signature: from.fixed(SIGNATURE_BYTES),
      };
    default:
      throw new MalformedBytes("unknown kind of statement");
  }
}

export function writeEvidence(to: Writer, evidence: Evidence): Writer {
  writeCounter(to.u8(KINDS.indexOf(evidence.kind)).u32(evidence.validator).u32(evidence.epoch), evidence.view);
  return to
    .fixed(hashBytes(evidence.publicKey))
    .fixed(encodeStatement(evidence.first))
    .fixed(encodeStatement(evidence.second));
}

/** Form only: what the statements say and who signed them is for `evidenceProblem`. */
export function readEvidence(from: Reader): Evidence {
  const kind = KINDS[from.u8()];
  if (kind === undefined) throw new MalformedBytes("unknown kind of evidence");
  const offence = { kind, validator: from.u32(), epoch: from.u32(), view: readCounter(from) };
  const evidence = { ...offence, publicKey: readHash(from), first: readStatement(from), second: readStatement(from) };
  if (Buffer.compare(encodeStatement(evidence.first), encodeStatement(evidence.second)) >= 0)
    throw new MalformedBytes("statements are out of order");
  return evidence;
}
