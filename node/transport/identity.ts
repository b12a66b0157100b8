import type { X509Certificate } from "node:crypto";
import { isObserver, nodeIdentity } from "../api/contract.ts";

/**
 * Whether the certificate names exactly this node, as a DNS subject alternative name: no wildcard, no common name.
 * OpenSSL compares the parsed names; their printed list could be misread, as a name may contain a comma.
 */
export function isNode(certificate: X509Certificate, id: number, network: string): boolean {
  return certificate.checkHost(nodeIdentity(id, network), { subject: "never", wildcards: false }) !== undefined;
}

/** Which one of these nodes the certificate names; undefined for none, and for a certificate that names several. */
export function nodeOf(certificate: X509Certificate, ids: readonly number[], network: string): number | undefined {
  const named = ids.filter((id) => isNode(certificate, id, network));
  return named.length === 1 ? named[0] : undefined;
}

/** Of each pair of validators the one with the lower id dials, so that a pair has one connection. Observers dial, and are not dialed. */
export const dials = (dialer: number, dialed: number): boolean =>
  isObserver(dialer) ? !isObserver(dialed) : dialer < dialed;
