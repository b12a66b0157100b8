import { z } from "zod";
import { atomicList, cel } from "./fields.ts";
import { windowsSchema } from "./windows.ts";

export const phaseSchema = z.object({
  percent: z
    .int()
    .min(1)
    .max(100)
    .describe("Share of the nodes that run the new release at the end of this phase; rounded up to whole nodes."),
  soakSeconds: z
    .int()
    .min(0)
    .max(86_400)
    .default(60)
    .describe("How long the phase is watched under the service levels after its last node has settled."),
  gate: z
    .boolean()
    .default(false)
    .describe(
      "After this phase of an upgrade has passed, the next one waits for an HmnApproval with the action Promote. A first deployment does not wait: before its last phases there is no network to look at.",
    ),
});

export const serviceLevelsSchema = z.object({
  latencyP95Millis: z
    .int()
    .min(1)
    .max(60_000)
    .default(50)
    .describe("A node's 95th percentile of client latency over this is a breach."),
  errorsPpm: z
    .int()
    .min(0)
    .max(1_000_000)
    .default(10_000)
    .describe(
      "Share of client batches that fail (refusals by limit or bad input are not failures), in millionths; over this is a breach.",
    ),
  availabilityPpm: z
    .int()
    .min(0)
    .max(1_000_000)
    .default(990_000)
    .describe(
      "Share of the operator's readings of a node that it answers as ready, in millionths; under this is a breach.",
    ),
  throughputFloor: z
    .int()
    .min(0)
    .max(1_000_000_000)
    .default(200_000)
    .describe(
      "A node that commits less than this many records a second of its clients, and less than 95 % of what they offered it, is a breach; refusals aside.",
    ),
  cpuPpm: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(950_000)
    .describe(
      "Share of its CPU limit that a node uses, in millionths; over this is a breach if nodes on the old release use noticeably less.",
    ),
  memoryPpm: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(900_000)
    .describe(
      "Share of its memory limit that a node holds, in millionths; over this is a breach if nodes on the old release stay under it.",
    ),
  voteDelayP95Millis: z
    .int()
    .min(1)
    .max(1_000)
    .default(500)
    .describe(
      "The 95th percentile of a node's vote delay, as its peers signed it; over this in two epochs in a row is a breach. 1000 is never exceeded.",
    ),
  peersAvailabilityPpm: z
    .int()
    .min(0)
    .max(1_000_000)
    .default(900_000)
    .describe(
      "Share of its peers' probes that a node answered, as they signed it, in millionths; under this in two epochs in a row is a breach.",
    ),
});

export const rolloutPolicySchema = z
  .object({
    phases: z
      .array(phaseSchema)
      .min(1)
      .max(10)
      .default([
        { percent: 20, soakSeconds: 60, gate: false },
        { percent: 80, soakSeconds: 60, gate: false },
        { percent: 100, soakSeconds: 60, gate: false },
      ])
      .describe("Phases of the first deployment and of every upgrade.")
      .meta({
        ...atomicList,
        ...cel(
          {
            rule: "self[size(self) - 1].percent == 100",
            message: "the last phase must have percent: 100, or some nodes would never be upgraded",
          },
          {
            rule: "size(self) < 2 || self.all(i, phase, i == 0 || phase.percent > self[i - 1].percent)",
            message: "percent must grow from phase to phase",
          },
          {
            rule: "!self[size(self) - 1].gate",
            message: "the last phase has no next one to wait with: remove its gate",
          },
        ),
      }),
    observeSeconds: z
      .int()
      .min(0)
      .max(86_400)
      .default(30)
      .describe(
        "Phase 0 of an upgrade: before any validator is moved, an observer of the new release has to follow the network for so long. One that comes to other results, crashes or does not start ends the rollout. 0 leaves it out.",
      ),
    settleSeconds: z
      .int()
      .min(0)
      .max(3_600)
      .default(10)
      .describe("Time after each moved node before the next one moves."),
    progressDeadlineSeconds: z
      .int()
      .min(10)
      .max(86_400)
      .default(600)
      .describe("A moved node that is not ready after this long is a failure; does not count while soaking or paused."),
    rollbackWindowSeconds: z
      .int()
      .min(0)
      .max(2_592_000)
      .default(86_400)
      .describe(
        "After an upgrade has succeeded its new rules are not activated for this long, so that the release before can come back.",
      ),
    windows: windowsSchema,
    metrics: z
      .object({
        source: z
          .string()
          .min(1)
          .max(63)
          .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/)
          .describe("Name of one of the operator's metric sources."),
      })
      .optional()
      .describe(
        "Lets a metric source of the operator's configuration, such as a Prometheus, speak for the clients' latency and errors. Without it the operator scrapes the nodes itself.",
      ),
    intervalSeconds: z.int().min(1).max(300).default(5).describe("Length of one judged window."),
    failureLimit: z.int().min(1).max(10).default(2).describe("So many failed windows in a row roll back."),
    minimumSamples: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(20)
      .describe("A window with fewer client batches at a node gives no verdict on its latency and errors."),
  })
  .prefault({})
  .meta(
    cel({
      rule: "self.phases.all(phase, phase.soakSeconds == 0 || phase.soakSeconds >= self.intervalSeconds)",
      message: "soakSeconds must be 0 or at least intervalSeconds: a shorter soak would end without one judged window",
    }),
  );
