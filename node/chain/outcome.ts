import type { Hex } from "../base/bytes.ts";
import { writeOutcome } from "../codec/client-protocol.ts";
import { hashBytes } from "../codec/parse.ts";
import { writer } from "../codec/writer.ts";
import { leafHash } from "./merkle.ts";
import type { BatchOutcome } from "./types.ts";

/** The leaf of one batch in a block's results root: which batch, and what became of it. */
export const outcomeLeaf = ({ batch, outcome }: { batch: Hex; outcome: BatchOutcome }): Uint8Array =>
  leafHash(hashBytes(batch), writeOutcome(writer(), outcome).done());
