import { z } from "zod";

export const coherenceStatusSchema = z
  .object({
    band: z
      .enum(["Green", "Yellow", "Red", "Critical"])
      .describe("How well the validators work together, by the mean of their Ψ in the epoch that was measured last."),
    mode: z
      .enum(["Normal", "Emergency"])
      .describe("In an emergency epochs are short, nothing is minted, no weight moves, and nobody joins or leaves."),
  })
  .describe("Coherence of the network as most of its nodes tell it; the numbers are in their /status and metrics.");

export type CoherenceStatus = z.output<typeof coherenceStatusSchema>;
