import { createPrivateKey, createPublicKey, sign, verify, X509Certificate } from "node:crypto";
import type { AddressInfo } from "node:net";
import { connect, createServer, type TLSSocket } from "node:tls";
import { beforeAll, expect, test } from "vitest";
import { generateSigningKey, issueAuthority, issueLeaf, type KeyAndCertificate } from "./pki.ts";
import { foreignAuthority } from "./test-authority.ts";

const now = Date.now();
let authority: KeyAndCertificate;
let stranger: KeyAndCertificate;
let node: KeyAndCertificate;
let operator: KeyAndCertificate;
beforeAll(async () => {
  authority = await issueAuthority("payments CA", now);
  stranger = await issueAuthority("payments CA", now);
  node = await issueLeaf({ commonName: "0.payments", dnsNames: ["0.payments", "c-0.ns.svc"] }, authority, now);
  operator = await issueLeaf({ commonName: "operator.payments", dnsNames: ["operator.payments"] }, authority, now);
});

/** Name of the client as the server saw it, or why there was no connection. */
async function handshake(
  client: KeyAndCertificate | undefined,
  ca: string,
  servername: string,
  own = { ...node, ca: authority.certificate },
): Promise<string> {
  const seen = Promise.withResolvers<string>();
  const server = createServer(
    { key: own.key, cert: own.certificate, ca: own.ca, requestCert: true, minVersion: "TLSv1.3" },
    (socket: TLSSocket) => {
      seen.resolve(String(socket.getPeerCertificate().subjectaltname));
      socket.end();
    },
  );
  server.on("tlsClientError", (error) => seen.resolve(`client: ${error.message}`));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const socket = connect({
    port,
    host: "127.0.0.1",
    servername,
    ca,
    ...(client === undefined ? {} : { key: client.key, cert: client.certificate }),
  });
  socket.on("error", (error) => seen.resolve(`server: ${error.message}`));
  try {
    return await seen.promise;
  } finally {
    socket.destroy();
    server.close();
  }
}

test("both ends prove themselves by certificates of one authority", async () => {
  expect(await handshake(operator, authority.certificate, "0.payments")).toBe("DNS:operator.payments");
  expect(await handshake(operator, authority.certificate, "c-0.ns.svc")).toBe("DNS:operator.payments");
});

test("a server under another name or another authority of the same name is refused", async () => {
  expect(await handshake(operator, authority.certificate, "1.payments")).toMatch(
    /does not match certificate's altnames/,
  );
  expect(await handshake(operator, stranger.certificate, "0.payments")).toMatch(/^server: /);
});

test("a client without a certificate, or with a stranger's, is refused", async () => {
  const forged = await issueLeaf({ commonName: "x", dnsNames: ["operator.payments"] }, stranger, now);
  expect(await handshake(undefined, authority.certificate, "0.payments")).toMatch(/client: .*certificate/);
  expect(await handshake(forged, authority.certificate, "0.payments")).toMatch(/client: .*/);
});

test("the authority lasts ten years and signs leaves only; a leaf lasts one year and signs nothing", () => {
  const [ca, leaf] = [new X509Certificate(authority.certificate), new X509Certificate(node.certificate)];
  const days = (certificate: X509Certificate) => (Date.parse(certificate.validTo) - now) / 86_400_000;
  expect(days(ca)).toBeCloseTo(3_650, 0);
  expect(days(leaf)).toBeCloseTo(365, 0);
  expect(now - Date.parse(leaf.validFrom)).toBeGreaterThanOrEqual(5 * 60_000);
  expect([ca.ca, leaf.ca]).toEqual([true, false]);
  expect(leaf.checkIssued(ca)).toBe(true);
  expect(leaf.verify(ca.publicKey)).toBe(true);
  expect(leaf.subjectAltName).toBe("DNS:0.payments, DNS:c-0.ns.svc");
  // Extended key usage of both ends (RFC 5280 4.2.1.12).
  expect(leaf.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
  expect(ca.publicKey.asymmetricKeyDetails?.namedCurve).toBe("prime256v1");
});

test("serial numbers do not repeat", async () => {
  const other = await issueLeaf({ commonName: "x", dnsNames: ["x"] }, authority, now);
  expect(new X509Certificate(other.certificate).serialNumber).not.toBe(
    new X509Certificate(node.certificate).serialNumber,
  );
});

test("a signing key's public half belongs to its seed", () => {
  const { seed, publicKey } = generateSigningKey();
  expect(seed).toMatch(/^[0-9a-f]{64}$/);
  const jwk = { kty: "OKP", crv: "Ed25519", x: Buffer.from(publicKey, "hex").toString("base64url") };
  const secret = { ...jwk, d: Buffer.from(seed, "hex").toString("base64url") };
  const signature = sign(null, Buffer.from("x"), createPrivateKey({ key: secret, format: "jwk" }));
  expect(verify(null, Buffer.from("x"), createPublicKey({ key: jwk, format: "jwk" }), signature)).toBe(true);
  expect(generateSigningKey().seed).not.toBe(seed);
});

test.each(["p256", "p384", "rsa"] as const)(
  "authorities that another program made (%s) may share a name in one bundle, whatever identifies their keys",
  async (algorithm) => {
    const made = (keyId: string) => foreignAuthority({ algorithm, commonName: "issued", keyId, nowMs: now });
    const [old, renewed] = [await made("0a0b0c"), await made("ff".repeat(32))];
    const bundle = `${renewed.certificate}\n${old.certificate}`;
    const leafOf = (name: string, issuer: KeyAndCertificate) =>
      issueLeaf({ commonName: name, dnsNames: [name] }, issuer, now);
    for (const [server, client] of [
      [old, renewed],
      [renewed, old],
    ] as const) {
      const own = { ...(await leafOf("0.payments", server)), ca: bundle };
      const theirs = await leafOf("operator.payments", client);
      expect(await handshake(theirs, bundle, "0.payments", own)).toBe("DNS:operator.payments");
      expect(await handshake(theirs, client.certificate, "0.payments", own)).toMatch(/^server: /);
    }
  },
);
