import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { type NetworkFile, networkFileSchema, type TrustAnchor } from "./api/contract.ts";

const POLL_MS = 2_000;

/** `network.json`; throws if it is missing or malformed, as the operator mounts it before it starts a node. */
export function readNetwork(folder: string): NetworkFile {
  const path = join(folder, "network.json");
  try {
    return networkFileSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (cause) {
    throw new Error(`${path} cannot be used`, { cause });
  }
}

/**
 * Looks at `network.json` again every two seconds (a kubelet swaps a symlink above it, which watching the file would
 * miss) and hands over what of it changed. A file that cannot be used, or is of another network, is told once and changes
 * nothing.
 */
export function watchNetwork(
  folder: string,
  current: NetworkFile,
  on: {
    readonly peers: (peers: NetworkFile["peers"]) => void;
    readonly trust: (anchor: TrustAnchor | undefined) => void;
    readonly refused: (cause: unknown) => void;
  },
  pollMs = POLL_MS,
): { close(): void } {
  let known = current;
  let refused = "";
  const look = (): void => {
    try {
      const next = readNetwork(folder);
      if (next.network !== current.network) throw new Error(`network.json is of network ${next.network} now`);
      refused = "";
      const before = known;
      known = next;
      if (!isDeepStrictEqual(next.peers, before.peers)) on.peers(next.peers);
      if (!isDeepStrictEqual(next.trust, before.trust)) on.trust(next.trust);
    } catch (cause) {
      if (String(cause) !== refused) on.refused(cause);
      refused = String(cause);
    }
  };
  const timer = setInterval(look, pollMs).unref();
  return { close: () => clearInterval(timer) };
}
