import { z } from "zod";
import { type CelRule, timeField } from "./fields.ts";

/** Which rules the network runs, and which its releases could run. */
export const protocolStatusSchema = z.object({
  stateVersion: z
    .int()
    .min(1)
    .max(4_294_967_295)
    .describe("State version in force: the rules that every validator executes."),
  ableVersion: z
    .int()
    .min(1)
    .max(4_294_967_295)
    .describe("State version that the releases of all members have announced they can run."),
  pendingVersion: z
    .int()
    .min(1)
    .max(4_294_967_295)
    .optional()
    .describe("Ordered, and in force from the epoch on whose members can all run it."),
  wireVersion: z.int().min(1).max(65_535).describe("Newest version of the nodes' messages that all nodes speak."),
  leastVersion: z
    .string()
    .max(64)
    .optional()
    .describe("Oldest release that may run since the last activation; absent before the first."),
  orderedAt: timeField("When the activation was last ordered.").optional(),
});
export type ProtocolStatus = z.output<typeof protocolStatusSchema>;

const part = (version: string, place: number): string => `int(${version}.split('-')[0].split('.')[${place}])`;
/** Compared place by place, without macros: what they might run over costs more than the API server allows. */
const compared = (place: number, by: ">" | ">=" | "=="): string =>
  `${part("self.spec.version", place)} ${by} ${part("self.status.protocol.leastVersion", place)}`;

/** For the whole HmnCluster: what was activated cannot be undone, and older releases execute nothing any more. */
export const noDowngrade: CelRule = {
  rule: [
    "!has(self.status) || !has(self.status.protocol) || !has(self.status.protocol.leastVersion)",
    "self.spec.version == oldSelf.spec.version",
    compared(0, ">"),
    `(${compared(0, "==")} && (${compared(1, ">")} || (${compared(1, "==")} && ${compared(2, ">=")})))`,
  ].join(" || "),
  message:
    "spec.version is older than status.protocol.leastVersion: the network runs rules that it does not know; choose that release or a newer one",
};
