import type { Hex } from "../base/bytes.ts";
import { readTip, type Tip, writeTip } from "./car.ts";
import { type Committee, readSignatures, type Signatures, type Verify, writeSignatures } from "./certificate.ts";
import { hashBytes } from "./parse.ts";
import type { Reader } from "./reader.ts";
import { SIGNATURE_BYTES } from "./signature.ts";
import { type Writer, writer } from "./writer.ts";

const ACK_DOMAIN = new TextEncoder().encode("hmn/ack/1\n");

/** "I hold this lane, durably, from what is committed of it up to this car" (rule 8). */
export type Ack = { readonly tip: Tip; readonly signer: number; readonly signature: Uint8Array };

/** Acknowledgements of one tip, by signer ascending: of more than a third of the weight, so one of them is honest. */
export type AvailabilityCertificate = {
  readonly tip: Tip;
  readonly signatures: Signatures;
};

/** The bytes that a holder signs. They name no epoch: what is held stays held, whatever the weights become. */
export const ackMessage = (chainId: Hex, tip: Tip): Uint8Array =>
  writeTip(writer().fixed(ACK_DOMAIN).fixed(hashBytes(chainId)), tip).done();

/** Whether these distinct members weigh more than a third; strangers weigh nothing. */
export function isAvailable(committee: Committee, signers: Iterable<number>): boolean {
  let weight = 0;
  for (const signer of signers) weight += committee.byId.get(signer)?.weight ?? 0;
  return 3 * weight > committee.totalWeight;
}

/** What is wrong with a certificate under this committee, if anything. */
export function availabilityFault(
  { tip, signatures }: AvailabilityCertificate,
  { chainId, committee, verify }: { chainId: Hex; committee: Committee; verify: Verify },
): "too few acknowledge" | "a stranger acknowledges" | "wrong signature" | undefined {
  if (
    !isAvailable(
      committee,
      signatures.map(({ signer }) => signer),
    )
  )
    return "too few acknowledge";
  const message = ackMessage(chainId, tip);
  for (const { signer, signature } of signatures) {
    const member = committee.byId.get(signer);
    if (member === undefined) return "a stranger acknowledges";
    if (!verify({ message, signature, publicKey: member.publicKey })) return "wrong signature";
  }
  return undefined;
}

export const writeAck = (to: Writer, { tip, signer, signature }: Ack): Writer =>
  writeTip(to, tip).u32(signer).fixed(signature);

export const readAck = (from: Reader): Ack => ({
  tip: readTip(from),
  signer: from.u32(),
  signature: from.fixed(SIGNATURE_BYTES),
});

export const writeAvailability = (to: Writer, { tip, signatures }: AvailabilityCertificate): Writer =>
  writeSignatures(writeTip(to, tip), signatures);

export const readAvailability = (from: Reader): AvailabilityCertificate => ({
  tip: readTip(from),
  signatures: readSignatures(from),
});
