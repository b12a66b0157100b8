import type { ImageWanted } from "../images/build.ts";
import { OPERATOR_IMAGE, OPERATOR_VERSION } from "./operator.ts";

/** A release of the node as a user names it in the spec. */
export type Release = { readonly version: string; readonly image: string };

const release = (version: string): Release => ({ version, image: `local/hmn-node:${version}` });

export const FIRST = release("1.0.0");
export const GOOD = release("1.1.0");
/** The demo's bad release: each answer to a client leaves three seconds late. */
export const BAD = release("1.2.0");
export const SLOW = release("1.2.0-slow");
/** Its process ends five seconds after each start. */
export const CRASHING = release("1.2.1-crash");
/** It executes every block to other results than the others. */
export const DIFFERING = release("1.2.4-differ");
/** No registry and no host has it. */
export const MISSING: Release = { version: "1.3.0", image: "local/hmn-node:1.3.0-never-built" };

const node = ({ version, image }: Release, faults?: string): ImageWanted => ({
  name: image,
  kind: "node",
  version,
  ...(faults === undefined ? {} : { faults }),
});

const OPERATOR: ImageWanted = { name: OPERATOR_IMAGE, kind: "operator", version: OPERATOR_VERSION };

export const DEMO_IMAGES: readonly ImageWanted[] = [OPERATOR, node(FIRST), node(GOOD), node(BAD, "slow=3000")];
export const SCENARIO_IMAGES: readonly ImageWanted[] = [
  OPERATOR,
  node(FIRST),
  node(GOOD),
  node(SLOW, "slow=3000"),
  node(CRASHING, "crash=5"),
  node(DIFFERING, "differ"),
];
