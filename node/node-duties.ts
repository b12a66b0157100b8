import { toHex } from "./base/bytes.ts";
import { chainId, dutiesOf, heightOf, validatorStates } from "./chain/chain.ts";
import { batchId, encodeBatch } from "./codec/batch.ts";
import { encodePeerMessage } from "./codec/peer-message.ts";
import { encodeValidatorRecords, type ValidatorRecord } from "./codec/validator-record.ts";
import { certifiedHeight } from "./consensus/state.ts";
import { addBatch } from "./lanes/own-lane.ts";
import type { Node, Step } from "./node-state.ts";

/** A duty that no block has executed after this time is signed again. */
const AGAIN_MS = 10_000;
const EXPIRY_MS = 60_000;

/** What this validator signs by itself, as a client of its own with its vote key. */
export type Duties = {
  /** Of this process; opened with the first batch. */
  stream: bigint | undefined;
  sequence: bigint;
  /** Looked at once for each height. */
  seenHeight: number;
  /** Until when a duty counts as under way. */
  readonly signed: Map<string, number>;
};

export const createDuties = (): Duties => ({ stream: undefined, sequence: 0n, seenHeight: -1, signed: new Map() });

/** Signs what the chain asks of this validator and has it ordered: in the own lane, or by a member for one who has none. */
export function signDuties(node: Node, { turn, effects }: Step): void {
  const { duties, config, chain } = node;
  const height = heightOf(chain);
  if (node.stopping || duties.seenHeight === height || node.unproved) return;
  // What it says has to be about the newest block: `caught_up` most of all.
  if (node.unexecuted.length > 0 || certifiedHeight(node.consensus) > height) return;
  duties.seenHeight = height;
  if (!ownsVoteKey(node)) return;
  const due = dutiesOf(chain, config.self).filter((record) => (duties.signed.get(keyOf(record)) ?? 0) <= turn.nowMs);
  const peer = [...node.connected].toSorted((a, b) => a - b)[0];
  const member = node.consensus.self !== undefined;
  if (due.length === 0 || (!member && peer === undefined)) return;
  for (const record of due) duties.signed.set(keyOf(record), turn.nowMs + AGAIN_MS);
  duties.stream ??= turn.wallNs;
  const batch = encodeBatch({
    type: "validator",
    payload: encodeValidatorRecords(due),
    chainId: chainId(chain),
    keyPair: config.keyPair,
    stream: duties.stream,
    sequence: duties.sequence,
    expiryMs: Number(turn.wallNs / 1_000_000n) + EXPIRY_MS,
  });
  duties.sequence += 1n;
  if (member) addBatch(node.lanes, { id: batchId(batch), batch });
  else if (peer !== undefined) effects.push({ type: "send", peer, frame: encodePeerMessage({ type: "batch", batch }) });
}

function ownsVoteKey({ chain, config }: Node): boolean {
  const validator = validatorStates(chain).get(config.self);
  const key = toHex(config.keyPair.publicKey);
  return validator !== undefined && [validator.voteKey, validator.join?.voteKey].includes(key);
}

/** What has been caught up with changes with each block; the duty is the same. */
function keyOf(record: ValidatorRecord): string {
  switch (record.kind) {
    case "approve":
      return `${record.kind} ${record.subject} ${record.key}`;
    case "announce":
      return `${record.kind} ${record.stateVersion}`;
    default:
      return record.kind;
  }
}
