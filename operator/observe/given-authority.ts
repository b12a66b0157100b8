import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { accept, type Result, refuse } from "../../node/base/result.ts";

const RSA_BITS_MIN = 2_048;
/** Curves as OpenSSL names them. */
const CURVES: readonly string[] = ["prime256v1", "secp384r1"];

const unusable = (detail: string) => refuse("IssuerSecretUnusable", detail);

/**
 * The authority in a Secret of the type `kubernetes.io/tls` that another program made, as PEM with a PKCS #8 key. It has to be
 * a root: under one that others use, too, whoever can have that sign the name of a validator would pass for it.
 */
export function authorityIn(
  data: Readonly<Record<"tls.crt" | "tls.key", string | undefined>>,
): Result<{ readonly certificate: string; readonly key: string }> {
  const { "tls.crt": certificateText = "", "tls.key": keyText = "" } = data;
  if (certificateText.trim() === "" || keyText.trim() === "")
    return unusable("tls.crt or tls.key is empty: look at the Certificate that makes it");
  const certificate = readOr(() => new X509Certificate(certificateText));
  if (certificate === undefined) return unusable("tls.crt is no certificate in PEM");
  const key = readOr(() => createPrivateKey(keyText));
  if (key === undefined) return unusable("tls.key is no private key in PEM");
  if (!certificate.ca) return unusable("tls.crt is no authority: its Certificate needs isCA: true");
  if (!certificate.checkPrivateKey(key)) return unusable("tls.key is not the key of tls.crt");
  if (!certificate.checkIssued(certificate) || !certificate.verify(certificate.publicKey))
    return unusable(
      "the authority in tls.crt is signed by another one, under which others have certificates, too: use one that signs itself (a SelfSigned issuer)",
    );
  if (!canSign(key)) return unusable("tls.key is neither ECDSA (P-256, P-384) nor RSA of 2048 bits or more");
  return accept({
    certificate: certificate.toString(),
    key: key.export({ format: "pem", type: "pkcs8" }).toString(),
  });
}

function canSign({ asymmetricKeyType, asymmetricKeyDetails = {} }: KeyObject): boolean {
  if (asymmetricKeyType === "ec") return CURVES.includes(asymmetricKeyDetails.namedCurve ?? "");
  return asymmetricKeyType === "rsa" && (asymmetricKeyDetails.modulusLength ?? 0) >= RSA_BITS_MIN;
}

function readOr<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
