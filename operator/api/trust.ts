import { z } from "zod";

const hash = z
  .string()
  .max(64)
  .regex(/^[0-9a-f]{64}$/);

export const trustStatusSchema = z
  .object({
    epoch: z.number().int().min(2).max(Number.MAX_SAFE_INTEGER).describe("The epoch that the block began."),
    height: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER).describe("Height of the block."),
    blockHash: hash.describe("Hash of the block."),
    setHash: hash.describe("Hash of the validator set that the block named."),
  })
  .describe(
    "Closing block of an epoch as more than half of the voting weight tells it, given to nodes in network.json: one that comes back empty checks its peers' snapshots from there. Renewed when a node needs it.",
  );

export type TrustStatus = z.output<typeof trustStatusSchema>;
