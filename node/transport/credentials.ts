import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import type { Hex } from "../base/bytes.ts";

/**
 * How this node's servers speak TLS. The server's order of ciphers counts: of the three of TLS 1.3 AES-128-GCM, which is as
 * safe as a P-256 certificate can make it, costs a quarter less CPU than AES-256-GCM.
 */
export const SERVER_TLS = {
  minVersion: "TLSv1.3",
  ciphers: "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256",
} as const;

/** What a TLS endpoint of this node is made with. */
export type Material = { readonly ca: string; readonly cert: string; readonly key: string };

/** The node's certificates, which change under it: every new connection uses the current ones, old connections stay. */
export type Credentials = {
  material(): Material;
  /** SHA-256 of the CA bundle in use. */
  caBundleHash(): Hex;
  /** SHA-256 of the own certificate in use. */
  certificateHash(): Hex;
  /** Calls back with each new material. */
  onChange(listener: (material: Material) => void): void;
  close(): void;
};

const POLL_MS = 2_000;

/**
 * Reads `ca.crt`, `tls.crt` and `tls.key` of the folder and looks again every two seconds: a kubelet swaps a symlink
 * above them, which watching the files would miss. Throws if they can't be used at the start; later a set that does not
 * fit together (half-written) is reported once and the last good one stays.
 */
export function watchCredentials(
  folder: string,
  onRefused: (cause: unknown) => void,
  { pollMs = POLL_MS }: { pollMs?: number } = {},
): Credentials {
  const read = (): Material => ({
    ca: readFileSync(join(folder, "ca.crt"), "utf8"),
    cert: readFileSync(join(folder, "tls.crt"), "utf8"),
    key: readFileSync(join(folder, "tls.key"), "utf8"),
  });
  let current = read();
  createSecureContext(current);
  let refused = "";
  const listeners: ((material: Material) => void)[] = [];
  const look = (): void => {
    try {
      const next = read();
      if (next.ca === current.ca && next.cert === current.cert && next.key === current.key) return;
      createSecureContext(next);
      current = next;
      refused = "";
      for (const listener of listeners) listener(next);
    } catch (cause) {
      if (String(cause) !== refused) onRefused(cause);
      refused = String(cause);
    }
  };
  const timer = setInterval(look, pollMs).unref();
  return {
    material: () => current,
    caBundleHash: () => createHash("sha256").update(current.ca).digest("hex"),
    certificateHash: () => createHash("sha256").update(current.cert).digest("hex"),
    onChange: (listener) => {
      listeners.push(listener);
    },
    close: () => clearInterval(timer),
  };
}
