import type { HeightTable } from "./height-table.ts";

/** Which blocks are held without a gap. */
export type HeldHeights = {
  /** The lowest height from which on every block is held; 1 before the first. */
  oldest(): number;
  /** A block in the middle was lost: what was found before no longer holds. */
  forget(): void;
};

export function heldHeights(blocks: HeightTable): HeldHeights {
  let oldest = 1;
  let seen = 0;
  return {
    oldest: () => {
      for (; seen < blocks.highest(); seen++) if (!blocks.has(seen + 1)) oldest = seen + 2;
      while (oldest <= seen && !blocks.has(oldest)) oldest += 1;
      return oldest;
    },
    forget: () => {
      oldest = 1;
      seen = 0;
    },
  };
}
