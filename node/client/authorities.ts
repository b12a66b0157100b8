import { readFileSync } from "node:fs";

/**
 * PEM of certificate authorities; or what reads it, asked at each connection, so that a long-lived client follows when the
 * network changes its authority.
 */
export type Authorities = string | (() => string);

export const pemOf = (ca: Authorities): string => (typeof ca === "string" ? ca : ca());

/** Follows a file, as a ConfigMap is mounted. Throws if it cannot be read now; later the last text that could be read stays. */
export function authoritiesIn(file: string): () => string {
  let last = readFileSync(file, "utf8");
  return () => {
    try {
      last = readFileSync(file, "utf8");
    } catch {
      // Between two versions of a mounted file; the next connection looks again.
    }
    return last;
  };
}
