import { executeMint } from "./execute-mint.ts";
import type { VoteCounts } from "./vote-counts.ts";

/**
 * The rules that every validator's weights and supply rest on, one function each. Production always runs `CHAIN_RULES`;
 * the simulator's canaries break one at a time, to show that its checkers would see it.
 */
export type ChainRules = {
  /** Rule 6: a boundary measures the epoch before, of which nothing changes after E; never what is live. */
  readonly measured: (counts: readonly VoteCounts[], epoch: number) => VoteCounts | undefined;
  /** One mint per network and epoch, where it is due (domain.md, "Minting"). */
  readonly mint: typeof executeMint;
};

export const CHAIN_RULES: ChainRules = {
  measured: (counts, epoch) => counts.find((of) => of.epoch === epoch),
  mint: executeMint,
};
