import { type Millis, millis } from "../../node/base/units.ts";
import type { AuthorityFacts, CertificateFacts, LeafFacts } from "../observe/snapshot.ts";

/** A certificate is replaced by its age after two thirds of its life: of a year's, four months before its end. */
export const dueAt = ({ notBefore, notAfter }: CertificateFacts): Millis =>
  millis(notBefore + Math.ceil((2 * (notAfter - notBefore)) / 3));

/** From here on a new one is better than any order in which nodes get theirs: of a year's, one month before its end. */
export const urgentAt = ({ notBefore, notAfter }: CertificateFacts): Millis =>
  millis(notAfter - Math.floor((notAfter - notBefore) / 12));

/** Shows the right names and comes from the signing authority, or at least from one that is trusted still. */
export const isUsable = (leaf: LeafFacts | undefined, now: Millis): leaf is LeafFacts =>
  leaf !== undefined && leaf.signer !== "Other" && now < urgentAt(leaf);

/** It ends with its authority: a new one under that would not live longer. */
export const endsWith = (leaf: LeafFacts, { current }: AuthorityFacts): boolean =>
  leaf.signer === "Current" && leaf.notAfter >= current.notAfter;

export const isDue = (
  leaf: LeafFacts,
  { authority, dnsNames, now }: { authority: AuthorityFacts; dnsNames: readonly string[]; now: Millis },
): boolean =>
  leaf.signer !== "Current" ||
  (now >= dueAt(leaf) && !endsWith(leaf, authority)) ||
  dnsNames.some((name) => !leaf.dnsNames.includes(name));
