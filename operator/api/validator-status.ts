import { z } from "zod";

export const validatorStatusSchema = z.object({
  id: z.int().min(0).max(99).describe("Validator id."),
  pod: z.string().max(253).describe("Name of its pod."),
  host: z.string().max(253).describe("Host that it runs on; empty while it has none."),
  zone: z.string().max(63).default("").describe("Zone of that host; empty if it carries no label for one."),
  revision: z.string().max(64).describe("Revision of its inputs that the pod runs; empty while there is no pod."),
  version: z.string().max(64).describe("Version that the node reports; empty while it cannot be read."),
  state: z
    .string()
    .max(32)
    .describe("State that the node reports, or why it cannot be read: Missing, Pending, Unreachable."),
  ready: z.boolean().describe("Whether the pod is Ready."),
  weight: z
    .int()
    .min(0)
    .default(0)
    .describe(
      "Weight of its vote in the committed set; 0 before genesis and for an observer. Weights move in every epoch: here they are renewed, all at once, when one of them has moved by more than a tenth.",
    ),
  voting: z
    .boolean()
    .default(false)
    .describe("Whether that weight counts towards a quorum now: ready, caught up, and voting with its committed key."),
  problem: z.string().max(512).describe("What is wrong with it and what to do; empty when nothing is."),
});

export type ValidatorStatus = z.output<typeof validatorStatusSchema>;
