import { z } from "zod";
import { atomicList } from "./fields.ts";
import { labelValue } from "./label-map.ts";

/** One number less than validators admit: the last one is for whoever follows a new release first. */
export const OBSERVERS_MAX = 15;

export const observersSchema = z.object({
  replicas: z
    .int()
    .min(0)
    .max(OBSERVERS_MAX)
    .default(0)
    .describe(
      "Number of nodes that follow the chain, execute it and answer readers, without a vote. They share hosts with validators, and a new release reaches them one at a time, once it was followed for rollout.observeSeconds, along with the first validators.",
    ),
  zones: z
    .array(labelValue.min(1))
    .max(16)
    .default([])
    .describe("Values of topology.kubernetes.io/zone in which they may run; empty: any. A change counts for new pods.")
    .meta(atomicList),
});

export const observerStatusSchema = z.object({
  id: z
    .int()
    .min(0)
    .max(OBSERVERS_MAX - 1)
    .describe("Number of the observer."),
  pod: z.string().max(253).describe("Name of its pod."),
  host: z.string().max(253).describe("Host that it runs on; empty while it has none."),
  revision: z.string().max(64).describe("Revision of its inputs that the pod runs; empty while there is no pod."),
  version: z.string().max(64).describe("Version that the node reports; empty while it cannot be read."),
  state: z.string().max(32).describe("State that the node reports, or why it cannot be read."),
  ready: z.boolean().describe("Whether the pod is Ready."),
  problem: z.string().max(512).describe("What is wrong with it and what to do; empty when nothing is."),
});

export type ObserverStatus = z.output<typeof observerStatusSchema>;
