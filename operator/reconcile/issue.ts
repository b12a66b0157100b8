import { assert, unreachable } from "../../node/base/assert.ts";
import { authorityIn } from "../observe/given-authority.ts";
import { ApiError } from "../runtime/api-error.ts";
import { generateSigningKey, issueAuthority, issueLeaf, type KeyAndCertificate } from "../runtime/pki.ts";
import type { Action, KubeObject } from "./actions.ts";

type Issue = Extract<Action, { type: "issue" }>;
/** Data of a Secret as text. */
export type SecretText = Readonly<Record<string, string>>;

/** Longest common name of an X.509 subject (RFC 5280, ub-common-name); identities stand in the alternative names. */
const COMMON_NAME_MAX = 64;

/** Makes the keys that the action asks for, as the Secret that will hold them. `authority`: the Secret that `issuer` names. */
export async function issuedSecret(
  action: Issue,
  namespace: string,
  authority: SecretText | undefined,
  nowMs: number,
): Promise<KubeObject & Content> {
  const { type, stringData } = await contentOf(action, authority, nowMs);
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      name: action.secret,
      namespace,
      labels: action.labels,
      ...(action.ownerReferences === undefined ? {} : { ownerReferences: action.ownerReferences }),
    },
    type,
    stringData,
  };
}

type Content = { readonly type: string; readonly stringData: SecretText };

async function contentOf(action: Issue, authority: SecretText | undefined, nowMs: number): Promise<Content> {
  const commonName = action.commonName.slice(0, COMMON_NAME_MAX);
  switch (action.what) {
    case "authority": {
      const { certificate, key } =
        action.issuer === undefined ? await issueAuthority(commonName, nowMs) : given(authority);
      return { type: "Opaque", stringData: { "ca.crt": certificate, "ca.key": key } };
    }
    case "leaf": {
      const issuer = signer(authority);
      const { certificate, key } = await issueLeaf({ commonName, dnsNames: action.dnsNames }, issuer, nowMs);
      return {
        type: "kubernetes.io/tls",
        stringData: { "tls.crt": certificate, "tls.key": key, "ca.crt": issuer.certificate },
      };
    }
    case "governance": {
      const { seed, publicKey } = generateSigningKey();
      return { type: "Opaque", stringData: { seed, publicKey } };
    }
    default:
      return unreachable(action.what);
  }
}

type Rotate = Extract<Action, { type: "rotate-authority" }>;

/** What somebody else made, as it is now: if it is none any more, what was decided is. */
function given(text: SecretText | undefined): KeyAndCertificate {
  const pair = authorityIn({ "tls.crt": text?.["tls.crt"], "tls.key": text?.["tls.key"] });
  if (!pair.ok) throw new ApiError(409, "Conflict", pair.detail ?? pair.reason);
  return pair.value;
}

/** The keys of the authority's Secret that one step of its change sets, or removes by null. */
export async function rotatedAuthority(
  { step, commonName }: Rotate,
  before: SecretText,
  issuer: SecretText | undefined,
  nowMs: number,
): Promise<Readonly<Record<string, string | null>>> {
  switch (step) {
    case "add": {
      const { certificate, key } =
        issuer === undefined ? await issueAuthority(commonName.slice(0, COMMON_NAME_MAX), nowMs) : given(issuer);
      return { "next.crt": certificate, "next.key": key };
    }
    case "switch": {
      const { "next.crt": certificate, "next.key": key, "ca.crt": previous } = before;
      assert(certificate !== undefined && key !== undefined && previous !== undefined, "the next authority is there");
      return { "ca.crt": certificate, "ca.key": key, "previous.crt": previous, "next.crt": null, "next.key": null };
    }
    case "drop":
      return { "previous.crt": null };
    default:
      return unreachable(step);
  }
}

function signer(authority: SecretText | undefined): KeyAndCertificate {
  const certificate = authority?.["ca.crt"];
  const key = authority?.["ca.key"];
  assert(certificate !== undefined && key !== undefined, "a leaf is issued under an authority that exists");
  return { certificate, key };
}
