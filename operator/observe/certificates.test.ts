import type { V1Secret } from "@kubernetes/client-node";
import { beforeAll, describe, expect, test } from "vitest";
import { issueAuthority, issueLeaf, type KeyAndCertificate } from "../runtime/pki.ts";
import { foreignAuthority } from "../runtime/test-authority.ts";
import { readAuthority, readGiven, readLeaf } from "./certificates.ts";

const now = Date.now();
const secret = (data: Readonly<Record<string, string>>): V1Secret => ({
  data: Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString("base64")])),
});
const leafSecret = ({ certificate, key }: KeyAndCertificate): V1Secret =>
  secret({ "tls.crt": certificate, "tls.key": key });

let first: KeyAndCertificate;
let second: KeyAndCertificate;
let leaf: KeyAndCertificate;
let below: KeyAndCertificate;
let ed25519: KeyAndCertificate;
beforeAll(async () => {
  first = await issueAuthority("payments CA", now);
  second = await issueAuthority("payments CA 2", now);
  leaf = await issueLeaf({ commonName: "0.payments", dnsNames: ["0.payments", "payments-0"] }, first, now);
  const foreign = { commonName: "issued", keyId: "00", nowMs: now };
  below = await foreignAuthority({ ...foreign, algorithm: "p256", isBelow: true });
  ed25519 = await foreignAuthority({ ...foreign, algorithm: "ed25519" });
});
const authority = (more: Readonly<Record<string, string>> = {}) =>
  secret({ "ca.crt": first.certificate, "ca.key": first.key, ...more });

test("the bundle is every authority of the Secret, the signing one first, and nothing else that lies in it", () => {
  const alone = readAuthority(authority());
  expect(alone).toMatchObject({ bundle: first.certificate.trim(), signs: true });
  expect(alone).not.toHaveProperty("next");
  const both = readAuthority(authority({ "next.crt": second.certificate, "next.key": second.key }));
  expect(both?.bundle).toBe(`${first.certificate.trim()}\n${second.certificate.trim()}`);
  expect(both?.bundleHash).not.toBe(alone?.bundleHash);
  expect(both).toHaveProperty("next");
  for (const bad of ["", "nonsense", leaf.certificate])
    expect(readAuthority(authority({ "previous.crt": bad }))).toEqual(alone);
});

test("what is not a key pair cannot sign, and a next authority without its key is none", () => {
  expect(readAuthority(secret({ "ca.crt": first.certificate, "ca.key": second.key }))?.signs).toBe(false);
  expect(readAuthority(secret({ "ca.crt": first.certificate }))?.signs).toBe(false);
  expect(readAuthority(secret({ "ca.crt": "nonsense", "ca.key": first.key }))).toBeUndefined();
  expect(readAuthority(authority({ "next.crt": second.certificate }))).not.toHaveProperty("next");
});

test("a leaf is of the authority that signed it, by its signature and not by its word", async () => {
  expect(readLeaf(leafSecret(leaf), authority())).toMatchObject({
    signer: "Current",
    dnsNames: ["0.payments", "payments-0"],
  });
  const switched = secret({ "ca.crt": second.certificate, "ca.key": second.key, "previous.crt": first.certificate });
  expect(readLeaf(leafSecret(leaf), switched)?.signer).toBe("Previous");
  const impostor = await issueAuthority("payments CA", now);
  const forged = await issueLeaf({ commonName: "0.payments", dnsNames: ["0.payments"] }, impostor, now);
  expect(readLeaf(leafSecret(forged), authority())?.signer).toBe("Other");
  expect(readLeaf(secret({ "tls.crt": leaf.certificate, "tls.key": forged.key }), authority())).toBeUndefined();
});

test("a leaf does not outlive its authority", async () => {
  const tenYears = 3_650 * 86_400_000;
  const late = await issueLeaf({ commonName: "x", dnsNames: ["x"] }, first, now + tenYears - 86_400_000);
  const ends = readLeaf(leafSecret(late), authority())?.notAfter;
  expect(ends).toBe(readAuthority(authority())?.current.notAfter);
});

describe("an authority that somebody else makes", () => {
  const given = ({ certificate, key }: Partial<KeyAndCertificate>) =>
    secret({ "tls.crt": certificate ?? "", "tls.key": key ?? "" });

  test("stands beside the cluster's own, whose keys tell its place", () => {
    const own = authority({ "next.crt": second.certificate, "next.key": second.key });
    expect(readGiven(given(first), own)).toMatchObject({ ok: true, value: { stands: "Current" } });
    expect(readGiven(given(second), own)).toMatchObject({ ok: true, value: { stands: "Next" } });
    expect(readGiven(given(second), authority())).toMatchObject({ ok: true, value: { stands: "New" } });
    expect(readGiven(given(first), undefined)).toMatchObject({ ok: true, value: { stands: "New" } });
  });

  test.each<[said: string, () => V1Secret | undefined]>([
    ["none of that name", () => undefined],
    ["is empty", () => given({ certificate: first.certificate })],
    ["is empty", () => secret({ "ca.crt": first.certificate, "ca.key": first.key })],
    ["no certificate in PEM", () => given({ certificate: "nonsense", key: first.key })],
    ["no private key in PEM", () => given({ certificate: first.certificate, key: "nonsense" })],
    ["isCA: true", () => given(leaf)],
    ["not the key of", () => given({ certificate: first.certificate, key: second.key })],
    ["signs itself", () => given(below)],
    ["neither ECDSA", () => given(ed25519)],
  ])("refused: %s", (said, what) => {
    const answer = readGiven(what(), authority());
    expect(answer).toMatchObject({ ok: false, detail: expect.stringContaining(said) });
    expect(JSON.stringify(answer)).not.toContain("PRIVATE KEY");
  });
});
