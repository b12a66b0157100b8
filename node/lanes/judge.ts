import { availabilityFault } from "../codec/availability.ts";
import { equalTips, isBeyond, type Tip } from "../codec/car.ts";
import { type OrderedTip, type Payload, parsePayload } from "../codec/payload.ts";
import { type PayloadBlock, positionsAfter } from "./positions.ts";
import { type Lanes, type LaneTurn, placeBefore, stubOf } from "./state.ts";
import { want } from "./wanted.ts";

/** What a voter needs to know of a proposal. */
export type ProposedBlock = PayloadBlock & { readonly proposer: number };

/**
 * Whether to vote for a block's payload (rules 7 and 8): its form, each tip beyond the branch's, and its cars held here or
 * certified. `wait`: cars are missing; they are asked for.
 */
export function judgePayload(
  lanes: Lanes,
  turn: LaneTurn,
  block: ProposedBlock,
  branch: readonly PayloadBlock[],
): "valid" | "wait" | { readonly invalid: string } {
  const parsed = parsePayload(block.payload);
  if (!parsed.ok) return { invalid: `payload: ${parsed.detail ?? parsed.reason}` };
  const positions = positionsAfter(lanes, branch);
  let byteLength = 0;
  let waiting = false;
  for (const tip of parsed.value.tips) {
    const before = positions.get(tip.validator);
    const misplaced = placeFault(lanes, tip, before);
    if (misplaced !== undefined) return { invalid: misplaced };
    const held = heldBytesUpTo(lanes, tip);
    if (held === undefined) {
      const proved = isCertified(lanes, tip, parsed.value);
      if (proved === "wrong") return { invalid: `certificate of lane ${tip.validator} is wrong` };
      want(lanes, turn, { tip, from: tip.number - tip.cars + 1, sources: sourcesOf(lanes, tip, block, parsed.value) });
      if (proved === "no") waiting = true;
      continue;
    }
    if (!follows(held.lowest, before)) return { invalid: `lane ${tip.validator} does not follow the branch` };
    byteLength += held.byteLength;
  }
  // One car is always taken, however large.
  const cars = parsed.value.tips.reduce((sum, tip) => sum + tip.cars, 0);
  if (cars > 1 && byteLength > lanes.blockBatchBytesMax) return { invalid: "the block orders too many bytes" };
  return waiting ? "wait" : "valid";
}

/** Whether all that the payload orders is in this node's log; what is missing is asked for (rule 8). */
export function isDurable(lanes: Lanes, turn: LaneTurn, block: ProposedBlock): boolean {
  const parsed = parsePayload(block.payload);
  if (!parsed.ok) return true;
  return wantAll(lanes, turn, block, parsed.value);
}

/** Asks for whatever is missing of a block's cars; true if nothing is. */
export function wantAll(lanes: Lanes, turn: LaneTurn, block: ProposedBlock, payload: Payload): boolean {
  let whole = true;
  for (const tip of payload.tips) {
    const from = tip.number - tip.cars + 1;
    if (!want(lanes, turn, { tip, from, sources: sourcesOf(lanes, tip, block, payload) })) whole = false;
  }
  return whole;
}

function placeFault(lanes: Lanes, tip: OrderedTip, before: Tip | undefined): string | undefined {
  const lane = `lane ${tip.validator}`;
  if (!lanes.committee.byId.has(tip.validator)) return `${lane} is no member's`;
  if (!isBeyond(tip, before)) return `${lane} is not beyond the branch`;
  const from = before?.incarnation === tip.incarnation ? before.number : 0;
  return tip.number - tip.cars === from ? undefined : `${lane} skips or repeats cars`;
}

/** The cars of the tip, if they are all here: how long their batches are, and what comes before the lowest. */
function heldBytesUpTo(
  lanes: Lanes,
  tip: OrderedTip,
): { readonly byteLength: number; readonly lowest: Tip | undefined } | undefined {
  let byteLength = 0;
  let place: Tip | undefined = tip;
  for (let left = tip.cars; left > 0; left--) {
    const stub = place === undefined ? undefined : stubOf(lanes, place);
    if (stub === undefined) return undefined;
    byteLength += stub.byteLength;
    place = placeBefore(stub);
  }
  return { byteLength, lowest: place };
}

const follows = (place: Tip | undefined, before: Tip | undefined): boolean =>
  place === undefined || place.digest === before?.digest;

/** Whether enough others say that they hold it: by the payload's certificate, or by one that came before. */
function isCertified(lanes: Lanes, tip: Tip, { certificates }: Payload): "yes" | "no" | "wrong" {
  const known = lanes.lanes.get(tip.validator)?.certificate;
  if (known !== undefined && equalTips(known.tip, tip)) return "yes";
  const certificate = certificates.find((one) => equalTips(one.tip, tip));
  if (certificate === undefined) return "no";
  const fault = availabilityFault(certificate, { ...lanes.config, committee: lanes.committee });
  return fault === undefined ? "yes" : "wrong";
}

const sourcesOf = (lanes: Lanes, tip: Tip, { proposer }: ProposedBlock, { certificates }: Payload): number[] => {
  const certificate =
    certificates.find((one) => equalTips(one.tip, tip)) ?? lanes.lanes.get(tip.validator)?.certificate;
  return [...(certificate?.signatures.map(({ signer }) => signer) ?? []), proposer];
};
