import type { Logger } from "pino";

/**
 * Why a connection between nodes did not come about: a limit of connections (`limit`), the TLS handshake or the
 * certificate (`handshake`), a certificate of no peer that dials this node (`not-a-peer`), nothing said (`no-hello`),
 * or a hello that this node can't go along with.
 */
export const refusalReasons = [
  "limit",
  "handshake",
  "not-a-peer",
  "no-hello",
  "malformed",
  "wire-version",
  "chain",
] as const;
export type RefusalReason = (typeof refusalReasons)[number];

export type Refusals = {
  note(refusal: { readonly reason: RefusalReason; readonly peer?: number; readonly detail: string }): void;
  /** The peer is connected, or none any more: its last refusal means nothing now. */
  forget(peer: number): void;
  /** What stands between this node and a peer, for `/status`; strangers have no entry. */
  latest(): readonly { readonly peer: number; readonly reason: string }[];
};

const LOG_EVERY_MS = 1_000;

/** Counts every refusal, and logs each peer's (all strangers' together) at most once a second for each reason, so that nobody fills the log. */
export function noteRefusals(log: Logger, onRefused: (reason: RefusalReason) => void): Refusals {
  const byPeer = new Map<number, string>();
  const loggedAtMs = new Map<string, number>();
  return {
    note: ({ reason, peer, detail }) => {
      onRefused(reason);
      if (peer !== undefined) byPeer.set(peer, detail);
      const now = performance.now();
      const about = `${reason} ${peer ?? ""}`;
      if (now - (loggedAtMs.get(about) ?? -LOG_EVERY_MS) < LOG_EVERY_MS) return;
      loggedAtMs.set(about, now);
      log.warn({ reason, detail, ...(peer === undefined ? {} : { peer }) }, "connection refused");
    },
    forget: (peer) => void byPeer.delete(peer),
    latest: () => [...byPeer].map(([peer, reason]) => ({ peer, reason })).toSorted((a, b) => a.peer - b.peer),
  };
}
