import type { AvailabilityCertificate } from "../codec/availability.ts";
import { type Car, equalTips, type Tip, tipOfCar } from "../codec/car.ts";
import { BLOCK_CARS_MAX, encodePayload, type OrderedTip, TIPS_MAX } from "../codec/payload.ts";
import { type PayloadBlock, positionsAfter } from "./positions.ts";
import type { Lane, Lanes } from "./state.ts";
import { carsAfter, holdsAfter, LANE_START, type Place, type Track } from "./track.ts";

/** Whether a lane has a tip here, held without a gap, that the branch lacks. */
export function waits(lanes: Lanes, branch: readonly PayloadBlock[]): boolean {
  const positions = positionsAfter(lanes, branch);
  for (const lane of lanes.lanes.values()) {
    if (!lanes.committee.byId.has(lane.validator)) continue;
    if (nextTrack(lane, positions.get(lane.validator)) !== undefined) return true;
  }
  return false;
}

/**
 * What this node proposes on the branch: the newest tips that it holds and can serve, within its own limits, a car from
 * each lane in turn, so that no lane crowds out another. `certifiedOnly`: no further than a certificate proves.
 */
export function take(
  lanes: Lanes,
  branch: readonly PayloadBlock[],
  { certifiedOnly }: { certifiedOnly: boolean },
): Uint8Array {
  const positions = positionsAfter(lanes, branch);
  const offers: { readonly lane: Lane; readonly cars: readonly Car[]; taken: number }[] = [];
  for (const { id } of lanes.committee.members) {
    const lane = lanes.lanes.get(id);
    if (lane === undefined) continue;
    const position = positions.get(id);
    const cars = certifiedOnly ? certifiedCars(lane, position) : newCars(lane, position);
    if (cars.length > 0 && offers.length < TIPS_MAX) offers.push({ lane, cars, taken: 0 });
  }
  // A certificate proves one tip, so what the limits cut short of it can't be proposed on it: only the hard ones cut.
  const { blockCarsMax, blockBatchBytesMax } = lanes.config.pace;
  share(offers, {
    carsMax: certifiedOnly ? BLOCK_CARS_MAX : Math.min(blockCarsMax, BLOCK_CARS_MAX),
    bytesMax: certifiedOnly ? lanes.blockBatchBytesMax : Math.min(blockBatchBytesMax, lanes.blockBatchBytesMax),
  });
  const tips: OrderedTip[] = [];
  const certificates: AvailabilityCertificate[] = [];
  for (const { lane, cars, taken } of offers) {
    const last = cars[taken - 1];
    if (last === undefined) continue;
    if (certifiedOnly) {
      if (lane.certificate === undefined || !equalTips(lane.certificate.tip, last)) continue;
      certificates.push(lane.certificate);
    }
    tips.push({ ...tipOfCar(last), cars: taken });
  }
  return encodePayload({ tips, certificates });
}

function share(
  offers: { readonly cars: readonly Car[]; taken: number }[],
  { carsMax, bytesMax }: { carsMax: number; bytesMax: number },
): void {
  let cars = 0;
  let bytes = 0;
  for (let open = offers; open.length > 0; ) {
    open = open.filter((offer) => {
      const car = offer.cars[offer.taken];
      // One car is always taken, however large.
      if (car === undefined || cars >= carsMax || (cars > 0 && bytes + car.byteLength > bytesMax)) return false;
      offer.taken += 1;
      cars += 1;
      bytes += car.byteLength;
      return true;
    });
  }
}

function newCars(lane: Lane, position: Tip | undefined): readonly Car[] {
  const track = nextTrack(lane, position);
  return track === undefined ? [] : carsAfter(track, placeIn(track, position));
}

function certifiedCars(lane: Lane, position: Tip | undefined): readonly Car[] {
  const tip = lane.certificate?.tip;
  const track = lane.tracks.find(({ incarnation }) => incarnation === tip?.incarnation);
  if (tip === undefined || track === undefined || (position !== undefined && position.incarnation > tip.incarnation))
    return [];
  const cars = carsAfter(track, placeIn(track, position));
  const end = cars.findIndex(({ digest }) => digest === tip.digest);
  return cars.slice(0, end + 1);
}

/** The oldest incarnation that has something to order: what its owner forgot comes before what it began anew. */
function nextTrack(lane: Lane, position: Tip | undefined): Track | undefined {
  return lane.tracks.find(
    (track) =>
      (position === undefined || track.incarnation >= position.incarnation) &&
      holdsAfter(track, placeIn(track, position)),
  );
}

const placeIn = (track: Track, position: Tip | undefined): Place =>
  position?.incarnation === track.incarnation ? position : LANE_START;
