import { present } from "../base/assert.ts";
import { isBeyond, parseCar, type Tip } from "../codec/car.ts";
import { heldBytes, heldCars, type Lanes, laneBytesMax, laneOf, openTrack, trackOf } from "./state.ts";
import { addCar } from "./track.ts";

/** Takes back from the log what no executed block has: the first car of each number, as it was taken then, and the own lane. */
export function recoverLanes(lanes: Lanes, heads: readonly Tip[]): void {
  for (const head of heads) {
    const lane = laneOf(lanes, head.validator);
    if (!lanes.committee.byId.has(head.validator) || !isBeyond(head, lane.ordered)) continue;
    if (heldCars(lane) >= lanes.config.pace.laneCarsMax || heldBytes(lane) >= laneBytesMax(lanes)) continue;
    const track = trackOf(lane, head.incarnation) ?? openTrack(lane, head.incarnation, Number.NEGATIVE_INFINITY);
    if (track.cars.has(head.number)) continue;
    const bytes = lanes.config.readCar(head.digest);
    // It has decayed, which only reading it shows: it comes from the peers again.
    if (bytes === undefined) continue;
    const car = parseCar(bytes);
    addCar(track, present(car.ok ? car.value : undefined, "the log gives back the car that it was given"));
  }
  recoverOwn(lanes, heads);
}

/**
 * The own lane goes on behind its newest car, if the log still has the way there; otherwise its next car opens a new
 * incarnation (rule 8): what this node said before may be more than it knows.
 */
function recoverOwn(lanes: Lanes, heads: readonly Tip[]): void {
  const { own, config } = lanes;
  const { tracks, ordered } = laneOf(lanes, config.self);
  for (const { cars } of tracks) for (const { ids } of cars.values()) for (const id of ids) own.sealed.add(id);
  const beyond = heads.filter((head) => head.validator === config.self && isBeyond(head, ordered));
  const newest = beyond.reduce<Tip | undefined>((best, head) => (isBeyond(head, best) ? head : best), undefined);
  const track = newest === undefined ? undefined : tracks.find(({ incarnation }) => incarnation === newest.incarnation);
  if (newest !== undefined && track?.head.digest === newest.digest) {
    own.incarnation = newest.incarnation;
    own.last = track.head;
  } else if (newest === undefined && heads.some(({ digest }) => digest === ordered?.digest)) {
    own.incarnation = ordered?.incarnation;
    own.last = ordered ?? own.last;
  }
}
