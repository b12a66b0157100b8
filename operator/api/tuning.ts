import { z } from "zod";
import { atomicList, cel, listMap, quantityField, timeField } from "./fields.ts";

/** What may be tuned, by the names of the network's parameters. */
export const tunedParameters = ["attunementPpm", "psiSharePpm"] as const;
export type TunedParameter = (typeof tunedParameters)[number];

/** Trials that are remembered; the oldest go first. */
export const TRIALS_KEPT = 20;
/** Epochs that are compared on either side at most. */
const OBSERVATION_MAX = 32;

const knob = (bounds: { readonly min: number; readonly max: number; readonly step: number }, what: string) =>
  z
    .object({
      minPpm: z.int().min(bounds.min).max(bounds.max).default(bounds.min).describe("Never below this, in millionths."),
      maxPpm: z.int().min(bounds.min).max(bounds.max).default(bounds.max).describe("Never above this, in millionths."),
      stepPpm: z
        .int()
        .min(1_000)
        .max(bounds.step)
        .default(bounds.step)
        .describe("The first step, in millionths; each one that is taken back makes the next a tenth smaller."),
    })
    .describe(what)
    .meta(cel({ rule: "self.minPpm <= self.maxPpm", message: "minPpm must not be more than maxPpm" }));

const range = (what: string, bounds: { readonly min: string; readonly max: string }) =>
  z
    .object({
      min: quantityField(`Never less ${what} than this.`).default(bounds.min),
      max: quantityField(`Never more ${what} than this.`).default(bounds.max),
    })
    .describe(`Bounds of what is recommended of ${what}.`)
    .meta(
      cel({
        rule: "quantity(self.min).compareTo(quantity(self.max)) <= 0",
        message: "min must not be more than max",
      }),
    );

const resourceTuningSchema = z.object({
  cpu: range("CPU", { min: "100m", max: "8" }).prefault({}),
  memory: range("memory", { min: "128Mi", max: "16Gi" }).prefault({}),
  stepPercent: z.int().min(1).max(50).default(25).describe("One recommendation changes either by so much at most."),
});

const resourceAdviceSchema = z.object({
  cpu: z.string().max(32).describe("For spec.resources.cpu."),
  memory: z.string().max(32).describe("For spec.resources.memory."),
  since: timeField("Since when."),
  message: z.string().max(400).describe("Why, in one sentence."),
});

export const tuningSchema = z.object({
  mode: z
    .enum(["Off", "Recommend", "Auto"])
    .default("Off")
    .describe(
      "Off: parameters stay as they are. Recommend: status.tuning says which step is worth a trial, and judges it when somebody takes it. Auto: the operator orders the step itself, keeps it only if coherence rose by more than chance and no service level got worse, and takes it back otherwise.",
    ),
  observationEpochs: z
    .int()
    .min(6)
    .max(OBSERVATION_MAX)
    .default(8)
    .describe("So many measured epochs before a step are compared with as many after it."),
  cooldownSeconds: z
    .int()
    .min(60)
    .max(604_800)
    .default(900)
    .describe("Rest after a step was kept or taken back, before the next one."),
  attunement: knob(
    { min: 800_000, max: 1_200_000, step: 20_000 },
    "Attunement, α of λ(t): how calm background work is.",
  ).prefault({}),
  psiShare: knob(
    { min: 0, max: 400_000, step: 50_000 },
    "Share of Ψ in a validator's weight. Left alone unless this is given: it moves weights, and the chain lets it change once a day, so that a step is taken back a day later.",
  ).optional(),
  resources: resourceTuningSchema
    .optional()
    .describe(
      "With this, CPU and memory are recommended in both modes, by what the nodes used in the last quarter of an hour. Nobody but you changes spec.resources.",
    ),
});

const levelsSchema = z.object({
  latencyP95Millis: z.int().min(0).max(600_000).optional().describe("Absent: too few clients."),
  errorsPpm: z.int().min(0).max(1_000_000).describe("Share of the clients' batches that failed."),
  availabilityPpm: z.int().min(0).max(1_000_000).describe("Share of readings that nodes answered as ready."),
});

const trialSchema = z.object({
  parameter: z.enum(tunedParameters).describe("What is changed."),
  from: z.int().min(0).max(1_200_000).describe("Its value before."),
  to: z.int().min(0).max(1_200_000).describe("The value that is tried."),
  step: z
    .enum(["Proposed", "Observing", "TakingBack"])
    .describe("Proposed: not in force yet. Observing: in force and watched. TakingBack: the old value comes back."),
  since: timeField("Since when it is in this step."),
  orderedAt: timeField("When the operator last ordered it; absent: somebody else changes the parameter.").optional(),
  epoch: z.int().min(0).describe("First epoch that counts as observed; 0 before."),
  coherencePpm: z
    .array(z.int().min(0).max(1_000_000))
    .max(OBSERVATION_MAX)
    .describe("Coherence density of the epochs before.")
    .meta(atomicList),
  levels: levelsSchema.describe("Service levels before."),
  reason: z.string().max(300).describe("Why it is taken back; empty before."),
  blamed: z.boolean().describe("Whether the step itself was found wanting, and not something else came between."),
});

const outcomeSchema = z.object({
  time: timeField("When it ended."),
  parameter: z.enum(tunedParameters).describe("What was changed."),
  from: z.int().min(0).max(1_200_000).describe("Its value before."),
  to: z.int().min(0).max(1_200_000).describe("The value that was tried."),
  outcome: z
    .enum(["Kept", "TakenBack", "Superseded"])
    .describe("Superseded: somebody else changed the parameter meanwhile."),
  message: z.string().max(300).describe("Why, in one sentence."),
});

export const tuningStatusSchema = z.object({
  state: z
    .enum(["Resting", "Measuring", "Trying"])
    .describe("Resting: something else goes on. Measuring: epochs are collected for comparison. Trying: see trial."),
  message: z.string().max(300).describe("Why it rests, or what it waits for."),
  since: timeField("Since when it is in this state."),
  fromEpoch: z.int().min(0).describe("First epoch that counts as undisturbed."),
  subject: z
    .string()
    .max(128)
    .describe("Release and number of validators; with others, steps begin at full size again."),
  steps: z
    .array(
      z.object({
        parameter: z.enum(tunedParameters).describe("What is tuned."),
        stepPpm: z
          .int()
          .min(0)
          .max(1_200_000)
          .describe("Size of its next step; 0: smaller ones are not worth a trial."),
        direction: z.enum(["Up", "Down"]).describe("Where its next step goes."),
        restUntil: timeField("No step before.").optional(),
      }),
    )
    .max(8)
    .describe("Where each parameter's next step goes.")
    .meta(listMap("parameter")),
  trial: trialSchema.optional().describe("The one step under way."),
  recommendation: z
    .object({
      parameter: z.enum(tunedParameters).describe("What to change."),
      value: z.int().min(0).max(1_200_000).describe("The value to give it."),
      message: z.string().max(300).describe("Why, in one sentence."),
    })
    .optional()
    .describe("What the operator would order if spec.tuning.mode were Auto."),
  resources: resourceAdviceSchema
    .optional()
    .describe("What the nodes should ask for, by what they used; absent while that is what they have."),
  history: z.array(outcomeSchema).max(TRIALS_KEPT).describe("How the last steps ended.").meta(atomicList),
});

export type ResourceTuning = z.output<typeof resourceTuningSchema>;
export type ResourceAdvice = z.output<typeof resourceAdviceSchema>;
export type TuningSpec = z.output<typeof tuningSchema>;
export type TuningStatus = z.output<typeof tuningStatusSchema>;
export type Trial = z.output<typeof trialSchema>;
export type TrialOutcome = z.output<typeof outcomeSchema>;
export type LevelFacts = z.output<typeof levelsSchema>;
