import type { X509Certificate } from "node:crypto";
import { nodeIdentity } from "../api/contract.ts";

/**
 * Whether the certificate names exactly this validator, as a DNS subject alternative name: no wildcard, no common name.
 * OpenSSL compares the parsed names; their printed list could be misread, as a name may contain a comma.
 */
export function isValidator(certificate: X509Certificate, validator: number, network: string): boolean {
  return certificate.checkHost(nodeIdentity(validator, network), { subject: "never", wildcards: false }) !== undefined;
}

/** Which one of these validators the certificate names; undefined for none, and for a certificate that names several. */
export function validatorOf(
  certificate: X509Certificate,
  validators: readonly number[],
  network: string,
): number | undefined {
  const named = validators.filter((validator) => isValidator(certificate, validator, network));
  return named.length === 1 ? named[0] : undefined;
}
