import "reflect-metadata";
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";
import type { KeyAndCertificate } from "./pki.ts";

const ALGORITHMS = {
  p256: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  p384: { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" },
  rsa: { name: "RSASSA-PKCS1-v1_5", modulusLength: 2_048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" },
  ed25519: { name: "Ed25519" },
} as const;

/** An authority as other programs make them: of any algorithm, with a key identifier of their own making, maybe under another one. */
export async function foreignAuthority(wanted: {
  readonly algorithm: keyof typeof ALGORITHMS;
  readonly commonName: string;
  readonly keyId: string;
  readonly nowMs: number;
  readonly isBelow?: true;
}): Promise<KeyAndCertificate> {
  const signingAlgorithm = ALGORITHMS[wanted.algorithm];
  const make = () => webcrypto.subtle.generateKey(signingAlgorithm, true, ["sign", "verify"]);
  const keys = (await make()) as webcrypto.CryptoKeyPair;
  const above = wanted.isBelow === true ? ((await make()) as webcrypto.CryptoKeyPair) : keys;
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: "01",
    subject: [{ CN: [wanted.commonName] }],
    issuer: [{ CN: [wanted.isBelow === true ? "a root of many" : wanted.commonName] }],
    notBefore: new Date(wanted.nowMs - 60_000),
    notAfter: new Date(wanted.nowMs + 90 * 86_400_000),
    signingAlgorithm,
    publicKey: keys.publicKey,
    signingKey: above.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      new x509.SubjectKeyIdentifierExtension(wanted.keyId),
    ],
  });
  const key = x509.PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY");
  return { certificate: certificate.toString("pem"), key };
}
