import { createPrivateKey, createPublicKey, randomBytes, sign, webcrypto } from "node:crypto";
import { assert } from "../../node/base/assert.ts";
import { fromHex, toHex } from "../../node/base/bytes.ts";

/** PEM texts. */
export type KeyAndCertificate = { readonly certificate: string; readonly key: string };

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3_650;
const LEAF_DAYS = 365;
/** Clocks of hosts differ; a certificate is valid a little before it was made. */
const BACKDATE_MS = 5 * 60_000;

/** Loaded when first needed, since a standby issues nothing, and after the polyfill that the library asks for. */
async function loadX509() {
  await import("reflect-metadata");
  return import("@peculiar/x509");
}

/** Positive, 120 bits of chance (RFC 5280 4.1.2.2 allows 20 bytes). */
const serialNumber = (): string => `01${toHex(randomBytes(15))}`;

const generate = () => webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);

async function keyPem(key: webcrypto.CryptoKey): Promise<string> {
  const { PemConverter } = await loadX509();
  return `${PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY")}\n`;
}

/** A new certificate authority that signs itself; it may sign leaves only. */
export async function issueAuthority(commonName: string, nowMs: number): Promise<KeyAndCertificate> {
  const x509 = await loadX509();
  const keys = await generate();
  const { KeyUsageFlags } = x509;
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    // As JSON, so that nothing in the name is read as syntax.
    name: [{ CN: [commonName] }],
    notBefore: new Date(nowMs - BACKDATE_MS),
    notAfter: new Date(nowMs + AUTHORITY_DAYS * DAY_MS),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: `${certificate.toString("pem")}\n`, key: await keyPem(keys.privateKey) };
}

/** How an authority's key signs; somebody else's may be RSA or of a larger curve. */
function algorithmOf(key: string) {
  const { asymmetricKeyType, asymmetricKeyDetails } = createPrivateKey(key);
  if (asymmetricKeyType === "rsa") return { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  const wide = asymmetricKeyDetails?.namedCurve === "secp384r1";
  return wide ? { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" } : algorithm;
}

/** A certificate for both ends of a connection, under an authority. Who it speaks for stands in `dnsNames` alone. */
export async function issueLeaf(
  request: { readonly commonName: string; readonly dnsNames: readonly string[] },
  authority: KeyAndCertificate,
  nowMs: number,
): Promise<KeyAndCertificate> {
  assert(request.dnsNames.length > 0, "a leaf certificate has a DNS name");
  const x509 = await loadX509();
  const issuer = new x509.X509Certificate(authority.certificate);
  const signingAlgorithm = algorithmOf(authority.key);
  const signingKey = await webcrypto.subtle.importKey(
    "pkcs8",
    x509.PemConverter.decodeFirst(authority.key),
    signingAlgorithm,
    false,
    ["sign"],
  );
  // As the issuer says it: how a key's identifier is made is each program's own (RFC 5280 4.2.1.2, RFC 7093), and OpenSSL compares.
  const issuerKeyId = issuer.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId;
  const keys = await generate();
  const { KeyUsageFlags, ExtendedKeyUsage } = x509;
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: [{ CN: [request.commonName] }],
    issuer: issuer.subjectName,
    notBefore: new Date(nowMs - BACKDATE_MS),
    // Beyond its authority's life nobody would trust it.
    notAfter: new Date(Math.min(nowMs + LEAF_DAYS * DAY_MS, issuer.notAfter.getTime())),
    signingAlgorithm,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension(request.dnsNames.map((value) => ({ type: "dns", value }))),
      issuerKeyId === undefined
        ? await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey)
        : new x509.AuthorityKeyIdentifierExtension(issuerKeyId),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: `${certificate.toString("pem")}\n`, key: await keyPem(keys.privateKey) };
}

/** RFC 8410: the fixed head of an Ed25519 private key in PKCS #8, before its 32-byte seed. */
const ED25519_HEAD = Buffer.from("302e020100300506032b657004220420", "hex");

const signingKey = (seed: Uint8Array) =>
  createPrivateKey({ key: Buffer.concat([ED25519_HEAD, seed]), format: "der", type: "pkcs8" });

/** Ed25519 (RFC 8032) with the key of a hexadecimal seed. */
export function signWithSeed(seed: string, message: Uint8Array): Uint8Array {
  const bytes = fromHex(seed, 32);
  assert(bytes !== undefined, "a seed has 32 bytes");
  return new Uint8Array(sign(null, message, signingKey(bytes)));
}

/** A new Ed25519 key as hexadecimal seed and public key. */
export function generateSigningKey(): { readonly seed: string; readonly publicKey: string } {
  const seed = randomBytes(32);
  const key = createPublicKey(signingKey(seed));
  const { x } = key.export({ format: "jwk" });
  assert(x !== undefined, "an Ed25519 key has a public part");
  return { seed: toHex(seed), publicKey: toHex(Buffer.from(x, "base64url")) };
}
