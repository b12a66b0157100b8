import type { Issued } from "./certificates.ts";

/** A kubeconfig for an API server on this port of loopback, and for whoever has this certificate. */
export function renderKubeconfig(port: number, authority: string, user: Issued): string {
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const cluster = { server: `https://127.0.0.1:${port}`, "certificate-authority-data": base64(authority) };
  const shown = { "client-certificate-data": base64(user.certificate), "client-key-data": base64(user.key) };
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "api", cluster }],
    users: [{ name: "user", user: shown }],
    contexts: [{ name: "api", context: { cluster: "api", user: "user" } }],
    "current-context": "api",
  });
}
