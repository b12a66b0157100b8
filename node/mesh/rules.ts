import type { Millis } from "../base/units.ts";
import { compareVersions, isSigned, type MemoryEntry } from "../codec/memory-entry.ts";
import { AHEAD_MAX_MS } from "./limits.ts";

/**
 * What convergence of the mesh, and trust in what it holds, rest on. Production always runs `MESH_RULES`; the simulator's
 * canaries break one rule at a time, to show that its checkers would see it.
 */
export type MeshRules = {
  /** Of two versions of one entry the newer one stays, on every node and whatever came first. */
  readonly compare: typeof compareVersions;
  /** Digests cover tombstones like every other version, or whoever missed a deletion would never hear of it. */
  readonly isCompared: (entry: MemoryEntry) => boolean;
  /** Only its author writes an entry. */
  readonly isSigned: typeof isSigned;
  /** What is further ahead of this node's clock is refused. */
  readonly aheadMaxMs: Millis;
};

export const MESH_RULES: MeshRules = {
  compare: compareVersions,
  isCompared: () => true,
  isSigned,
  aheadMaxMs: AHEAD_MAX_MS,
};
