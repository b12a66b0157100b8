import type { Hex } from "../base/bytes.ts";
import { isBeyond, type Tip, tipOfCar } from "../codec/car.ts";
import { type Payload, parsePayload } from "../codec/payload.ts";
import { abandonIncarnation } from "./own-lane.ts";
import { type Lanes, laneOf, trackOf } from "./state.ts";
import { dropUpTo, orderUpTo } from "./track.ts";

/** What positions need of a block: consensus has the rest. */
export type PayloadBlock = { readonly hash: Hex; readonly payload: Uint8Array };

/** Where the lanes stand after these blocks on top of all final ones. The last answer is kept, as it is asked for often. */
export function positionsAfter(lanes: Lanes, branch: readonly PayloadBlock[]): ReadonlyMap<number, Tip> {
  const key = `${lanes.orderings} ${branch.length} ${branch.at(-1)?.hash ?? ""}`;
  if (lanes.after?.key === key) return lanes.after.positions;
  const positions = new Map<number, Tip>();
  for (const { validator, ordered } of lanes.lanes.values())
    if (ordered !== undefined) positions.set(validator, ordered);
  for (const { payload } of branch) {
    for (const tip of tipsOf(payload)) positions.set(tip.validator, tipOfCar(tip));
  }
  lanes.after = { key, positions };
  return positions;
}

/** The tips of a block that others voted for. A malformed payload orders nothing: no honest node votes for one. */
export function tipsOf(payload: Uint8Array): Payload["tips"] {
  const parsed = parsePayload(payload);
  return parsed.ok ? parsed.value.tips : [];
}

/** A final block has ordered these tips, whether their cars are here or not. */
export function orderTips(lanes: Lanes, payload: Uint8Array): void {
  lanes.orderings += 1;
  for (const tip of tipsOf(payload)) {
    const lane = laneOf(lanes, tip.validator);
    if (tip.validator === lanes.config.self && leavesOwnLane(lanes, tip)) abandonIncarnation(lanes);
    lane.ordered = tipOfCar(tip);
    const track = trackOf(lane, tip.incarnation);
    if (track !== undefined) orderUpTo(track, tip);
    if (lane.certificate !== undefined && !isBeyond(lane.certificate.tip, tip)) lane.certificate = undefined;
    if (lane.acked !== undefined && !isBeyond(lane.acked, tip)) lane.acked = undefined;
  }
}

/** Whether a tip of the own lane is not on the way to its newest car: then an earlier life said more than this one knows. */
function leavesOwnLane({ own, lanes, config }: Lanes, tip: Tip): boolean {
  if (own.incarnation === undefined || tip.incarnation < own.incarnation) return false;
  const lane = lanes.get(config.self);
  const car = lane === undefined ? undefined : trackOf(lane, tip.incarnation)?.cars.get(tip.number);
  return tip.incarnation > own.incarnation || car?.digest !== tip.digest;
}

/** A final block was executed: its cars, and what came before them in the lane, leave memory. */
export function forgetExecuted(lanes: Lanes, tips: Payload["tips"]): void {
  for (const tip of tips) {
    const lane = laneOf(lanes, tip.validator);
    lane.tracks = lane.tracks.filter(({ incarnation }) => incarnation >= tip.incarnation);
    const track = trackOf(lane, tip.incarnation);
    if (track !== undefined) dropUpTo(track, tip.number);
  }
  for (const [digest, car] of lanes.fetched) {
    const ordered = lanes.lanes.get(car.validator)?.ordered;
    if (ordered !== undefined && isBeyond(car, ordered)) continue;
    lanes.fetched.delete(digest);
    lanes.fetchedBytes -= car.bytes.length;
  }
}
