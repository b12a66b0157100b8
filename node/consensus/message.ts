import { unreachable } from "../base/assert.ts";
import type { PeerMessage } from "../codec/peer-message.ts";

const CONSENSUS_TYPES = [
  ...(["proposal", "vote", "certificate", "block-request", "block"] as const),
  ...(["certificates-request", "vote-query", "vote-answer", "stopping"] as const),
] satisfies readonly PeerMessage["type"][];

/** The messages between nodes that are for consensus. */
export type ConsensusMessage = Extract<PeerMessage, { type: (typeof CONSENSUS_TYPES)[number] }>;

export const isForConsensus = (message: PeerMessage): message is ConsensusMessage =>
  CONSENSUS_TYPES.some((type) => type === message.type);

/** Messages that belong to one epoch. */
export type EpochMessage = Extract<ConsensusMessage, { type: "proposal" | "vote" | "certificate" }>;

export function epochOfMessage(message: EpochMessage): number {
  switch (message.type) {
    case "proposal":
      return message.block.epoch;
    case "vote":
      return message.vote.ballot.epoch;
    case "certificate":
      return message.certificate.ballot.epoch;
    default:
      return unreachable(message);
  }
}
