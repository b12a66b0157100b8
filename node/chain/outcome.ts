import { writeOutcome } from "../codec/client-protocol.ts";
import { writer } from "../codec/writer.ts";
import { leafHash } from "./merkle.ts";
import type { BatchOutcome } from "./types.ts";

/** The leaf of one batch in a block's results root: which batch, and what became of it. */
export const outcomeLeaf = ({ batch, outcome }: { batch: Uint8Array; outcome: BatchOutcome }): Uint8Array =>
  leafHash(batch, writeOutcome(writer(), outcome).done());
