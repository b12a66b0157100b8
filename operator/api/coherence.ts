import { z } from "zod";

const ratio = (meaning: string) => z.int().min(0).max(1_000_000).optional().describe(`${meaning} In millionths.`);

export const coherenceStatusSchema = z
  .object({
    band: z
      .enum(["Green", "Yellow", "Red", "Critical"])
      .describe("How well the validators work together, by the mean of their Ψ in the epoch that was measured last."),
    mode: z
      .enum(["Normal", "Emergency"])
      .describe("In an emergency epochs are short, nothing is minted, no weight moves, and nobody joins or leaves."),
    coherencePpm: ratio("Coherence density of all validators."),
    meanPsiPpm: ratio("Mean Ψ of the validators, by weight."),
    lambdaPpm: ratio("Stability: high means calm."),
    epoch: z.int().min(0).optional().describe("The measured epoch from which on the numbers have been like this."),
  })
  .describe(
    "Coherence of the network as most of its nodes tell it. The numbers are rounded to hundredths and written when one has moved by two of them; the exact ones are in the nodes' /status and metrics.",
  );

export type CoherenceStatus = z.output<typeof coherenceStatusSchema>;
