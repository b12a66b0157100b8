import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import type { V1Secret } from "@kubernetes/client-node";
import { createMemory } from "../../node/base/memory.ts";
import { accept, refuse } from "../../node/base/result.ts";
import { millis } from "../../node/base/units.ts";
import { authorityIn } from "./given-authority.ts";
import type { AuthorityFacts, CertificateFacts, GivenAuthority, LeafFacts } from "./snapshot.ts";

/** Keys of the authority's Secret: the one that signs, the one that will, and the one that signed before. */
const authorityKeys = ["ca.crt", "next.crt", "previous.crt"] as const;

const textOf = (secret: V1Secret, key: string): string | undefined => {
  const data = secret.data?.[key];
  return data === undefined ? undefined : Buffer.from(data, "base64").toString("utf8");
};
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** Dates, names and keys of the certificates in a cluster's Secrets; parsed once for each version of a Secret. */
export function readAuthority(secret: V1Secret | undefined): AuthorityFacts | undefined {
  if (secret === undefined) return undefined;
  return authorities(secret, "", [], () => {
    const held = authorityKeys.map((key) => parsed(textOf(secret, key)));
    const [current, next, previous] = held.map((certificate) => (certificate?.ca ? certificate : undefined));
    if (current === undefined) return undefined;
    const trusted = authorityKeys.filter((_, index) => held[index]?.ca);
    const bundle = trusted.map((key) => textOf(secret, key)?.trim() ?? "").join("\n");
    return {
      bundle,
      bundleHash: sha256(bundle),
      signs: fits(current, textOf(secret, "ca.key")),
      current: factsOf(current),
      // A next one without its key could never sign.
      ...(next !== undefined && fits(next, textOf(secret, "next.key")) ? { next: factsOf(next) } : {}),
      ...(previous === undefined ? {} : { previous: factsOf(previous) }),
    };
  });
}

/** What the Secret that `spec.tls.authoritySecret` names holds, beside the cluster's own. */
export function readGiven(secret: V1Secret | undefined, own: V1Secret | undefined): GivenAuthority {
  if (secret === undefined)
    return refuse("IssuerSecretMissing", "there is none of that name with the label hmn.dev/cluster");
  return givens(secret, "", [own?.metadata?.resourceVersion], () => {
    const pair = authorityIn({ "tls.crt": textOf(secret, "tls.crt"), "tls.key": textOf(secret, "tls.key") });
    if (!pair.ok) return pair;
    const certificate = new X509Certificate(pair.value.certificate);
    const is = (key: string): boolean =>
      own !== undefined && parsed(textOf(own, key))?.fingerprint256 === certificate.fingerprint256;
    return accept({
      stands: is("ca.crt") ? "Current" : is("next.crt") ? "Next" : "New",
      certificate: factsOf(certificate),
    });
  });
}

/** Undefined for what is no certificate with its key. */
export function readLeaf(secret: V1Secret, authority: V1Secret): LeafFacts | undefined {
  return leaves(secret, "", [readAuthority(authority)?.bundleHash], () => {
    const text = textOf(secret, "tls.crt");
    const leaf = parsed(text);
    if (text === undefined || leaf === undefined || !fits(leaf, textOf(secret, "tls.key"))) return undefined;
    const signedBy = (key: string): boolean => {
      const issuer = parsed(textOf(authority, key));
      return issuer !== undefined && leaf.checkIssued(issuer) && leaf.verify(issuer.publicKey);
    };
    const current = signedBy("ca.crt");
    return {
      ...factsOf(leaf),
      hash: sha256(text),
      signer: current ? "Current" : signedBy("previous.crt") ? "Previous" : "Other",
      dnsNames: (leaf.subjectAltName ?? "")
        .split(", ")
        .flatMap((name) => (name.startsWith("DNS:") ? name.slice("DNS:".length) : [])),
    };
  });
}

const authorities = createMemory<AuthorityFacts | undefined>();
const leaves = createMemory<LeafFacts | undefined>();
const givens = createMemory<GivenAuthority>();

function parsed(text: string | undefined): X509Certificate | undefined {
  if (text === undefined) return undefined;
  try {
    return new X509Certificate(text);
  } catch {
    return undefined;
  }
}

function fits(certificate: X509Certificate, key: string | undefined): boolean {
  try {
    return key !== undefined && certificate.checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

const factsOf = (certificate: X509Certificate): CertificateFacts => ({
  notBefore: millis(Date.parse(certificate.validFrom)),
  notAfter: millis(Date.parse(certificate.validTo)),
});
