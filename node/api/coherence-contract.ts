import { z } from "zod";
import { atHeight, counter, decimal, hex32, u32 } from "./json-contract.ts";

/** The JSON of `/v1/coherence` and `/v1/supply`. Ratios are whole numbers of millionths. */
const ppm = (meaning: string) =>
  z
    .number()
    .int()
    .min(0)
    .max(1_200_000)
    .meta({ description: `${meaning} In ppm.` });
const amount = (meaning: string) => decimal(128, `${meaning} In the token's smallest unit.`);
const names = ["FLX", "CHR", "ATR", "PSY", "RES"] as const;

const omegaSchema = z.object({
  participationPpm: ppm("Blocks for which its vote is carried."),
  timelinessPpm: ppm("How early it votes, by the others' reports."),
  agreementPpm: ppm("Carried votes with the committed results."),
  meshPpm: ppm("Mesh exchanges that ended equal, by reports."),
  availabilityPpm: ppm("Probes that it answered, by reports."),
});

export const coherenceSchema = z
  .object({
    ...atHeight,
    epoch: counter.meta({ description: "Of the next block." }),
    measuredEpoch: counter.meta({ description: "The newest that was measured; 0: none yet." }),
    coherencePpm: ppm("Coherence density of all validators."),
    quorumCoherencePpm: ppm("That of the best quorum: under 700 000 it is an emergency."),
    meanPsiPpm: ppm("Score of the validators, averaged by weight."),
    band: z.enum(["green", "yellow", "red", "critical"]).meta({ description: "Of the mean score." }),
    lambdaPpm: ppm("Stability scalar: high means calm."),
    alphaPpm: ppm("Attunement, a parameter of the network."),
    lambdaEffectivePpm: ppm("Both multiplied: it paces epochs and services."),
    mode: z.enum(["Normal", "Emergency"]),
    validators: z.array(
      z.object({ id: u32, weight: z.number().int().positive(), psiPpm: ppm("Its score."), omega: omegaSchema }),
    ),
  })
  .meta({ description: "How well the validators work together: committed, so the same on all nodes." });

const mintSchema = z
  .object({
    id: hex32("SHA-256 over chain id and epoch; its first half is the id of the journal's entries."),
    epoch: counter.meta({ description: "The measured epoch." }),
    height: counter.meta({ description: "The closing block that it was executed with." }),
    coherencePpm: ppm("Coherence density."),
    lambdaPpm: ppm("Stability scalar."),
    meanPsiPpm: ppm("Mean score."),
    highestRecentChr: amount("The most reputation of any member in the mints before."),
    headroom: z.object({
      FLX: amount("What cap and pool left."),
      CHR: amount("What cap and pool left."),
      ATR: amount("What cap and pool left."),
      PSY: amount("What cap and pool left."),
      RES: amount("What cap and pool left."),
    }),
    candidates: z.array(
      z.object({ id: u32, weight: counter, psiPpm: ppm("Its score."), recentChr: amount("Of the last 20 mints.") }),
    ),
    budget: amount("In FLX."),
    issues: z.array(
      z.object({
        token: z.enum(names),
        total: amount("What was issued."),
        shares: z.array(z.object({ id: u32, amount: amount("Of this validator.") })),
      }),
    ),
  })
  .meta({ description: "A mint with all that it was computed from." });

const supplyOfToken = z.object({
  issued: amount("Ever issued."),
  burned: amount("Ever burned."),
  held: amount("On accounts: issued - burned."),
  cap: amount("The most that may be held."),
});
export const supplySchema = z.object({
  ...atHeight,
  tokens: z.object({
    FLX: supplyOfToken,
    CHR: supplyOfToken,
    ATR: supplyOfToken,
    PSY: supplyOfToken,
    RES: supplyOfToken,
  }),
  mints: z.array(mintSchema).meta({ description: "The newest, newest first." }),
});
