import { webcrypto } from "node:crypto";

/** A certificate and its key, in PEM. */
export type Issued = { readonly certificate: string; readonly key: string };

/** Issues what an API server for tests needs: one server certificate, and clients by name and group. */
export type Authority = {
  readonly certificate: string;
  server(addresses: readonly string[]): Promise<Issued>;
  client(name: string, group: string): Promise<Issued>;
};

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const LIFE_MS = 30 * 24 * 3_600_000;

export async function makeAuthority(): Promise<Authority> {
  // Loaded when needed, behind what it wants to find: most that is done with clusters issues nothing.
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  const keys = await makeKeys();
  const notBefore = new Date(Date.now() - 60_000);
  const notAfter = new Date(Date.now() + LIFE_MS);
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=hmn-test-api",
    keys,
    signingAlgorithm: ALGORITHM,
    notBefore,
    notAfter,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  });
  const issue = async (
    subject: string | { [attribute: string]: string[] }[],
    usage: string,
    addresses: readonly string[],
  ): Promise<Issued> => {
    const own = await makeKeys();
    const names = addresses.map((value) => ({
      type: /^[0-9.]+$/.test(value) ? ("ip" as const) : ("dns" as const),
      value,
    }));
    const certificate = await x509.X509CertificateGenerator.create({
      subject,
      issuer: root.subject,
      publicKey: own.publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: ALGORITHM,
      notBefore,
      notAfter,
      extensions: [
        new x509.ExtendedKeyUsageExtension([usage]),
        ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
      ],
    });
    return { certificate: certificate.toString("pem"), key: await privatePem(own.privateKey) };
  };
  return {
    certificate: root.toString("pem"),
    server: (addresses) => issue("CN=kube-apiserver", x509.ExtendedKeyUsage.serverAuth, addresses),
    client: (name, group) => issue([{ O: [group] }, { CN: [name] }], x509.ExtendedKeyUsage.clientAuth, []),
  };
}

/** A key pair in PEM, e.g. for signing the tokens of ServiceAccounts. */
export async function makeKeyPair(): Promise<{ readonly privateKey: string; readonly publicKey: string }> {
  const keys = await makeKeys();
  const spki = Buffer.from(await webcrypto.subtle.exportKey("spki", keys.publicKey));
  return { privateKey: await privatePem(keys.privateKey), publicKey: pem("PUBLIC KEY", spki) };
}

async function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}

async function privatePem(key: webcrypto.CryptoKey): Promise<string> {
  return pem("PRIVATE KEY", Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key)));
}

const pem = (label: string, bytes: Buffer): string =>
  `-----BEGIN ${label}-----\n${(bytes.toString("base64").match(/.{1,64}/g) ?? []).join("\n")}\n-----END ${label}-----\n`;
