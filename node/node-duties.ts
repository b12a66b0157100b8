import { toHex } from "./base/bytes.ts";
import { reportsOf } from "./cal/observer.ts";
import { chainId, epochOf, heightOf, validatorStates } from "./chain/chain.ts";
import { dutiesOf, owesReports } from "./chain/duties.ts";
import { batchId, encodeBatch } from "./codec/batch.ts";
import { encodePeerMessage } from "./codec/peer-message.ts";
import { encodeReports } from "./codec/report.ts";
import { encodeValidatorRecords, type ValidatorRecord } from "./codec/validator-record.ts";
import { certifiedHeight } from "./consensus/state.ts";
import { addBatch } from "./lanes/own-lane.ts";
import type { Node, Step } from "./node-state.ts";

/** A duty that no block has executed after this time is signed again. */
const AGAIN_MS = 10_000;
const EXPIRY_MS = 60_000;
/** Blocks of an epoch after which what was seen of the one before is told: early enough to be executed by E. */
const LAST_VOTES_BLOCKS = 2;

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
export function signDuties(node: Node, step: Step): void {
  const { turn } = step;
  const { duties, config, chain } = node;
  const height = heightOf(chain);
  if (node.stopping || duties.seenHeight === height || node.unproved) return;
  // What it says has to be about the newest block: `caught_up` most of all.
  if (node.unexecuted.length > 0 || certifiedHeight(node.consensus) > height) return;
  duties.seenHeight = height;
  if (!ownsVoteKey(node)) return;
  const due = dutiesOf(chain, config.self).filter((record) => isDue(node, keyOf(record), turn.nowMs));
  if (due.length > 0 && order(node, step, { type: "validator", payload: encodeValidatorRecords(due) }))
    for (const record of due) duties.signed.set(keyOf(record), turn.nowMs + AGAIN_MS);
  signReports(node, step);
}

/** Tells what it saw of the epoch before, some blocks into this one: so long votes for its last blocks may come. */
function signReports(node: Node, step: Step): void {
  const { observation, chain, config, duties } = node;
  const { ended } = observation;
  const { nowMs } = step.turn;
  const publicKey = toHex(config.keyPair.publicKey);
  if (ended === undefined || heightOf(chain) < epochOf(chain).firstHeight + LAST_VOTES_BLOCKS) return;
  const name = `reports ${ended.epoch}`;
  if (!owesReports(chain, { validator: config.self, publicKey, epoch: ended.epoch }) || !isDue(node, name, nowMs))
    return;
  const reports = reportsOf(ended.observer).map((report) => ({ ...report, epoch: ended.epoch }));
  if (reports.length > 0 && order(node, step, { type: "reports", payload: encodeReports(reports) }))
    duties.signed.set(name, nowMs + AGAIN_MS);
}

/** What is not ordered for this reason the mesh brings again. */
export function orderAnchors(node: Node, step: Step, payload: Uint8Array): void {
  if (!node.stopping && !node.unproved && node.halted === undefined && ownsVoteKey(node))
    order(node, step, { type: "anchors", payload });
}

const isDue = ({ duties }: Node, name: string, nowMs: number): boolean => (duties.signed.get(name) ?? 0) <= nowMs;

/**
 * In the own lane, or in that of a member for one who has none; not at all where there is no such way. Each time another member
 * is asked: one of them may be a liar that keeps it to itself.
 */
function order(
  { duties, config, chain, connected, consensus, lanes }: Node,
  { turn, effects }: Step,
  content: { readonly type: "validator" | "reports" | "anchors"; readonly payload: Uint8Array },
): boolean {
  const member = consensus.self !== undefined;
  const peers = epochOf(chain).members.filter(({ id }) => connected.has(id));
  const peer = peers[Number(duties.sequence % BigInt(Math.max(1, peers.length)))]?.id;
  if (!member && peer === undefined) return false;
  duties.stream ??= turn.wallNs;
  const batch = encodeBatch({
    ...content,
    chainId: chainId(chain),
    keyPair: config.keyPair,
    stream: duties.stream,
    sequence: duties.sequence,
    expiryMs: Number(turn.wallNs / 1_000_000n) + EXPIRY_MS,
  });
  duties.sequence += 1n;
  if (member) addBatch(lanes, { id: batchId(batch), batch });
  else if (peer !== undefined) effects.push({ type: "send", peer, frame: encodePeerMessage({ type: "batch", batch }) });
  return true;
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
