import "reflect-metadata";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import type { Material } from "./credentials.ts";

/** A certificate authority for tests, in the shape of the one that the operator makes. */
export type TestAuthority = {
  readonly ca: string;
  /** A key and a certificate with these DNS names. */
  issue(...dnsNames: string[]): Promise<Material>;
};

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const HOUR_MS = 3_600_000;

const pem = (label: string, der: ArrayBuffer): string =>
  `-----BEGIN ${label}-----\n${Buffer.from(der).toString("base64")}\n-----END ${label}-----\n`;

/** Where two of them meet in one bundle their names have to differ: OpenSSL looks an issuer up by its name. */
export async function testAuthority(name = "test"): Promise<TestAuthority> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const validity = { notBefore: new Date(Date.now() - HOUR_MS), notAfter: new Date(Date.now() + HOUR_MS) };
  const root = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    ...validity,
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  const ca = root.toString("pem");
  return {
    ca,
    issue: async (...dnsNames) => {
      const leaf = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
      const certificate = await X509CertificateGenerator.create({
        subject: `CN=${dnsNames[0] ?? "nobody"}`,
        issuer: root.subject,
        ...validity,
        publicKey: leaf.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: ALGORITHM,
        extensions: [
          new SubjectAlternativeNameExtension(dnsNames.map((value) => ({ type: "dns", value }))),
          new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
        ],
      });
      return {
        ca,
        cert: certificate.toString("pem"),
        key: pem("PRIVATE KEY", await crypto.subtle.exportKey("pkcs8", leaf.privateKey)),
      };
    },
  };
}

/** Writes the three files as a kubelet projects them, each whole or not at all. */
export function writeMaterial(folder: string, { ca, cert, key }: Material): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of [
    ["ca.crt", ca],
    ["tls.crt", cert],
    ["tls.key", key],
  ] as const) {
    writeFileSync(join(folder, `.${name}`), text, { mode: 0o600 });
    renameSync(join(folder, `.${name}`), join(folder, name));
  }
}
