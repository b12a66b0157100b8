import type { Hex } from "../base/bytes.ts";
import { type Certificate, encodeCertificate, readCertificate } from "./certificate.ts";
import { hashBytes, readCounter, readFlag, readHash, writeCounter } from "./parse.ts";
import type { Reader } from "./reader.ts";
import { SIGNATURE_BYTES } from "./signature.ts";
import { type Writer, writer } from "./writer.ts";

const ANSWER_DOMAIN = new TextEncoder().encode("hmn/vote-answer/1\n");

/** Where a member stands, told to one whose vote journal is gone (rule 3). */
export type VoteAnswer = {
  /** The asker's, so that no old answer counts. */
  readonly nonce: Hex;
  readonly epoch: number;
  readonly view: number;
  /** The certificate that let the member into its view; absent in the first view of an epoch. */
  readonly entry?: Certificate;
  readonly signer: number;
  /** The member's, over `voteAnswerMessage`. */
  readonly signature: Uint8Array;
};

export const voteAnswerMessage = (
  chainId: Hex,
  { nonce, epoch, view }: Pick<VoteAnswer, "nonce" | "epoch" | "view">,
): Uint8Array =>
  writeCounter(writer().fixed(ANSWER_DOMAIN).fixed(hashBytes(chainId)).fixed(hashBytes(nonce)).u32(epoch), view).done();

export function writeVoteAnswer(to: Writer, { nonce, epoch, view, entry, signer, signature }: VoteAnswer): Writer {
  writeCounter(to.fixed(hashBytes(nonce)).u32(epoch), view)
    .u32(signer)
    .fixed(signature);
  return entry === undefined ? to.u8(0) : to.u8(1).fixed(encodeCertificate(entry));
}

export function readVoteAnswer(from: Reader): VoteAnswer {
  const answer = {
    nonce: readHash(from),
    epoch: from.u32(),
    view: readCounter(from),
    signer: from.u32(),
    signature: from.fixed(SIGNATURE_BYTES),
  };
  return readFlag(from) ? { ...answer, entry: readCertificate(from) } : answer;
}
